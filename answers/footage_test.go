package answers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

// ten is a multiple of 512 ms since 1970.
var ten = time.UnixMilli(1788256014336 / 512 * 512)

func later(ms int) time.Time { return ten.Add(time.Duration(ms) * time.Millisecond) }

// A recorder hands out clips of a camera, and counts.
type recorder struct {
	t              testing.TB
	opened, closed int
}

// clip is a file of the demonstration, recorded from begin to end.
func (r *recorder) clip(id, name string, begin, end int) answers.FootageClip {
	data, err := os.ReadFile(filepath.Join("../testdata/world/demo", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return answers.FootageClip{ID: id, Start: later(begin), End: later(end), Open: func(context.Context) (answers.Media, error) {
		r.opened++
		return answers.Media{Reader: bytes.NewReader(data), Size: int64(len(data)), Digest: digest(data), Limits: frames.Upload(), Close: func() error { r.closed++; return nil }}, nil
	}}
}

func (r *recorder) broken(id string, begin, end int, err error) answers.FootageClip {
	return answers.FootageClip{ID: id, Start: later(begin), End: later(end), Open: func(context.Context) (answers.Media, error) { return answers.Media{}, err }}
}

func askFootage(t *testing.T, s *answers.Service, f answers.Footage) ingest.Answer {
	t.Helper()
	f.Camera = "dock-3"
	results, err := s.Ask(t.Context(), f, []ingest.Question{{ID: "q-1", Text: "what is it?", Camera: "dock-3"}})
	if err != nil || results[0].Err != nil {
		t.Fatalf("%v, %+v", err, results)
	}
	return results[0].Answer
}

// seenAt lists what was looked at, by clip and milliseconds after ten.
func seenAt(a ingest.Answer) (list []string) {
	for _, f := range a.Sampling.Frames {
		list = append(list, fmt.Sprintf("%s %d", f.ClipID, f.Time.Sub(ten).Milliseconds()))
	}
	return list
}

func TestARangeIsLookedAtAcrossClips(t *testing.T) {
	s, r := service(t, answers.Config{}), &recorder{t: t}
	clips := []answers.FootageClip{r.clip("c-1", "yard.mp4", 0, 3000), r.clip("c-2", "meadow.mp4", 3000, 6000), r.clip("c-3", "yard.mp4", 60_000, 63_000)}
	a := askFootage(t, s, answers.Footage{From: later(1024), To: later(1024 + 3072), Clips: clips})
	// 25 frames a second: the picture shown at 1024 ms is that of 1000 ms.
	if got, want := seenAt(a), []string{"c-1 1000", "c-1 1520", "c-1 2040", "c-1 2560", "c-2 3040", "c-2 3560"}; !slices.Equal(got, want) {
		t.Errorf("looked at %v; want %v", got, want)
	}
	if a.Sampling.Policy != "grid" || a.Sampling.Requested != 6 || len(a.Sampling.Notes) != 0 || len(a.Clips) != 2 || a.Clips[1].ID != "c-2" || a.Camera != "dock-3" ||
		!a.Start.Equal(later(1024)) || !a.End.Equal(later(4096)) || !a.Clips[1].Start.Equal(later(3000)) {
		t.Errorf("%+v", a)
	}
	if r.opened != 2 || r.closed != 2 {
		t.Errorf("%d clips were opened and %d closed; want those two that are looked at", r.opened, r.closed)
	}
}

func TestARangeThatMovesOnByAStepEncodesOneFrame(t *testing.T) {
	s, r := service(t, answers.Config{}), &recorder{t: t}
	clips := []answers.FootageClip{r.clip("c-1", "yard.mp4", 0, 3000), r.clip("c-2", "meadow.mp4", 3000, 6500)}
	for i, want := range []int64{6, 7, 8, 9, 10} {
		a := askFootage(t, s, answers.Footage{From: later(512 * i), To: later(512*i + 3072), Clips: clips})
		if got := s.Features().Encoded; got != want || i > 0 && (a.Cache.FramesHit != 5 || a.Cache.FramesMiss != 1) {
			t.Errorf("after %d ranges %d frames were encoded, want %d; the last: %+v", i+1, got, want, a.Cache)
		}
	}
	a := askFootage(t, s, answers.Footage{From: later(0), To: later(3072), Clips: clips})
	if a.Cache.FramesHit != 6 || a.Cache.Prefix != "hit" || a.Cost.DecodeMS > a.Cost.FetchMS+1 {
		t.Errorf("the first range again: %+v %+v", a.Cache, a.Cost)
	}
	if a.ID != askFootage(t, s, answers.Footage{From: later(0), To: later(3072), Clips: clips}).ID {
		t.Error("the same range gets another answer_id")
	}
}

func TestAClipThatCannotBeReadIsLeftOutAndSaidSo(t *testing.T) {
	s, r := service(t, answers.Config{}), &recorder{t: t}
	good := r.clip("c-1", "yard.mp4", 0, 3000)
	whole := answers.Footage{From: later(0), To: later(6144), Notes: []ingest.Note{ingest.Incomplete}}
	unreadable := fmt.Errorf("no moov: %w", fault.BadVideo)
	away := fmt.Errorf("404: %w", fault.UnreachableURI)
	for _, wrong := range []error{unreadable, away} {
		f := whole
		f.Clips = []answers.FootageClip{good, r.broken("c-2", 3000, 6144, wrong)}
		a := askFootage(t, s, f)
		if want := []ingest.Note{ingest.Incomplete, ingest.Degraded, ingest.FewerFrames}; !slices.Equal(a.Sampling.Notes, want) || len(a.Clips) != 1 {
			t.Errorf("%v: %v of %v; want %v", wrong, a.Sampling.Notes, a.Clips, want)
		}
	}
	for _, tc := range []struct {
		f    answers.Footage
		want error
	}{
		{answers.Footage{Again: true, Clips: []answers.FootageClip{good, r.broken("c-2", 3000, 6144, away)}}, fault.UnreachableURI},
		{answers.Footage{Clips: []answers.FootageClip{r.broken("c-2", 3000, 6144, unreadable)}}, fault.BadVideo},
		{answers.Footage{Clips: []answers.FootageClip{r.clip("c-3", "yard.mp4", 9000, 12_000)}}, fault.NoFootage},
		{answers.Footage{}, fault.NoFootage},
	} {
		tc.f.From, tc.f.To = whole.From, whole.To
		if _, err := s.Ask(t.Context(), tc.f, []ingest.Question{{ID: "q-1", Text: "what is it?"}}); !errors.Is(err, tc.want) {
			t.Errorf("%d clips: %v; want %v", len(tc.f.Clips), err, tc.want)
		}
	}
	if r.opened != r.closed {
		t.Errorf("%d clips were opened and %d closed", r.opened, r.closed)
	}
}

// What was looked at ahead of a range's question need not be when it comes.
func TestFootageLookedAtAheadIsWarm(t *testing.T) {
	s, r := service(t, answers.Config{}), &recorder{t: t}
	clips := []answers.FootageClip{r.clip("c-1", "yard.mp4", 0, 3000)}
	for from := 0; from < 3000; from += 1024 {
		if err := s.Warm(t.Context(), answers.Footage{Camera: "dock-3", From: later(from), To: later(from + 1024), Clips: clips}, ""); err != nil {
			t.Fatal(err)
		}
	}
	a := askFootage(t, s, answers.Footage{From: later(500), To: later(500 + 1024), Clips: clips})
	if a.Cache.FramesMiss != 0 || len(a.Sampling.Frames) < 5 {
		t.Errorf("%d frames, %+v", len(a.Sampling.Frames), a.Cache)
	}
}
