package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
)

// An asking is one run of ask or caption: the same questions about each medium.
type asking struct {
	AskFlags
	app       *App
	questions []ingest.Question
	print     printer

	model   *modelflags.Opened // nil until the first medium could be opened
	service *answers.Service   // of model
}

// run answers questions about media in their order, each medium's as soon as it
// has them all: all of them or none. A medium that cannot be answered about is
// reported, and does not keep the others from their answers.
func (f AskFlags) run(ctx context.Context, a *App, media []string, questions []ingest.Question) (err error) {
	if err := f.check(media, questions); err != nil {
		return err
	}
	k := &asking{AskFlags: f, app: a, questions: questions, print: printer{
		form: f.form(), colour: a.showsColour(a.Out), several: len(media) > 1,
	}}
	defer func() { err = errors.Join(err, k.close()) }()
	if len(media) == 1 {
		return k.medium(ctx, media[0])
	}
	var left failures
	for _, name := range media {
		err := k.medium(ctx, name)
		if ctx.Err() != nil || errors.Is(err, errModel) {
			return err
		}
		if left.count(err); err != nil {
			a.complain(err)
		}
	}
	return left.err("files")
}

func (f AskFlags) form() form {
	switch {
	case f.JSON:
		return formJSON
	case f.CSV:
		return formCSV
	}
	return formText
}

// errModel marks what no other medium would fare better with.
var errModel = errors.New("no model")

// open loads the model, once. A medium is opened before it: a name that is
// misspelt is reported at once.
func (k *asking) open(ctx context.Context) (err error) {
	if k.service != nil {
		return nil
	}
	if k.model, err = k.Flags.Open(ctx, k.app.machine()); err == nil {
		k.service, err = answers.New(answers.Config{Model: k.model.Model, MaxTokens: k.MaxTokens, Beam: k.Beam, AbstainBelow: k.AbstainBelow})
	}
	if err != nil {
		return unanswerable{err}
	}
	return nil
}

// unanswerable is an error about the model, worded as it is.
type unanswerable struct{ error }

func (u unanswerable) Unwrap() error        { return u.error }
func (u unanswerable) Is(target error) bool { return target == errModel }

func (k *asking) close() error {
	if k.model == nil {
		return nil
	}
	return k.model.Close()
}

// medium answers about one.
func (k *asking) medium(ctx context.Context, name string) (err error) {
	began := time.Now()
	src, err := k.app.openSource(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	fetched := time.Since(began)
	if err := k.open(ctx); err != nil {
		return err
	}
	subject := answers.Subject{
		Reader: src.reader, Size: src.size, Digest: src.digest, Limits: src.limits, From: k.From, To: k.To, Fetch: fetched,
	}
	if k.Every > 0 {
		err = k.stretches(ctx, name, subject)
	} else {
		err = k.once(ctx, k.app.Out, heading{file: name}, subject)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", src.name, err)
	}
	return nil
}

// once answers about one span and writes to w.
func (k *asking) once(ctx context.Context, w io.Writer, about heading, subject answers.Subject) error {
	results, err := k.service.Ask(ctx, subject, k.questions)
	if err != nil {
		return err
	}
	var all []ingest.Answer
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
		all = append(all, r.Answer)
	}
	var out bytes.Buffer
	if err := k.print.answers(&out, about, all); err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// stretches answers once a stretch of Every, reading the file's index once. One that
// cannot be read is reported, and does not keep the others from their answers.
func (k *asking) stretches(ctx context.Context, name string, subject answers.Subject) error {
	index, err := frames.OpenVideo(ctx, subject.Reader, subject.Size, subject.Limits)
	if err != nil {
		return err
	}
	end := index.Duration()
	if k.To > 0 {
		end = min(end, k.To)
	}
	if k.From >= end {
		return fmt.Errorf("--from %v lies after the end, %v: %w", k.From, end, fault.BadRequest)
	}
	subject.Index = index
	progress := newProgress(k.app, int(end/time.Millisecond), "asked about")
	defer progress.stop()
	var left failures
	for from := k.From; from < end; from = subject.To {
		subject.From, subject.To = from, from+min(k.Every, end-from) // Every may be as long as a time can be
		about := heading{file: name, stretch: &stretch{subject.From, subject.To}}
		err := k.once(ctx, progress.above(k.app.Out), about, subject)
		if err != nil {
			err = fmt.Errorf("from %v to %v: %w", subject.From, subject.To, err)
			if !errors.Is(err, fault.BadVideo) {
				return err
			}
			k.app.complainOn(progress.above(k.app.Err), fmt.Errorf("%s: %w", name, err))
		}
		left.count(err)
		subject.Fetch = 0 // it was spent once
		progress.set(int(subject.To / time.Millisecond))
	}
	return left.err("stretches")
}

// failures counts what has no answer.
type failures struct {
	all, failed int
	kind        error // of all of them; nil: they differ, or there are none
}

func (f *failures) count(err error) {
	f.all++
	if err == nil {
		return
	}
	kind := kindOf(err)
	if f.failed++; f.failed > 1 && f.kind != kind {
		kind = nil
	}
	f.kind = kind
}

// kindOf is what matters for the last sentence and the exit status.
func kindOf(err error) error {
	for _, kind := range []error{fault.BadRequest, fault.BadVideo, fault.NotFound} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}

// err is nil if all have answers.
func (f *failures) err(what string) error {
	switch {
	case f.failed == 0:
		return nil
	case f.kind == nil:
		return fmt.Errorf("%d of %d %s have no answer", f.failed, f.all, what)
	}
	return fmt.Errorf("%d of %d %s have no answer: %w", f.failed, f.all, what, f.kind)
}
