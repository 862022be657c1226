// Package decode generates text with any model that continues rows of tokens: the
// searches, the loop that runs many of them in one batch, and the rows' cache of keys
// and values. It knows no family of models.
//
//	jobs := []decode.Job{{Prompt: ids, Search: decode.NewGreedy(stops, 20, nil)}}
//	err := decode.Run(ctx, stepper, jobs)
package decode
