package answers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
	"videoqa/testdata/model"
)

// library is ONNX Runtime's, as make env names it.
func library(t testing.TB) string {
	t.Helper()
	path := os.Getenv("VIDEOQA_ONNXRUNTIME")
	if path == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME is not set: eval $(make env)")
	}
	return path
}

// openDemo opens the demonstration model for one test.
func openDemo(t testing.TB, cfg models.Config) models.Model {
	t.Helper()
	return openNamed(t, "demonstration", cfg)
}

// openNamed is openDemo under another name.
func openNamed(t testing.TB, name string, cfg models.Config) models.Model {
	t.Helper()
	c, err := checkpoint.OpenFS(model.Files)
	if err != nil {
		t.Fatal(err)
	}
	c.Name = name
	cfg.CacheDir, cfg.Library = t.TempDir(), library(t)
	m, err := models.Open(t.Context(), c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func service(t testing.TB, cfg answers.Config) *answers.Service {
	t.Helper()
	if cfg.Model == nil {
		cfg.Model = openDemo(t, models.Config{})
	}
	s, err := answers.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// firstOf is the model that answers questions that name none.
func firstOf(t testing.TB, s *answers.Service) answers.Model {
	t.Helper()
	m, err := s.Model("")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func subject(t testing.TB, path string) answers.Subject {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	return subjectOf(data)
}

func subjectOf(data []byte) answers.Subject {
	return answers.Subject{Reader: bytes.NewReader(data), Size: int64(len(data)), Digest: digest(data), Limits: frames.Upload()}
}

func ask(t testing.TB, s *answers.Service, sub answers.Subject, questions ...ingest.Question) []ingest.Answer {
	t.Helper()
	results, err := s.Ask(t.Context(), sub, questions)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]ingest.Answer, len(results))
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("question %q: %v", questions[i].Text, r.Err)
		}
		out[i] = r.Answer
	}
	return out
}

// timeless is an answer without what differs from run to run.
func timeless(a ingest.Answer) string {
	a.Cost, a.Cache, a.ProducedAt = ingest.Cost{}, ingest.CacheUse{}, ingest.Time{}
	return fmt.Sprintf("%+v", a)
}

var everyKind = []ingest.Question{
	{Text: "what is this?"}, {}, {Text: "is there a dog?", Kind: ingest.YesNo},
	{Text: "how many things are there?", Kind: ingest.Count},
	{Text: "what color is the background?", Kind: ingest.Choice, Choices: []string{"red", "green", "blue"}},
}

func TestAWarmAnswerEqualsAColdOneBitForBit(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	cold := ask(t, s, sub, everyKind...)
	warm := ask(t, s, sub, everyKind...)
	alone := ask(t, service(t, answers.Config{Model: firstOf(t, s)}), sub, everyKind[3])
	for i := range everyKind {
		if timeless(cold[i]) != timeless(warm[i]) {
			t.Errorf("cold %s\nwarm %s", timeless(cold[i]), timeless(warm[i]))
		}
	}
	if timeless(cold[3]) != timeless(alone[0]) {
		t.Errorf("among others %s\nalone        %s", timeless(cold[3]), timeless(alone[0]))
	}
	if c, w := cold[0].Cache, warm[0].Cache; c != (ingest.CacheUse{FramesMiss: 6, Prefix: "miss"}) || w != (ingest.CacheUse{FramesHit: 6, Prefix: "hit"}) {
		t.Errorf("cold used the cache %+v, warm %+v", c, w)
	}
}

func TestTheReceiptSaysWhatWasLookedAt(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/late-start.mp4")
	start := ingest.NewTime(time.Date(2026, 9, 1, 10, 0, 0, 0, time.UTC))
	sub.ClipID, sub.Camera, sub.Start = "c-9", "dock-3", &start
	a := ask(t, s, sub, ingest.Question{ID: "q-17", Text: "what is this?", Frames: 3})[0]
	for i, at := range []struct {
		pts  float64
		text string
	}{{0.24, "2026-09-01T10:00:00.240Z"}, {0.8, "2026-09-01T10:00:00.800Z"}, {1.32, "2026-09-01T10:00:01.320Z"}} {
		if got := a.Sampling.Frames[i]; float64(got.PTS) != at.pts || got.Time.String() != at.text || got.ClipID != "c-9" {
			t.Errorf("frame %d is %v at %v of %s; want %v at %s", i, got.PTS, got.Time, got.ClipID, at.pts, at.text)
		}
	}
	if a.QuestionID != "q-17" || a.Camera != "dock-3" || a.Clips[0].ID != "c-9" || a.End.String() != "2026-09-01T10:00:01.600Z" || a.Sampling.Requested != 3 {
		t.Errorf("the answer says %+v", a)
	}
}

func TestIDsFollowFromWhatWasAskedAndSeen(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	q := ingest.Question{ID: "q-1", Text: "what is this?"}
	base := ask(t, s, sub, q)[0]
	if again := ask(t, s, sub, q)[0]; again.ID != base.ID {
		t.Errorf("the same question has the ids %s and %s", base.ID, again.ID)
	}
	other := q
	other.Frames = 3
	later := sub
	later.From = 700 * time.Millisecond
	for name, id := range map[string]string{
		"another question id": ask(t, s, sub, ingest.Question{ID: "q-2", Text: q.Text})[0].ID,
		"another text":        ask(t, s, sub, ingest.Question{ID: "q-1", Text: "what is that?"})[0].ID,
		"fewer frames":        ask(t, s, sub, other)[0].ID,
		"another span":        ask(t, s, later, q)[0].ID,
		"another clip":        ask(t, s, subject(t, "clips/b-pyramid.mp4"), q)[0].ID,
	} {
		if id == base.ID {
			t.Errorf("%s has the same answer id", name)
		}
	}
	nameless := ask(t, s, sub, ingest.Question{Text: q.Text})[0]
	if err := ingest.CheckID("question_id", nameless.QuestionID); err != nil || nameless.Clips[0].ID != "clip-"+sub.Digest[7:19] {
		t.Errorf("without ids: question %s, clip %s, %v", nameless.QuestionID, nameless.Clips[0].ID, err)
	}
}

func TestOneFrameIsEncodedOnce(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	encoded := func() int64 { return s.Features().Encoded }
	ask(t, s, sub, everyKind...)
	if n := encoded(); n != 6 {
		t.Errorf("five questions on a clip encoded %d frames; want 6", n)
	}
	ask(t, s, sub, ingest.Question{Text: "what is this?", Frames: 2}, ingest.Question{Text: "what is this?", Frames: 6})
	two := encoded()
	if two > 8 {
		t.Errorf("two frames more encoded %d in all; want at most 8", two)
	}
	half := sub
	half.To = 800 * time.Millisecond
	ask(t, s, half, everyKind[0])
	ask(t, s, half, everyKind...)
	if n := encoded(); n > two+6 {
		t.Errorf("a window asked twice encoded %d frames; want at most 6", n-two)
	}
	before := encoded()
	copied := subject(t, "clips/late-start.mp4") // other bytes
	ask(t, s, copied, everyKind[0])
	ask(t, s, copied, everyKind[1])
	if n := encoded(); n > before+6 {
		t.Errorf("two calls on another clip encoded %d frames; want at most 6", n-before)
	}
}

func TestAPictureAndAVideoShareTheirFeatures(t *testing.T) {
	s := service(t, answers.Config{})
	still := subject(t, "clips/rgb/cfr.mp4.png")
	a := ask(t, s, still, everyKind...)[0]
	if n := s.Features().Encoded; n != 1 || len(a.Sampling.Frames) != 1 || a.Sampling.Requested != 1 {
		t.Errorf("a still encoded %d pictures, looked at %d", n, len(a.Sampling.Frames))
	}
}

func TestUnknownWordsAreNoted(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	for text, want := range map[string]bool{"is there a zeppelin?": true, "is there a dog?": false} {
		a := ask(t, s, sub, ingest.Question{Text: text})[0]
		if got := slices.Contains(a.Sampling.Notes, ingest.UnknownWords); got != want {
			t.Errorf("%q is noted %v", text, a.Sampling.Notes)
		}
	}
}

func TestFieldsThatMayBeMisspeltAreNoted(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	plain := ingest.Question{ID: "q-1", Text: "is there a dog?"}
	odd := plain
	odd.Unknown = []string{"kimd"}
	given := ask(t, s, sub, plain, odd)
	for i, want := range []bool{false, true} {
		a := given[i]
		if got := slices.Contains(a.Sampling.Notes, ingest.UnknownField); got != want || (len(a.UnknownFields) > 0) != want || a.ID != given[0].ID {
			t.Errorf("the notes are %v, the unknown fields %q, the id %s", a.Sampling.Notes, a.UnknownFields, a.ID)
		}
	}
}

func TestQuestionsThatCannotBeAskedAreNamed(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "world/demo/yard.mp4")
	results, err := s.Ask(t.Context(), sub, []ingest.Question{
		{Text: "what is this?", Frames: 7},
		{Text: "which?", Kind: ingest.Choice, Choices: []string{"dog", "zeppelin"}},
		{Text: "what is this?", Kind: "essay"},
		{Text: "what is this?"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, says := range []string{"7 frames", "zeppelin", "essay"} {
		if err := results[i].Err; err == nil || !strings.Contains(err.Error(), says) || fault.Judge(err).Retry {
			t.Errorf("question %d: %v; want an error that says %q and is not retried", i, err, says)
		}
	}
	if results[3].Err != nil || results[3].Answer.Text == "" {
		t.Errorf("the good question among bad ones got %+v", results[3])
	}
}

func TestAbstentionHasNoTextAndKeepsItsScore(t *testing.T) {
	m := openDemo(t, models.Config{})
	sub := subject(t, "world/demo/yard.mp4")
	sure := ask(t, service(t, answers.Config{Model: m}), sub, everyKind...)
	shy := ask(t, service(t, answers.Config{Model: m, AbstainBelow: 1}), sub, everyKind...)
	for i := range sure {
		if sure[i].Score < 1 && (shy[i].Text != "" || !shy[i].Abstained || shy[i].Score != sure[i].Score) {
			t.Errorf("below 1: %q, abstained %v, score %v; with no threshold %q, %v", shy[i].Text, shy[i].Abstained, shy[i].Score, sure[i].Text, sure[i].Score)
		}
	}
}

func TestClosedAnswersAreAmongTheirChoices(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "world/demo/yard.mp4")
	a := ask(t, s, sub, everyKind...)
	for i, among := range map[int][]string{2: {"yes", "no"}, 3: {"0", "1", "2", "3"}, 4: {"red", "green", "blue"}} {
		if !slices.Contains(among, a[i].Text) || a[i].Score <= 0 || a[i].Score > 1 {
			t.Errorf("%s got %q with score %v; want one of %v", a[i].Kind, a[i].Text, a[i].Score, among)
		}
	}
}

func TestBadMediaIsNamed(t *testing.T) {
	s := service(t, answers.Config{})
	for path, kind := range map[string]error{"clips/bad/text.mp4": fault.BadVideo, "clips/bad/empty.mp4": fault.BadVideo, "clips/bad/audio-only.mp4": fault.BadVideo} {
		if _, err := s.Ask(t.Context(), subject(t, path), everyKind); !errors.Is(err, kind) {
			t.Errorf("Ask about %s: %v; want %v", path, err, kind)
		}
	}
	sub := subject(t, "clips/cfr.mp4")
	sub.From = time.Hour
	if _, err := s.Ask(t.Context(), sub, everyKind); !errors.Is(err, fault.BadRequest) {
		t.Errorf("Ask about a span after the end: %v", err)
	}
}

func TestTheOriginalsPreprocessingIsAnotherAnswer(t *testing.T) {
	sub := subject(t, "clips/cfr.mp4")
	hub := ask(t, service(t, answers.Config{}), sub, everyKind[0])[0]
	s := service(t, answers.Config{Model: openDemo(t, models.Config{Preprocess: vlm.Original})})
	original := ask(t, s, sub, everyKind[0])[0]
	if hub.Model.Preprocess != "hub" || original.Model.Preprocess != "original" || hub.ID == original.ID {
		t.Errorf("hub %+v, original %+v", hub.Model, original.Model)
	}
}

// What makes an answer another one makes its id another one, and nothing else does.
func TestAnAnswersIDFollowsFromAllThatItIsMadeFrom(t *testing.T) {
	model, whole := openDemo(t, models.Config{}), subject(t, "clips/cfr.mp4")
	question, ids := ingest.Question{ID: "q-17", Text: "what is this?"}, map[string]string{}
	again := ask(t, service(t, answers.Config{Model: model}), whole, question)[0].ID
	first, second := whole, whole
	first.To, second.From, second.To = 400*time.Millisecond, 400*time.Millisecond, 800*time.Millisecond
	for what, id := range map[string]string{
		"as it comes":    ask(t, service(t, answers.Config{Model: model}), whole, question)[0].ID,
		"of one token":   ask(t, service(t, answers.Config{Model: model, MaxTokens: 1}), whole, question)[0].ID,
		"by beams":       ask(t, service(t, answers.Config{Model: model, Beam: 4}), whole, question)[0].ID,
		"or none":        ask(t, service(t, answers.Config{Model: model, AbstainBelow: 1}), whole, question)[0].ID,
		"of a span":      ask(t, service(t, answers.Config{Model: model}), first, question)[0].ID,
		"of another":     ask(t, service(t, answers.Config{Model: model}), second, question)[0].ID,
		"of two frames":  ask(t, service(t, answers.Config{Model: model}), whole, ingest.Question{ID: "q-17", Text: "what is this?", Frames: 2})[0].ID,
		"to another one": ask(t, service(t, answers.Config{Model: model}), whole, ingest.Question{ID: "q-18", Text: "what is this?"})[0].ID,
	} {
		if other, twice := ids[id]; twice {
			t.Errorf("the answer %s and the one %s have the same id", what, other)
		}
		ids[id] = what
		if same := id == again; same != (what == "as it comes") {
			t.Errorf("the answer %s has the first one's id: %v", what, same)
		}
	}
	if a, b := ask(t, service(t, answers.Config{Model: model}), first, ingest.Question{Text: "a?"})[0], ask(t, service(t, answers.Config{Model: model}), second, ingest.Question{Text: "a?"})[0]; a.QuestionID == b.QuestionID {
		t.Error("one question about two spans has one id")
	}
}

// What is seen in a file that somebody writes to is neither said nor remembered.
func TestAFileThatChangesUnderwayGivesNoAnswer(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "clips/cfr.mp4")
	changed := fmt.Errorf("it changed: %w", fault.UnreachableURI)
	sub.Unchanged = func() error { return changed }
	question := []ingest.Question{{Text: "what is this?"}}
	for range 2 {
		if _, err := s.Ask(t.Context(), sub, question); !errors.Is(err, changed) {
			t.Fatalf("Ask: %v; want %v", err, changed)
		}
	}
	sub.Unchanged = func() error { return nil }
	if a := ask(t, s, sub, question...)[0]; a.Cache.FramesMiss != 6 {
		t.Errorf("%+v", a.Cache)
	}
}

// Two choices that the model reads alike are one, and do not halve its share.
func TestChoicesThatReadAlikeCountOnce(t *testing.T) {
	s, sub := service(t, answers.Config{}), subject(t, "world/demo/yard.mp4")
	choose := func(choices ...string) ingest.Answer {
		return ask(t, s, sub, ingest.Question{Text: "what is this?", Kind: ingest.Choice, Choices: choices})[0]
	}
	once, twice := choose("the cow", "the dog"), choose("the cow", "The Cow", "the  dog", "the dog")
	if twice.Score != once.Score || !strings.EqualFold(strings.Join(strings.Fields(twice.Text), " "), once.Text) {
		t.Errorf("%q %v; want %q %v", twice.Text, twice.Score, once.Text, once.Score)
	}
}
