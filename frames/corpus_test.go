package frames_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asticode/go-astiav"

	"videoqa/frames"
	"videoqa/temporal"
)

const clips = "../testdata/clips"

// A golden is what a linear decode by PyAV shows of a file.
type golden struct {
	TimeBase [2]int64 `json:"time_base"`
	Frames   []shown  `json:"frames"`
}

type shown struct {
	pts *int64 // nil where the container has none
	sum string
}

func (s *shown) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&s.pts, &s.sum})
}

func goldens(t testing.TB) map[string]golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(clips, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]golden
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func clip(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(clips, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sums hashes the planes of frames as the goldens do.
type sums struct {
	mu sync.Mutex
	of map[int]string
}

func (s *sums) see(k int, f *astiav.Frame) {
	n, err := f.ImageBufferSize(1)
	if err != nil {
		panic(err)
	}
	b := make([]byte, n)
	if _, err := f.ImageCopyToBuffer(b, 1); err != nil {
		panic(err)
	}
	sum := md5.Sum(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[k] = hex.EncodeToString(sum[:])
}

// relative are the goldens' times from the first picture; a file without any is
// shown at a constant rate.
func (g golden) relative() []int64 {
	out := make([]int64, len(g.Frames))
	for i, f := range g.Frames {
		out[i] = int64(i)
		if f.pts != nil && g.Frames[0].pts != nil {
			out[i] = *f.pts - *g.Frames[0].pts
		}
	}
	return out
}

func TestEveryFrameOfTheCorpusEqualsALinearDecode(t *testing.T) {
	for name, want := range goldens(t) {
		for _, keep := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, packets kept %v", name, keep), func(t *testing.T) {
				data := clip(t, name)
				s := sums{of: map[int]string{}}
				_, report, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload(), keep, s.see)
				if err != nil {
					t.Fatal(err)
				}
				if x.Frames() != len(want.Frames) || report.Degraded {
					t.Fatalf("%d frames, degraded %v; a linear decode shows %d", x.Frames(), report.Degraded, len(want.Frames))
				}
				pts, _, _, _ := x.PTS()
				for k, at := range want.relative() {
					if pts[k]-pts[0] != at {
						t.Errorf("frame %d is shown at tick %d; want %d", k, pts[k]-pts[0], at)
					}
					if s.of[k] != want.Frames[k].sum {
						t.Errorf("frame %d has planes %s; want %s", k, s.of[k], want.Frames[k].sum)
					}
				}
			})
		}
	}
}

func TestAFewFramesEqualThoseOfALinearDecode(t *testing.T) {
	for name, want := range goldens(t) {
		for _, plan := range []frames.Plan{{Count: 1}, {Count: 2}, {Count: 6}, {Count: 7}, {Count: 3, From: 400 * time.Millisecond, To: 900 * time.Millisecond}, {Count: 2, From: time.Second}} {
			for _, keep := range []bool{true, false} {
				if plan.From > 0 && len(want.Frames) < 30 {
					continue
				}
				t.Run(fmt.Sprintf("%s, %d from %v, packets kept %v", name, plan.Count, plan.From, keep), func(t *testing.T) {
					checkFew(t, clip(t, name), want, plan, keep)
				})
			}
		}
	}
}

func checkFew(t *testing.T, data []byte, want golden, plan frames.Plan, keep bool) {
	t.Helper()
	s := sums{of: map[int]string{}}
	pics, report, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), plan, frames.Upload(), keep, s.see)
	if err != nil {
		t.Fatal(err)
	}
	pts, end, num, den := x.PTS()
	from, to := pts[0]+plan.From.Milliseconds()*den/num/1000, end
	if plan.To > 0 {
		to = pts[0] + plan.To.Milliseconds()*den/num/1000
	}
	picks := temporal.Uniform(pts, from, to, plan.Count)
	var got []int
	for k, sum := range s.of {
		got = append(got, k)
		if sum != want.Frames[k].sum {
			t.Errorf("frame %d has planes %s; want %s", k, sum, want.Frames[k].sum)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, picks) || len(pics) != len(picks) || report.Degraded {
		t.Errorf("frames %v were decoded, %d returned, degraded %v; want %v", got, len(pics), report.Degraded, picks)
	}
	for i, k := range picks {
		if i < len(pics) && pics[i].PTS != temporal.NewSeconds(pts[k]-pts[0], num, den) {
			t.Errorf("picture %d carries pts %v; want frame %d's", i, pics[i].PTS, k)
		}
	}
}

// What a damaged file shows must be a picture of the file it was made from.
func TestDamageIsNeverPassedOffAsAPicture(t *testing.T) {
	all := goldens(t)
	for name, whole := range map[string]string{
		"truncated.mp4": "b-pyramid.mp4", "damaged-middle.mp4": "cfr.mp4", "damaged-middle.mkv": "one-gop.mkv",
		"lost-packets.ts": "open-gop-h264.ts", "damaged-middle-hevc.ts": "hevc.ts",
	} {
		for _, n := range []int{3, 6, 1000} {
			t.Run(fmt.Sprintf("%s, %d", name, n), func(t *testing.T) {
				data := clip(t, name)
				good := map[string]bool{}
				for _, f := range all[whole].Frames {
					good[f.sum] = true
				}
				s := sums{of: map[int]string{}}
				pics, report, _, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: n}, frames.Upload(), true, s.see)
				if err != nil {
					t.Fatal(err)
				}
				if n == 1000 && !report.Degraded { // fewer need not meet what a container lost without a trace
					t.Errorf("not reported as degraded: %+v", report)
				}
				kept := pictureSums(t, data, n)
				for k, sum := range kept {
					if !good[sum] {
						t.Errorf("frame %d, among %d returned, is no picture of %s", k, len(pics), whole)
					}
				}
			})
		}
	}
}

// pictureSums hashes the planes of the pictures that are returned, found again
// by their times.
func pictureSums(t *testing.T, data []byte, n int) map[int]string {
	t.Helper()
	s := sums{of: map[int]string{}}
	pics, _, x, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: n}, frames.Upload(), true, s.see)
	if err != nil {
		t.Fatal(err)
	}
	pts, _, num, den := x.PTS()
	out := map[int]string{}
	for _, p := range pics {
		for k := range pts {
			if temporal.NewSeconds(pts[k]-pts[0], num, den) == p.PTS {
				out[k] = s.of[k]
			}
		}
	}
	return out
}

func TestHopelessFilesAreNamed(t *testing.T) {
	for name, says := range map[string]string{
		"empty.mp4": "empty", "text.mp4": "text", "playlist.mp4": "playlist", "concat.mp4": "concat", "page.mp4": "HTML",
		"head-only.mp4": "mov", "zeros.mp4": "", "noise.mkv": "matroska", "noise.ts": "", "audio-only.mp4": "none of them is video",
		"ffv1.mkv": "ffv1", "external.mov": "another file", "cut-off.mp4": "cut off",
	} {
		t.Run(name, func(t *testing.T) {
			data := clip(t, "bad/"+name)
			_, _, err := frames.Sample(context.Background(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 6}, frames.Upload())
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Fatalf("Sample of %s: %v; want an error that says %q", name, err, says)
			}
			t.Log(err)
		})
	}
}

func TestFFmpegItselfCanOpenNothing(t *testing.T) {
	path, err := filepath.Abs(filepath.Join(clips, "cfr.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, "file:" + path, "http://127.0.0.1:1/a.mp4", "concat:" + path, "data:,a"} {
		fc := astiav.AllocFormatContext()
		if err := fc.OpenInput(name, nil, nil); err == nil {
			fc.CloseInput()
			t.Errorf("OpenInput(%q) worked; no protocol may be built in", name)
		}
	}
}
