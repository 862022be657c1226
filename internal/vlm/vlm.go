// Package vlm holds what vision-language models of every family are asked and what
// they give back: plain values, without arithmetic. Package answers asks with them
// and families answer with them, so neither has to import the other.
package vlm

import (
	"videoqa/frames/prepare"
)

// A Description names a model and how it runs.
type Description struct {
	Name       string // the checkpoint's
	Digest     string // the checkpoint's, "sha256:…"
	Family     string // "git"
	Can        []Ability
	Precision  Precision // what Auto became
	Preprocess Preprocess
	Device     string // "cpu", "cuda"

	// Demonstration says that the model was trained to show how the program works
	// and cannot answer about real footage.
	Demonstration bool
}

// An Ability is something that a model can be asked for.
type Ability string

// The abilities by their names in GET /v1/models.
const (
	Ask     Ability = "ask"     // an answer to a question
	Caption Ability = "caption" // a caption, without a question
)

// Vision says how a model looks at a clip.
type Vision struct {
	Frames      int // most frames of a clip that it looks at; 1 for a model of single pictures
	ImageSize   int // side in pixels of the square picture that the model was made for
	Preparation prepare.Preparation
	// Settings names the checkpoint's file that the preparation follows, and Ignored one
	// that says otherwise. Without settings pictures are prepared as the model's authors did.
	Settings, Ignored string
}

// Preprocess says whose way of preparing pictures is followed.
type Preprocess string

// Hub does what the checkpoint's image settings say. Original does what the
// model's authors ran, from which the Hub's files differ for some checkpoints.
const (
	Hub      Preprocess = "hub"
	Original Preprocess = "original"
)

// A Context is what a model made of a clip's pictures, ready to be asked about. It
// depends on the pictures only, never on a question, is never changed once made, and
// is understood by the model that made it. The collector frees it.
type Context interface {
	// Bytes is how much memory it holds.
	Bytes() int64
	// InDistribution is the probability that the pictures are like those that the
	// model was trained on; 1 for a model that cannot tell.
	InDistribution() float64
}

// A Prompt is one thing to ask about a context.
type Prompt struct {
	// Text is the question. It is empty when a caption is wanted.
	Text string
	// Choices are the answers that are possible; nil: any text is.
	Choices []Choice
	// AllChoices says that a choice that the model cannot spell makes the prompt
	// fail; otherwise such a choice is left out.
	AllChoices bool
}

// A Choice is one way to spell an answer. Several may stand for the same answer.
type Choice struct {
	Answer   string
	Spelling string
}

// Generation says how texts are made. Its zero value is greedy, of at most
// [DefaultTokens].
type Generation struct {
	// MaxTokens is the most tokens of an answer, its stop token included; 0 means
	// DefaultTokens.
	MaxTokens int
	// Beam is the width of beam search; 0 and 1 mean greedy.
	Beam int
	// OnText, if not nil, is called while the reply to a prompt without choices is
	// written, with text that belongs at code point at of the reply and replaces
	// whatever was there. Calls come one at a time, before Answer returns; they must not
	// block.
	OnText func(prompt, at int, text string)
}

// DefaultTokens is how many tokens an answer may have unless said otherwise.
const DefaultTokens = 20

// A Reply is what came of one prompt.
type Reply struct {
	// Err is why there is no text: [fault.BadRequest] for what this model cannot be
	// asked. The other fields are then empty.
	Err error

	Text string
	// Score is the probability of the whole text; among choices its share of the
	// probability of all.
	Score float64

	Cut          bool // the text was not over at the limit of tokens
	PromptCut    bool // the question was longer than the model reads; its end was read
	UnknownWords bool // the question has words that the model does not know
}
