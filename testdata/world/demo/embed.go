// Package demo holds the clips that `videoqa demo` asks about, and the questions
// in demo.json: a list of {file, camera, start, questions: [{question, kind,
// choices}]}.
package demo

import "embed"

// Files holds demo.json and the clips that it names.
//
//go:embed *
var Files embed.FS
