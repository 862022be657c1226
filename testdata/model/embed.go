// Package model holds the demo model: a small GIT checkpoint of the Hugging Face
// layout, trained on the small world of testdata/world, which has its card.
//
//	c, err := checkpoint.OpenFS(model.Files)
//
// It knows eighteen things over eight colours of background, and nothing else.
package model

import "embed"

// Files is the checkpoint, its files at the root.
//
//go:embed config.json detector.safetensors generation_config.json model.safetensors preprocessor_config.json tokenizer_config.json videoqa.json vocab.txt
var Files embed.FS
