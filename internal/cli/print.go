package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"videoqa/ingest"
	"videoqa/temporal"
)

// A form is how answers are printed.
type form int

const (
	formText form = iota // for a person
	formJSON             // one object a line
	formCSV              // a table
)

// A stretch is the part of a clip that an answer is about.
type stretch struct{ from, to time.Duration }

// A heading says what answers are about.
type heading struct {
	file    string
	stretch *stretch // nil: the whole file, or what --from and --to say
}

// A printer writes answers. Text says which file they are about where several are.
type printer struct {
	form            form
	colour, several bool

	begun bool // something has been printed
}

func (p *printer) answers(w io.Writer, about heading, all []ingest.Answer) error {
	defer func() { p.begun = true }()
	switch p.form {
	case formJSON:
		return printJSON(w, about, all)
	case formCSV:
		return p.csv(w, about, all)
	}
	_, err := io.WriteString(w, p.text(about, all))
	return err
}

// text is a heading where one is needed, and the answers.
func (p *printer) text(about heading, all []ingest.Answer) string {
	var out strings.Builder
	if title := p.title(about); title != "" {
		if p.begun {
			out.WriteString("\n")
		}
		out.WriteString(p.style(bold, title) + "\n")
	}
	for _, a := range all {
		p.answer(&out, a)
	}
	return out.String()
}

// title is "gate.mp4, 0:10 to 0:20", or as much of it as tells answers apart.
func (p *printer) title(about heading) string {
	var parts []string
	if p.several {
		parts = append(parts, printable(about.file))
	}
	if s := about.stretch; s != nil {
		parts = append(parts, clock(s.from)+" to "+clock(s.to))
	}
	if len(parts) == 0 {
		return ""
	}
	return "== " + strings.Join(parts, ", ")
}

// clock is a time as players show it: 0:07.5, 12:30, 1:00:00.
func clock(d time.Duration) string {
	d = d.Round(time.Millisecond)
	minutes, seconds := d/time.Minute, d%time.Minute
	text := fmt.Sprintf("%02d", seconds/time.Second)
	if ms := seconds % time.Second / time.Millisecond; ms > 0 {
		text += strings.TrimRight(fmt.Sprintf(".%03d", ms), "0")
	}
	if minutes < 60 {
		return fmt.Sprintf("%d:%s", minutes, text)
	}
	return fmt.Sprintf("%d:%02d:%s", minutes/60, minutes%60, text)
}

// answer writes a question, its answer, and the receipt. What makes the answer
// worthless stands before it.
func (p *printer) answer(out *strings.Builder, a ingest.Answer) {
	question := printable(a.Question)
	if question == "" {
		question = "(caption)"
	}
	out.WriteString(wrap(question, "", "  ") + "\n")
	text, score := printable(a.Text), fmt.Sprintf("%.0f %%", 100*a.Score)
	unknown := slices.Contains(a.Sampling.Notes, ingest.UnknownWords)
	switch {
	case a.Abstained && unknown:
		text, score = "(no answer)", ""
	case a.Abstained:
		text = "(no answer)"
	case unknown:
		out.WriteString(wrap("warning: the model does not know all words of this question, so what follows is a guess", "  ", "  ") + "\n")
		score = "a guess" // how sure it is of an answer to another question tells nothing
	}
	lines := wrap(text, "  ", "  ")
	gap := "   "
	if score == "" {
		gap = ""
	}
	if last := lines[strings.LastIndex(lines, "\n")+1:]; runewidth.StringWidth(last+gap+score) > lineWidth {
		gap = "\n  "
	}
	out.WriteString(p.style(bold, lines) + gap + p.style(dim, score) + "\n")
	for _, line := range receipt(a) {
		out.WriteString(p.style(dim, wrap(line, "  ", "    ")) + "\n")
	}
}

// receipt says what was looked at, what was wrong, and what it took.
func receipt(a ingest.Answer) []string {
	times := make([]string, len(a.Sampling.Frames))
	for i, f := range a.Sampling.Frames {
		times[i] = fmt.Sprintf("%.2f", float64(f.PTS))
	}
	looked := "looked at " + strings.Join(times, " ") + " s"
	if len(times) == 1 && a.Sampling.Frames[0].PTS == 0 {
		looked = "looked at one picture"
	}
	lines := []string{looked}
	for _, n := range a.Sampling.Notes {
		if n != ingest.UnknownWords || a.Abstained {
			lines = append(lines, "note: "+string(n)+explained(n))
		}
	}
	return append(lines, cost(a.Cost))
}

// explained says what a note means, after its name.
func explained(n ingest.Note) string {
	meaning := map[ingest.Note]string{
		ingest.Degraded:          "damaged frames were left out",
		ingest.Incomplete:        "not all of the range is recorded yet",
		ingest.UnknownWords:      "the model does not know all words of the question",
		ingest.UnknownField:      "a field of the event may be misspelt",
		ingest.NoTime:            "the question is about time, and one picture has none",
		ingest.OutOfDistribution: "the model was not trained on pictures like these",
		ingest.FewerFrames:       "there are fewer frames than were asked for",
		ingest.Cut:               "the answer stopped at --max-tokens",
		ingest.QuestionCut:       "only the last words of the question fit",
		ingest.ClockJump:         "the file's clock restarts or jumps",
		ingest.FirstPicture:      "of an animation only the first picture was looked at",
		ingest.NoToneMapping:     "colours are HDR, and were converted by their matrix only",
	}[n]
	if meaning == "" {
		return ""
	}
	return " (" + meaning + ")"
}

func cost(c ingest.Cost) string {
	total := c.QueueMS + c.FetchMS + c.DecodeMS + c.EncodeMS + c.PrefixMS + c.GenerateMS
	return fmt.Sprintf("%.0f ms: decode %.0f, encode %.0f, prefix %.0f, generate %.0f", total, c.DecodeMS, c.EncodeMS, c.PrefixMS, c.GenerateMS)
}

// A printedAnswer is an answer object with what it is about.
type printedAnswer struct {
	fileName
	Stretch *printedStretch `json:"stretch,omitempty"` // with --every
	ingest.Answer
}

// A printedStretch is in seconds from the clip's first shown picture, as pts is.
type printedStretch struct {
	Start temporal.Seconds `json:"start"`
	End   temporal.Seconds `json:"end"`
}

func printJSON(w io.Writer, about heading, all []ingest.Answer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, a := range all {
		printed := printedAnswer{fileName: named(about.file), Answer: a}
		if s := about.stretch; s != nil {
			printed.Stretch = &printedStretch{temporal.Seconds(s.from.Seconds()), temporal.Seconds(s.to.Seconds())}
		}
		if err := e.Encode(printed); err != nil {
			return err
		}
	}
	return nil
}

var columns = []string{"file", "start", "end", "question", "kind", "answer", "score", "abstained", "notes", "looked_at", "model", "answer_id"}

// csv writes rows, and the headings before the first. Times are in seconds.
func (p *printer) csv(w io.Writer, about heading, all []ingest.Answer) error {
	table := csv.NewWriter(w)
	if !p.begun {
		if err := table.Write(columns); err != nil {
			return err
		}
	}
	start, end := "", ""
	if s := about.stretch; s != nil {
		start, end = decimal(s.from.Seconds()), decimal(s.to.Seconds())
	}
	for _, a := range all {
		var notes, looked []string
		for _, n := range a.Sampling.Notes {
			notes = append(notes, string(n))
		}
		for _, f := range a.Sampling.Frames {
			looked = append(looked, f.PTS.String())
		}
		if err := table.Write([]string{
			printable(about.file), start, end, a.Question, string(a.Kind), a.Text, decimal(a.Score), strconv.FormatBool(a.Abstained),
			strings.Join(notes, " "), strings.Join(looked, " "), a.Model.Name, a.ID,
		}); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// decimal is a number with as many digits behind the point as it needs, six at most.
func decimal(n float64) string {
	return strconv.FormatFloat(float64(int64(n*1e6+0.5))/1e6, 'f', -1, 64)
}

// Styles, as SGR codes.
const (
	bold = "1"
	dim  = "2"
)

// style sets each line by itself, so that one that a pager cuts out keeps it.
func (p *printer) style(code, s string) string {
	if !p.colour {
		return s
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = "\x1b[" + code + "m" + lines[i] + "\x1b[0m"
	}
	return strings.Join(lines, "\n")
}
