package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"videoqa/ingest"
)

// A printer writes answers for a person, or one JSON object a line.
type printer struct {
	w            io.Writer
	json, colour bool
}

func (p printer) answer(a ingest.Answer) error {
	if p.json {
		e := json.NewEncoder(p.w)
		e.SetEscapeHTML(false)
		return e.Encode(a)
	}
	text := a.Text
	if a.Abstained {
		text = "(no answer)"
	}
	question := a.Question
	if question == "" {
		question = "(caption)"
	}
	_, err := fmt.Fprintf(p.w, "%s\n  %s%s\n", question, p.bold(text), p.dim(fmt.Sprintf("   %.0f %%", 100*a.Score)))
	if err == nil {
		_, err = fmt.Fprintln(p.w, p.dim("  "+receipt(a)))
	}
	return err
}

// receipt says in one line what was looked at, what was wrong, and what it took.
func receipt(a ingest.Answer) string {
	times := make([]string, len(a.Sampling.Frames))
	for i, f := range a.Sampling.Frames {
		times[i] = fmt.Sprintf("%.2f", float64(f.PTS))
	}
	line := "looked at " + strings.Join(times, " ") + " s"
	if len(times) == 1 && a.Sampling.Frames[0].PTS == 0 {
		line = "looked at one picture"
	}
	for _, n := range a.Sampling.Notes {
		line += "; " + string(n)
	}
	return line + fmt.Sprintf("; %s", cost(a.Cost))
}

func cost(c ingest.Cost) string {
	total := c.QueueMS + c.FetchMS + c.DecodeMS + c.EncodeMS + c.PrefixMS + c.GenerateMS
	return fmt.Sprintf("%.0f ms (decode %.0f, encode %.0f, prefix %.0f, generate %.0f)", total, c.DecodeMS, c.EncodeMS, c.PrefixMS, c.GenerateMS)
}

func (p printer) bold(s string) string { return p.style("1", s) }
func (p printer) dim(s string) string  { return p.style("2", s) }

func (p printer) style(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
