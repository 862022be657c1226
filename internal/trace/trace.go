// Package trace reports the progress of each question to an observer, so that the code
// that works on questions knows neither metrics nor OpenTelemetry.
//
//	t := observer.Follow(question, eventTime, record.Headers) // when work on it begins
//	ctx = trace.With(ctx, t, others...)                       // those of its batch
//	end := trace.Begin(ctx, trace.Decode); …; end(err)        // anywhere below
//	t.End(trace.Answered, answer)                             // once its outcome is published
//
// Questions that are asked together share their stages: each stage is reported to every
// trace of the context. A context without a trace costs nothing.
package trace

import (
	"context"
	"time"

	"videoqa/ingest"
)

// The stages, in their order. An answer's cost has the same names.
const (
	Queue    = "queue"
	Fetch    = "fetch"
	Recall   = "recall" // looking for the clip's frames in the caches; no part of the cost
	Decode   = "decode"
	Encode   = "encode"
	Prefix   = "prefix"
	Generate = "generate"
	Publish  = "publish"
)

// Stages returns the stages that an answer's time is made of.
func Stages() []string {
	return []string{Queue, Fetch, Decode, Encode, Prefix, Generate, Publish}
}

// A Disposition is what became of a question that was worked on.
type Disposition string

// The dispositions. A question is answered or dead once, however often it comes.
const (
	Answered Disposition = "answered"
	Dead     Disposition = "dead"     // its outcome is a dead letter
	Waiting  Disposition = "waiting"  // for its clip, its footage or another attempt
	Repeated Disposition = "repeated" // it already had an outcome, which was published again
	Refused  Disposition = "refused"  // its id was used before for another question
	Dropped  Disposition = "dropped"  // nothing was done; its record will be read again
)

// An Observer learns of questions. Its methods are called from many goroutines and
// return at once.
type Observer interface {
	// Follow begins the trace of q, whose event has the time at and those headers.
	Follow(q ingest.Question, at time.Time, headers []ingest.Header) Trace
	// DeadLetter is called for each dead letter written, a question's or not.
	DeadLetter(kind string)
}

// A Trace is the record of one question, from the beginning of work on it to its end.
// One goroutine at a time calls its methods.
type Trace interface {
	// Begin reports the beginning of a stage; calling end reports its end, and the
	// error that it ended with or nil.
	Begin(stage string) (end func(error))
	// Headers go with the question's answer or dead letter, so that a consumer can
	// continue the distributed trace.
	Headers() []ingest.Header
	// End reports what became of the question; answer is zero unless it was answered.
	End(d Disposition, answer ingest.Answer)
}

// None observes nothing. It only hands on the trace headers that a question came with.
type None struct{}

// Follow implements [Observer].
func (None) Follow(_ ingest.Question, _ time.Time, headers []ingest.Header) Trace {
	return unobserved(Context(headers))
}

// DeadLetter implements [Observer].
func (None) DeadLetter(string) {}

type unobserved []ingest.Header

func (unobserved) Begin(string) func(error)       { return ended }
func (u unobserved) Headers() []ingest.Header     { return u }
func (unobserved) End(Disposition, ingest.Answer) {}

func ended(error) {}

// Context returns the headers of an event that place it in a distributed trace
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

// With returns ctx for work on the questions of traces.
func With(ctx context.Context, traces ...Trace) context.Context {
	return context.WithValue(ctx, key{}, traces)
}

// Begin reports the beginning of a stage to the traces of ctx. end is called once, with
// the stage's error or nil.
func Begin(ctx context.Context, stage string) (end func(error)) {
	traces, _ := ctx.Value(key{}).([]Trace)
	if len(traces) == 0 {
		return ended
	}
	ends := make([]func(error), len(traces))
	for i, t := range traces {
		ends[i] = t.Begin(stage)
	}
	return func(err error) {
		for _, end := range ends {
			end(err)
		}
	}
}
