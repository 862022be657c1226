package answers

import (
	"context"
	"strconv"
	"strings"

	"videoqa/ingest"
	"videoqa/internal/vlm"
)

// numbers are the words for 0 to 20, as question answering sets spell them.
var numbers = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty")

// generate answers the questions: open ones word by word, closed ones by the
// probability of each choice.
func (j *job) generate(ctx context.Context) error {
	prompts := make([]vlm.Prompt, len(j.places))
	for n, i := range j.places {
		prompts[n] = promptOf(j.questions[i])
	}
	replies, err := j.model.Answer(ctx, j.prefix, prompts, vlm.Generation{MaxTokens: j.s.cfg.MaxTokens, Beam: j.s.cfg.Beam, OnText: j.onText()})
	if err != nil {
		return err
	}
	for n, i := range j.places {
		if j.results[i].Err = replies[n].Err; replies[n].Err == nil {
			j.take(&j.results[i].Answer, replies[n], j.questions[i])
		}
	}
	return nil
}

// onText tells of words while they are generated; nil: no client does, or the answers
// will be abstentions.
func (j *job) onText() func(prompt, at int, text string) {
	if j.words == nil || outside(j.prefix) {
		return nil
	}
	return func(prompt, at int, text string) { j.words(j.places[prompt], at, text) }
}

// outside says that a clip's pictures are more likely unlike those that the model was
// trained on.
func outside(c vlm.Context) bool { return c.InDistribution() < 0.5 }

// take makes a reply an answer.
func (j *job) take(a *ingest.Answer, r vlm.Reply, q ingest.Question) {
	a.Text, a.Score = r.Text, r.Score
	for _, n := range []struct {
		note  ingest.Note
		holds bool
	}{
		{ingest.UnknownWords, r.UnknownWords}, {ingest.QuestionCut, r.PromptCut},
		{ingest.NoTime, len(j.used.frames) < 2 && aboutTime(q.Text)}, {ingest.Cut, r.Cut},
	} {
		if n.holds {
			a.Sampling.Notes = append(a.Sampling.Notes, n.note)
		}
	}
	j.weigh(a)
}

// weigh makes an answer's score, which is the answer's probability if the pictures
// are like those that the model was trained on, its probability altogether, and
// abstains where that is too low, or where the pictures more likely are unlike.
func (j *job) weigh(a *ingest.Answer) {
	a.Score *= j.prefix.InDistribution()
	if outside(j.prefix) {
		a.Sampling.Notes = append(a.Sampling.Notes, ingest.OutOfDistribution)
	}
	if outside(j.prefix) || a.Score < j.s.cfg.AbstainBelow {
		a.Text, a.Abstained = "", true
	}
}

// promptOf is what a model is asked with for q.
func promptOf(q ingest.Question) vlm.Prompt {
	switch q.AsKind() {
	case ingest.Caption:
		return vlm.Prompt{}
	case ingest.Open:
		return vlm.Prompt{Text: q.Text}
	}
	choices, all := closed(q)
	return vlm.Prompt{Text: q.Text, Choices: choices, AllChoices: all}
}

// closed lists the spellings of a closed question's answers, and whether the
// model has to know all of them.
func closed(q ingest.Question) (choices []vlm.Choice, required bool) {
	switch q.AsKind() {
	case ingest.YesNo:
		return []vlm.Choice{{Answer: "yes", Spelling: "yes"}, {Answer: "no", Spelling: "no"}}, true
	case ingest.Count:
		for value, word := range numbers {
			digits := strconv.Itoa(value)
			choices = append(choices, vlm.Choice{Answer: digits, Spelling: digits}, vlm.Choice{Answer: digits, Spelling: word})
		}
		return choices, false
	}
	for _, c := range q.Choices {
		choices = append(choices, vlm.Choice{Answer: c, Spelling: c})
	}
	return choices, true
}
