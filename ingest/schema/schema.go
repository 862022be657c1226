// Package schema holds the JSON Schemas of the events' data: the published
// contract, beside asyncapi.yaml.
//
//	text, err := schema.Files.ReadFile("question.asked.v1.json")
//
// A file is named as its CloudEvents type, without what all begin with. examples
// holds messages that each schema accepts. The tests hold schemas and code to each
// other: the names, the lists and the limits are the same, and what one takes or
// refuses the other does, but for what a schema cannot say: that an end is after its
// start, and that no name stands twice.
package schema

import "embed"

// Files are the schemas and their examples.
//
//go:embed *.json examples/*.json
var Files embed.FS
