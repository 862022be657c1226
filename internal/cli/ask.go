package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
	"videoqa/internal/strictjson"
)

// AskFlags say what is looked at and how answers are made.
type AskFlags struct {
	modelflags.Flags
	Count        int           `name:"frames" placeholder:"N" help:"Frames to look at; without it, as many as the model has room for."`
	From         time.Duration `placeholder:"TIME" help:"Look at the clip from this time on, as 90s or 1m30s."`
	To           time.Duration `placeholder:"TIME" help:"Look at the clip up to this time."`
	Every        time.Duration `placeholder:"TIME" help:"Answer once for each stretch of this length."`
	Beam         int           `placeholder:"N" help:"Beams to search with, as the model's authors did with 4; without it, greedy."`
	MaxTokens    int           `default:"20" help:"Most tokens of an answer."`
	AbstainBelow float64       `placeholder:"P" help:"Give no answer whose score is below this."`
	JSON         bool          `name:"json" xor:"form" help:"Print one answer object a line, with its file and its stretch."`
	CSV          bool          `name:"csv" xor:"form" help:"Print a table, one answer a row, with a line of headings."`
}

// Ask is videoqa ask.
type Ask struct {
	Args      []string `arg:"" name:"media" help:"Videos or pictures: paths, https URLs, or - for standard input. Without -q, one of them, and what follows are questions."`
	Questions []string `name:"question" short:"q" sep:"none" placeholder:"TEXT" help:"What to ask about each of the media; may be given several times. An empty question asks for a caption."`
	Kind      string   `placeholder:"KIND" help:"What kind of answer is wanted: ${kinds}. Without it, open, or caption for an empty question."`
	Choices   []string `placeholder:"TEXT" help:"The answers to choose from, for kind choice."`
	AskFlags
}

// Help is shown below the flags.
func (Ask) Help() string {
	return "Examples:\n  videoqa ask dock.mp4 'which way does the train move?' 'is there a dog?'\n  videoqa ask dock.mp4 gate.mp4 -q 'is there a dog?' --csv\n\n" +
		"With several media, those that cannot be read are named on standard error, the others are answered, and the exit status is 1."
}

// Run answers the questions.
func (c *Ask) Run(ctx context.Context, a *App) error {
	media, texts, err := c.split()
	if err != nil {
		return err
	}
	if err := c.checkKind(); err != nil {
		return err
	}
	questions := make([]ingest.Question, len(texts))
	for i, text := range texts {
		questions[i] = ingest.Question{Text: text, Kind: ingest.Kind(c.Kind), Choices: c.Choices, Frames: c.Count}
		if questions[i].Kind == "" && len(c.Choices) > 0 {
			questions[i].Kind = ingest.Choice
		}
	}
	return c.AskFlags.run(ctx, a, media, questions)
}

// checkKind finds what is wrong with --kind and --choices, in the words of the command line.
func (c *Ask) checkKind() error {
	switch kind := ingest.Kind(c.Kind); {
	case kind != "" && !slices.Contains(ingest.Kinds(), kind):
		return fmt.Errorf("--kind %q is not one of %s: %w", c.Kind, kindNames(), fault.BadRequest)
	case c.Choices != nil && len(c.Choices) == 0:
		return fmt.Errorf("--choices names no answer; write it as --choices 'red, green': %w", fault.BadRequest)
	case kind == ingest.Choice && len(c.Choices) == 0:
		return fmt.Errorf("--kind choice needs --choices, as --choices 'red, green': %w", fault.BadRequest)
	case kind != "" && kind != ingest.Choice && len(c.Choices) > 0:
		return fmt.Errorf("--choices goes with --kind choice, not with --kind %s: %w", kind, fault.BadRequest)
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, kind := range ingest.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// split tells media from questions. With -q all arguments are media; without, all
// but the first are questions. What can only be a medium is no question.
func (c *Ask) split() (media, questions []string, err error) {
	media, questions = c.Args, c.Questions
	if len(questions) == 0 {
		media, questions = c.Args[:1], c.Args[1:]
	}
	for _, text := range questions {
		if what := looksLikeMedia(text); what != "" {
			return nil, nil, fmt.Errorf("%s %s, and stands where a question is expected: to ask about several files, put -q before each question, as in videoqa ask a.mp4 b.mp4 -q 'what is it?' -q 'where is it?': %w", text, what, fault.BadRequest)
		}
	}
	if len(questions) == 0 {
		return nil, nil, fmt.Errorf("there is no question: videoqa ask %s 'what is it?' asks one, videoqa caption needs none: %w", media[0], fault.BadRequest)
	}
	return media, questions, nil
}

// What a file of media is commonly called. A question of one word does not end so.
var mediaEndings = []string{
	".3gp", ".asf", ".avi", ".avif", ".bmp", ".flv", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
	".mpeg", ".mpg", ".mts", ".png", ".tif", ".tiff", ".ts", ".vob", ".webm", ".webp", ".wmv",
}

// looksLikeMedia says what a text that was given for a question is instead; "": it
// may be a question.
func looksLikeMedia(text string) string {
	st, err := os.Stat(text)
	switch {
	case err == nil && st.IsDir():
		return "is a folder"
	case err == nil:
		return "is a file"
	case text == "-":
		return "is standard input"
	case strings.Contains(text, "://") && !strings.ContainsAny(text, " \t\n"):
		return "is an address"
	case slices.Contains(mediaEndings, strings.ToLower(filepath.Ext(text))) && !strings.ContainsAny(text, " \t\n"):
		return "is called like a file, although there is none of that name"
	}
	return ""
}

// Caption is videoqa caption.
type Caption struct {
	Media []string `arg:"" help:"Videos or pictures: paths, https URLs, or - for standard input."`
	AskFlags
}

// Help is shown below the flags.
func (Caption) Help() string { return "Example: videoqa caption photo.jpg" }

// Run describes the media.
func (c *Caption) Run(ctx context.Context, a *App) error {
	return c.AskFlags.run(ctx, a, c.Media, []ingest.Question{{Kind: ingest.Caption, Frames: c.Count}})
}

// checkQuestion finds what is wrong with a question of the command line, which has no id.
func checkQuestion(q ingest.Question) error {
	err := q.ValidateAsked()
	var wrong *ingest.FieldError
	if errors.As(err, &wrong) {
		return fmt.Errorf("question %q: %s: %w", strictjson.Shorten(q.Text, 60), wrong.What, fault.BadRequest)
	}
	return err
}

func (f AskFlags) check(media []string, questions []ingest.Question) error {
	switch {
	case f.From < 0 || f.To < 0 || f.Every < 0:
		return fmt.Errorf("--from, --to and --every count forward from the clip's start: %w", fault.BadRequest)
	case f.MaxTokens < 1:
		return fmt.Errorf("--max-tokens %d: an answer has one token at least: %w", f.MaxTokens, fault.BadRequest)
	case f.Beam < 0:
		return fmt.Errorf("--beam %d has to be at least 0: %w", f.Beam, fault.BadRequest)
	case f.Threads < 0:
		return fmt.Errorf("--threads %d has to be at least 0: %w", f.Threads, fault.BadRequest)
	case !(f.AbstainBelow >= 0 && f.AbstainBelow <= 1):
		return fmt.Errorf("--abstain-below %v has to be from 0 to 1: %w", f.AbstainBelow, fault.BadRequest)
	}
	if first := slices.Index(media, "-"); first >= 0 && slices.Contains(media[first+1:], "-") {
		return fmt.Errorf("- is given twice, and standard input can be read once: %w", fault.BadRequest)
	}
	for _, q := range questions {
		if err := checkQuestion(q); err != nil {
			return err
		}
	}
	return nil
}
