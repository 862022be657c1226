// Package trail tells whoever watches how a question gets on, so that those who
// work on it know neither metrics nor traces.
//
//	t := watch.Follow(question, eventTime, record.Headers) // taken in hand
//	ctx = trail.With(ctx, t, others...)                    // the batch that it is asked in
//	end := trail.Begin(ctx, trail.Decode); …; end(err)     // anywhere below
//	t.End(trail.Answered, answer)                          // put down, its outcome published
//
// Questions that are asked together share their stages: each stage is told to
// every trail of the context. A context without a trail costs nothing.
package trail

import (
	"context"
	"time"

	"videoqa/ingest"
)

// The stages, in their order. An answer's cost has the same names.
const (
	Queue    = "queue"
	Fetch    = "fetch"
	Recall   = "recall" // whether the clip's frames are known; no part of the cost
	Decode   = "decode"
	Encode   = "encode"
	Prefix   = "prefix"
	Generate = "generate"
	Publish  = "publish"
)

// Stages returns those that an answer's time is made of.
func Stages() []string {
	return []string{Queue, Fetch, Decode, Encode, Prefix, Generate, Publish}
}

// A Fate is what became of a question that was in hand.
type Fate string

// The fates. A question has one of the first two once, however often it comes.
const (
	Answered Fate = "answered"
	Dead     Fate = "dead"     // its outcome is a dead letter
	Waiting  Fate = "waiting"  // for its clip, its footage or another attempt
	Repeated Fate = "repeated" // it had its outcome already, which was published again
	Refused  Fate = "refused"  // its id was used before for another question
	Dropped  Fate = "dropped"  // put down untouched: it comes again
)

// A Watch is told of questions. Its methods are called from many goroutines and
// return at once.
type Watch interface {
	// Follow begins the trail of q, whose event has the time at and those headers.
	Follow(q ingest.Question, at time.Time, headers []ingest.Header) Trail
	// DeadLetter is told each time a dead letter is written, a question's or not.
	DeadLetter(kind string)
}

// A Trail is one question's way from taking it in hand to putting it down. Its
// methods are called by one goroutine at a time.
type Trail interface {
	// Begin is told that a stage begins; what it returns, that it has ended.
	Begin(stage string) (end func(error))
	// Headers go with the question's answer or dead letter, so that a trace goes
	// on behind it.
	Headers() []ingest.Header
	// End is told what became of the question; answer is zero unless it was
	// answered.
	End(fate Fate, answer ingest.Answer)
}

// Nobody watches: it only hands on the trace that a question came with.
type Nobody struct{}

// Follow implements [Watch].
func (Nobody) Follow(_ ingest.Question, _ time.Time, headers []ingest.Header) Trail {
	return unwatched(Context(headers))
}

// DeadLetter implements [Watch].
func (Nobody) DeadLetter(string) {}

type unwatched []ingest.Header

func (unwatched) Begin(string) func(error)   { return ended }
func (u unwatched) Headers() []ingest.Header { return u }
func (unwatched) End(Fate, ingest.Answer)    {}

func ended(error) {}

// Context returns those of an event's headers that place it in a trace
// (W3C Trace Context).
func Context(headers []ingest.Header) (found []ingest.Header) {
	for _, h := range headers {
		if h.Key == "traceparent" || h.Key == "tracestate" {
			found = append(found, h)
		}
	}
	return found
}

type key struct{}

// With returns ctx for work that is done for the questions of trails.
func With(ctx context.Context, trails ...Trail) context.Context {
	return context.WithValue(ctx, key{}, trails)
}

// Begin tells the trails of ctx that a stage begins; end is called once, with
// why it failed or nil.
func Begin(ctx context.Context, stage string) (end func(error)) {
	trails, _ := ctx.Value(key{}).([]Trail)
	if len(trails) == 0 {
		return ended
	}
	ends := make([]func(error), len(trails))
	for i, t := range trails {
		ends[i] = t.Begin(stage)
	}
	return func(err error) {
		for _, end := range ends {
			end(err)
		}
	}
}
