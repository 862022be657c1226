// Package gitvideo runs GIT: pictures become features, the features of a clip
// become a prefix, and every question on the clip is answered from that prefix.
//
//	m, err := gitvideo.Open(ctx, checkpoint, gitvideo.Config{CacheDir: dir, Library: lib})
//	features, err := m.See(ctx, pictures)             // once a picture
//	clip, err := m.Context(ctx, features, true)       // once a clip
//	replies, err := m.Answer(ctx, clip, prompts, vlm.Generation{MaxTokens: 20})
//
// The model is that of arXiv 2205.14100 as transformers 4.56.2 computes it. What
// holds beyond the signatures:
//
// A picture's features do not depend on its place in a clip nor on its company
// in a call, so they serve image and video questions alike and may be kept and
// given back. A context, the prefix of the text, does not depend on any question, exactly: no
// visual token may look at a word, so keys and values of the visual tokens are
// computed once, and every question, beam and choice reads the same ones.
//
// All results are Go memory that the caller owns and the collector frees; only
// [Model.Close] must be called. A Model may be used by many goroutines. A call
// whose context ends is told to stop and returns once it has, with the context's
// cause in its error.
package gitvideo
