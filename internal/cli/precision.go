package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
	"videoqa/internal/vlm"
)

// PrecisionCheck is videoqa precision-check.
type PrecisionCheck struct {
	Model      string   `arg:"" help:"Checkpoint: a folder, a name on the Hub that was pulled, or videoqa-small-world, the model that is built in."`
	Clips      []string `arg:"" name:"clip" help:"Videos and pictures: paths, https URLs, or - for standard input."`
	Questions  string   `required:"" placeholder:"FILE" help:"What to ask about each: one question a line; empty lines are left out."`
	Kind       string   `default:"open" enum:"open,yesno,count" help:"What kind of answers is wanted: ${enum}."`
	Precision  string   `default:"int8" enum:"bf16,int8,fp32+int8,bf16+int8" help:"What is held to fp32: ${enum}."`
	Preprocess string   `env:"VIDEOQA_PREPROCESS" default:"hub" enum:"hub,original" help:"How pictures are prepared: ${enum}."`
	Threads    int      `env:"VIDEOQA_THREADS" placeholder:"N" help:"Processor cores to use; 0 means all."`
	MaxTokens  int      `default:"20" help:"Most tokens of an answer."`
	JSON       bool     `name:"json" help:"Print one object."`
}

// Help is shown below the flags.
func (PrecisionCheck) Help() string {
	return "Both models are in memory at once. Example: videoqa precision-check microsoft/git-base-msrvtt-qa day/*.mp4 --questions questions.txt"
}

// precisionReport is what comes of a check.
type precisionReport struct {
	Model     string         `json:"model"`
	Digest    string         `json:"digest"`
	Against   string         `json:"against"` // fp32
	Precision string         `json:"precision"`
	Clips     int            `json:"clips"`
	Questions int            `json:"questions"` // of all clips
	Same      int            `json:"same"`      // answers
	Agreement float64        `json:"agreement"`
	Moved     moves          `json:"score_moved"` // of the same answers
	Changed   []changeReport `json:"changed"`     // the others
}

// moves are differences of scores, without their signs.
type moves struct {
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// A changeReport is a question that was answered otherwise.
type changeReport struct {
	Clip     string       `json:"clip"`
	Question string       `json:"question"`
	Want     scoredAnswer `json:"want"` // in fp32
	Got      scoredAnswer `json:"got"`
}

type scoredAnswer struct {
	Answer string  `json:"answer"`
	Score  float64 `json:"score"`
}

// Run asks everything twice and prints how far the answers are apart, all of it or
// nothing.
func (c *PrecisionCheck) Run(ctx context.Context, a *App) (err error) {
	questions, err := c.read()
	if err != nil {
		return err
	}
	exact, closeExact, err := c.open(ctx, a, string(vlm.FP32))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeExact()) }()
	other, closeOther, err := c.open(ctx, a, c.Precision)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeOther()) }()
	r := precisionReport{Against: string(vlm.FP32), Precision: c.Precision, Changed: []changeReport{}}
	if err := c.checkAll(ctx, a, questions, exact, other, &r); err != nil {
		return err
	}
	return r.print(a, c.JSON)
}

func (c *PrecisionCheck) checkAll(ctx context.Context, a *App, questions []ingest.Question, exact, other *answers.Service, r *precisionReport) error {
	progress := newProgress(a, len(c.Clips), "clips asked about")
	defer progress.stop()
	for i, name := range c.Clips {
		if err := c.check(ctx, a, name, questions, exact, other, r); err != nil {
			return err
		}
		progress.set(i + 1)
	}
	return nil
}

// read reads the file of questions.
func (c *PrecisionCheck) read() ([]ingest.Question, error) {
	text, err := os.ReadFile(c.Questions)
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	var questions []ingest.Question
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		q := ingest.Question{Text: line, Kind: ingest.Kind(c.Kind)}
		if err := checkQuestion(q); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", c.Questions, n+1, err)
		}
		questions = append(questions, q)
	}
	if len(questions) == 0 {
		return nil, fmt.Errorf("%s holds no question: %w", c.Questions, fault.BadRequest)
	}
	return questions, nil
}

// open opens the model in a precision, and returns the function that closes it.
func (c *PrecisionCheck) open(ctx context.Context, a *App, precision string) (*answers.Service, func() error, error) {
	m, err := modelflags.Flags{Model: c.Model, Running: modelflags.Running{Precision: precision, Preprocess: c.Preprocess, Threads: c.Threads}}.Open(ctx, a.machine())
	if err != nil {
		return nil, nil, err
	}
	s, err := answers.New(answers.Config{Model: m.Model, MaxTokens: c.MaxTokens})
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return s, m.Close, nil
}

// check asks about one clip.
func (c *PrecisionCheck) check(ctx context.Context, a *App, name string, questions []ingest.Question, exact, other *answers.Service, r *precisionReport) (err error) {
	src, err := a.openSource(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	subject := answers.Subject{Reader: src.reader, Size: src.size, Digest: src.digest, Limits: src.limits}
	want, err := askAll(ctx, exact, subject, questions)
	if err != nil {
		return fmt.Errorf("%s: %w", src.name, err)
	}
	got, err := askAll(ctx, other, subject, questions)
	if err != nil {
		return fmt.Errorf("%s: in %s: %w", src.name, c.Precision, err)
	}
	r.Clips++
	for i := range want {
		r.add(printable(src.name), want[i], got[i])
	}
	return nil
}

// askAll asks any number of questions about one subject.
func askAll(ctx context.Context, s *answers.Service, subject answers.Subject, questions []ingest.Question) ([]ingest.Answer, error) {
	var all []ingest.Answer
	for len(questions) > 0 {
		some := questions[:min(len(questions), ingest.MaxQuestions)]
		results, err := s.Ask(ctx, subject, some)
		if err != nil {
			return nil, err
		}
		for _, r := range results {
			if r.Err != nil {
				return nil, r.Err
			}
			all = append(all, r.Answer)
		}
		questions = questions[len(some):]
	}
	return all, nil
}

// add counts one question's two answers.
func (r *precisionReport) add(clip string, want, got ingest.Answer) {
	r.Model, r.Digest = want.Model.Name, want.Model.Digest
	r.Questions++
	if want.Text != got.Text {
		r.Changed = append(r.Changed, changeReport{clip, want.Question, scoredAnswer{want.Text, want.Score}, scoredAnswer{got.Text, got.Score}})
	} else {
		moved := math.Abs(got.Score - want.Score)
		r.Moved.Mean = (r.Moved.Mean*float64(r.Same) + moved) / float64(r.Same+1)
		r.Moved.Max = max(r.Moved.Max, moved)
		r.Same++
	}
	r.Agreement = float64(r.Same) / float64(r.Questions)
}

// print writes r as one object, or for a person.
func (r *precisionReport) print(a *App, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(a.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s in %s, beside %s\n", r.Model, r.Precision, r.Against)
	fmt.Fprintf(w, "clips\t%d\nquestions asked\t%d\n", r.Clips, r.Questions)
	fmt.Fprintf(w, "answered alike\t%d\t%.2f %%\n", r.Same, 100*r.Agreement)
	fmt.Fprintf(w, "their scores moved by\t%.5f on average, %.5f at most\n", r.Moved.Mean, r.Moved.Max)
	if len(r.Changed) > 0 {
		fmt.Fprintf(w, "\nclip\tquestion\tin %s\tin %s\n", r.Against, r.Precision)
	}
	for _, c := range r.Changed {
		fmt.Fprintf(w, "%s\t%s\t%s (%.3f)\t%s (%.3f)\n", filepath.Base(c.Clip), c.Question, c.Want.Answer, c.Want.Score, c.Got.Answer, c.Got.Score)
	}
	return w.Flush()
}
