package demo

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"videoqa/ingest"
)

// A report is what a person sees of the demo.
type report struct {
	out   io.Writer
	lines *tabwriter.Writer
	text  bytes.Buffer // of the scene, before it is aligned
	began time.Time

	looked string // the frames of the line before

	scenes, answered, unanswered int
	encoded, reused              int // frames
	prefixesReused               int
}

func newReport(out io.Writer, broker string) *report {
	fmt.Fprintf(out, "Clip and question events go to a Kafka broker on %s, answers come back from it.\n", broker)
	r := &report{out: out, began: time.Now()}
	r.lines = tabwriter.NewWriter(&r.text, 0, 0, 2, ' ', 0)
	return r
}

func (r *report) scene(s *scene, early bool) {
	r.scenes++
	r.looked = ""
	fmt.Fprintf(r.out, "\n%s  %s", s.Camera, s.File)
	if s.clip.Start != nil {
		fmt.Fprintf(r.out, "  %s", s.clip.Start.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if early {
		fmt.Fprint(r.out, "  (its first question comes before the clip, and waits)")
	}
	fmt.Fprintln(r.out)
}

func (r *report) outcome(q ingest.Question, o outcome, asked time.Time) {
	text := q.Text
	if q.AsKind() == ingest.Caption {
		text = "(caption)"
	}
	took := o.at.Sub(asked).Round(time.Millisecond)
	if o.dead != nil {
		r.unanswered++
		fmt.Fprintf(r.lines, "  %s\t%s\tno answer: %s\t\t%s\n", text, q.AsKind(), o.dead.ErrorKind, o.dead.Reason)
		return
	}
	r.answered++
	a := o.answer
	if a.Cache.Prefix == "hit" {
		r.prefixesReused++
	} else {
		r.encoded += a.Cache.FramesMiss
		r.reused += a.Cache.FramesHit
	}
	score := fmt.Sprintf("%.2f", a.Score)
	if slices.Contains(a.Sampling.Notes, ingest.UnknownWords) {
		score = "" // of a question that was not understood it tells nothing
	}
	fmt.Fprintf(r.lines, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", text, a.Kind, answerText(a), score, r.instants(a.Sampling.Frames), saved(a.Cache), took)
}

func answerText(a ingest.Answer) string {
	switch {
	case a.Abstained:
		return "(abstained)"
	case slices.Contains(a.Sampling.Notes, ingest.UnknownWords):
		return "(a guess: unknown words) " + a.Text
	}
	return a.Text
}

// instants are the times of the frames that were looked at.
func (r *report) instants(frames []ingest.SeenFrame) string {
	var times []string
	for _, f := range frames {
		times = append(times, fmt.Sprintf("%.2f", float64(f.PTS)))
	}
	before := r.looked
	r.looked = "at " + strings.Join(times, " ") + " s"
	if r.looked == before {
		return "the same"
	}
	return r.looked
}

// saved says what had to be computed, and what the cache saved.
func saved(c ingest.CacheUse) string {
	switch {
	case c.Prefix == "hit":
		return "clip remembered"
	case c.FramesMiss == 0:
		return frameCount(c.FramesHit) + " remembered"
	case c.FramesHit == 0:
		return frameCount(c.FramesMiss) + " encoded"
	}
	return fmt.Sprintf("%s encoded, %d remembered", frameCount(c.FramesMiss), c.FramesHit)
}

func frameCount(n int) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}

// flush aligns and prints the scene's lines.
func (r *report) flush() error {
	if err := r.lines.Flush(); err != nil {
		return err
	}
	_, err := r.text.WriteTo(r.out)
	return err
}

// end prints the summary. It returns an error if a question has no answer.
func (r *report) end() error {
	fmt.Fprintf(r.out, "\n%d of %d questions on %d clips answered in %.1f s. %d of the answers came from a clip that was remembered; %s encoded for the others, %d remembered.\n",
		r.answered, r.answered+r.unanswered, r.scenes, time.Since(r.began).Seconds(), r.prefixesReused, frameCount(r.encoded), r.reused)
	if r.unanswered > 0 {
		return fmt.Errorf("demo: run: %d of %d questions have no answer", r.unanswered, r.answered+r.unanswered)
	}
	return nil
}
