package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// AskFlags say what is looked at and how answers are made.
type AskFlags struct {
	ModelFlags
	Count        int           `name:"frames" placeholder:"N" help:"Frames to look at; without it, as many as the model has room for."`
	From         time.Duration `placeholder:"TIME" help:"Look at the clip from this time on, as 90s or 1m30s."`
	To           time.Duration `placeholder:"TIME" help:"Look at the clip up to this time."`
	Every        time.Duration `placeholder:"TIME" help:"Answer once for each stretch of this length."`
	Beam         int           `placeholder:"N" help:"Beams to search with, as the model's authors did with 4; without it, greedy."`
	MaxTokens    int           `default:"20" help:"Most tokens of an answer."`
	AbstainBelow float64       `placeholder:"P" help:"Give no answer whose score is below this."`
	JSON         bool          `name:"json" help:"Print one answer object a line."`
}

// Ask is videoqa ask.
type Ask struct {
	Media     string   `arg:"" help:"A video or a picture: a path, an https URL, or - for standard input."`
	Questions []string `arg:"" name:"question" help:"What to ask; an empty question asks for a caption."`
	Kind      string   `default:"" enum:",${kinds}" placeholder:"KIND" help:"What kind of answer is wanted: ${kinds}. Without it, open, or caption for an empty question."`
	Choices   []string `placeholder:"TEXT" help:"The answers to choose from, for kind choice."`
	AskFlags
}

// Help is shown below the flags.
func (Ask) Help() string {
	return "Example: videoqa ask dock.mp4 'which way does the train move?' 'is there a dog?'"
}

// Run answers the questions.
func (c *Ask) Run(ctx context.Context, a *App) error {
	questions := make([]ingest.Question, len(c.Questions))
	for i, text := range c.Questions {
		questions[i] = ingest.Question{Text: text, Kind: ingest.Kind(c.Kind), Choices: c.Choices, Frames: c.Count}
		if questions[i].Kind == "" && len(c.Choices) > 0 {
			questions[i].Kind = ingest.Choice
		}
	}
	return c.AskFlags.run(ctx, a, c.Media, questions)
}

// Caption is videoqa caption.
type Caption struct {
	Media string `arg:"" help:"A video or a picture: a path, an https URL, or - for standard input."`
	AskFlags
}

// Help is shown below the flags.
func (Caption) Help() string { return "Example: videoqa caption photo.jpg" }

// Run describes the media.
func (c *Caption) Run(ctx context.Context, a *App) error {
	return c.AskFlags.run(ctx, a, c.Media, []ingest.Question{{Kind: ingest.Caption, Frames: c.Count}})
}

// run answers questions about one medium and prints the answers at the end, all
// of them or none. With Every, each stretch is printed as soon as it is done.
func (f AskFlags) run(ctx context.Context, a *App, name string, questions []ingest.Question) (err error) {
	if err := f.check(questions); err != nil {
		return err
	}
	began := time.Now()
	src, err := a.openSource(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	fetched := time.Since(began)
	m, err := f.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	s, err := answers.New(answers.Config{Model: m.Model, MaxTokens: f.MaxTokens, Beam: f.Beam, AbstainBelow: f.AbstainBelow})
	if err != nil {
		return err
	}
	subject := answers.Subject{
		Reader: src.reader, Size: src.size, Digest: src.digest, Limits: src.limits, From: f.From, To: f.To, Fetch: fetched,
	}
	answer := f.once
	if f.Every > 0 {
		answer = f.windows
	}
	if err := answer(ctx, a, s, subject, questions); err != nil {
		return fmt.Errorf("%s: %w", src.name, err)
	}
	return nil
}

func (f AskFlags) check(questions []ingest.Question) error {
	switch {
	case f.From < 0 || f.To < 0 || f.Every < 0:
		return fmt.Errorf("--from, --to and --every count forward from the clip's start: %w", fault.BadRequest)
	case f.MaxTokens < 1:
		return fmt.Errorf("--max-tokens %d: an answer has one token at least: %w", f.MaxTokens, fault.BadRequest)
	}
	for _, q := range questions {
		if err := q.ValidateAsked(); err != nil {
			return fmt.Errorf("%w: %w", fault.BadRequest, err)
		}
	}
	return nil
}

// once answers about one span, on standard output.
func (f AskFlags) once(ctx context.Context, a *App, s *answers.Service, subject answers.Subject, questions []ingest.Question) error {
	return f.onceTo(ctx, a, a.Out, s, subject, questions)
}

func (f AskFlags) onceTo(ctx context.Context, a *App, w io.Writer, s *answers.Service, subject answers.Subject, questions []ingest.Question) error {
	results, err := s.Ask(ctx, subject, questions)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	p := printer{w: &out, json: f.JSON, colour: a.isTerminal(a.Out)}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
		if err := p.answer(r.Answer); err != nil {
			return err
		}
	}
	_, err = w.Write(out.Bytes())
	return err
}

// windows answers once a stretch of Every, reading the file's index once. One that
// cannot be read is told of, and does not keep the others from their answers.
func (f AskFlags) windows(ctx context.Context, a *App, s *answers.Service, subject answers.Subject, questions []ingest.Question) error {
	if still, err := frames.BeginsStill(subject.Reader, subject.Size); err != nil || still {
		return cmp.Or(err, errNoSpan)
	}
	index, err := frames.Open(ctx, subject.Reader, subject.Size, subject.Limits)
	if err != nil {
		return err
	}
	end := index.Duration()
	if f.To > 0 {
		end = min(end, f.To)
	}
	if f.From >= end {
		return fmt.Errorf("--from %v lies after the end, %v: %w", f.From, end, fault.BadRequest)
	}
	subject.Index = index
	progress := newProgress(a, int(end/time.Millisecond), "asked about")
	defer progress.stop()
	all, unread := 0, 0
	for from := f.From; from < end; from += f.Every {
		subject.From, subject.To = from, min(from+f.Every, end)
		err := f.onceTo(ctx, a, progress.above(a.Out), s, subject, questions)
		if err != nil {
			err = fmt.Errorf("from %v to %v: %w", subject.From, subject.To, err)
		}
		switch {
		case errors.Is(err, fault.BadVideo):
			unread++
			fmt.Fprintf(progress.above(a.Err), "videoqa: %v\n", err)
		case err != nil:
			return err
		}
		all++
		subject.Fetch = 0 // it was spent once
		progress.set(int(subject.To / time.Millisecond))
	}
	if unread > 0 {
		return fmt.Errorf("%d of %d stretches have no answer: %w", unread, all, fault.BadVideo)
	}
	return nil
}

var errNoSpan = fmt.Errorf("a still picture has no span of time: %w", fault.BadRequest)
