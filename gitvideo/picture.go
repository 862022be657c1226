package gitvideo

// A pictureTokens is one picture as the vision tower sees it: its class token and
// its patches, row by row, after the last norm and before any temporal embedding.
//
//	Data  [Tokens, Width]  float32; 197 x 768 for GIT-base at 224 x 224
//
// It depends on the picture's bytes, the model, the preprocessing and the
// precision only. It is never changed once made, so it may be shared.
type pictureTokens struct {
	Tokens, Width int
	Data          []float32
}
