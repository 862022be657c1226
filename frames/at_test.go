package frames_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/internal/fault"
)

// shownBy is the frame of a linear decode that is on screen at a time.
func (g golden) shownBy(at time.Duration) (frame int) {
	for k, tick := range g.relative() {
		if time.Duration(tick)*time.Second*time.Duration(g.TimeBase[0])/time.Duration(g.TimeBase[1]) <= at {
			frame = k
		}
	}
	return frame
}

func TestThePicturesShownAtGivenTimesAreThoseOfALinearDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for name, want := range goldens(t) {
		if want.Frames[0].pts == nil {
			continue // without timestamps there is no saying when
		}
		t.Run(name, func(t *testing.T) {
			data := clip(t, name)
			for range 8 {
				at := []time.Duration{time.Duration(r.Int64N(int64(2 * time.Second))), time.Duration(r.Int64N(int64(2 * time.Second))), time.Duration(r.Int64N(int64(2 * time.Second)))}
				slices.Sort(at)
				s := sums{of: map[int]string{}}
				pics, report, _, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{At: at}, frames.Upload(), true, s.see)
				if err != nil || report.Degraded || len(report.Shown) != 3 {
					t.Fatalf("at %v: %+v, %v", at, report, err)
				}
				for i, when := range at {
					k := want.shownBy(when)
					if s.of[k] != want.Frames[k].sum {
						t.Errorf("at %v frame %d is to be shown; decoded were %v", when, k, s.of)
					}
					if got := pics[report.Shown[i]].PTS.Duration(); got > when || k+1 < len(want.Frames) && want.shownBy(got) != k {
						t.Errorf("at %v the picture is of %v, want frame %d", when, got, k)
					}
				}
			}
		})
	}
}

func TestTimesThatMakeNoSenseAreRefused(t *testing.T) {
	data := clip(t, "cfr.mp4")
	for _, plan := range []frames.Plan{{At: []time.Duration{2, 1}}, {At: []time.Duration{-1}}, {At: []time.Duration{1}, Count: 1}, {At: []time.Duration{1}, From: 1}} {
		if _, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), plan, frames.Upload()); !errors.Is(err, fault.BadRequest) {
			t.Errorf("%+v: %v", plan, err)
		}
	}
}

func TestTimesThatShareAPictureGetItOnce(t *testing.T) {
	data := clip(t, "cfr.mp4") // 25 a second, 1.6 s
	at := []time.Duration{0, time.Millisecond, 40 * time.Millisecond, time.Hour, 2 * time.Hour}
	pics, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{At: at}, frames.Upload())
	if err != nil || len(pics) != 3 || !slices.Equal(report.Shown, []int{0, 0, 1, 2, 2}) || pics[2].PTS != 1.56 {
		t.Errorf("%d pictures, %+v, %v", len(pics), report, err)
	}
}

// The damaged picture is not given for another: what is given instead is said.
func TestATimeWhosePictureIsDamagedGetsAnotherAndSaysSo(t *testing.T) {
	data := clip(t, "damaged-middle.mp4")
	var at []time.Duration
	for i := range 40 {
		at = append(at, time.Duration(i)*40*time.Millisecond)
	}
	good := map[string]bool{}
	for _, f := range goldens(t)["cfr.mp4"].Frames {
		good[f.sum] = true
	}
	s := sums{of: map[int]string{}}
	pics, report, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{At: at}, frames.Upload(), true, s.see)
	if err != nil || !report.Degraded || !slices.Contains(report.Instead, true) || !slices.Contains(report.Instead, false) {
		t.Fatalf("%+v, %v", report, err)
	}
	instead := 0
	for _, yes := range report.Instead {
		if yes {
			instead++
		}
	}
	if report.Dropped != instead {
		t.Errorf("%d pictures are said to be dropped; %d are not their own", report.Dropped, instead)
	}
	pts, _, num, den := x.PTS()
	for i := range at {
		p := pics[report.Shown[i]]
		own := time.Duration(pts[i]-pts[0]) * time.Second * time.Duration(num) / time.Duration(den)
		if (p.PTS.Duration() == own) == report.Instead[i] {
			t.Errorf("at %v the picture of %v is given, instead: %v", at[i], p.PTS, report.Instead[i])
		}
		if !report.Instead[i] && !good[s.of[i]] {
			t.Errorf("the picture at %v is none of the whole file", at[i])
		}
	}
}
