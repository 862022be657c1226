package frames_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"videoqa/frames"
)

// What is wrong with a file, and which pictures are left, must not depend on how
// many threads decode it: with one libavcodec marks all that it conceals, with
// several a picture may come out before another thread knows that it is damaged.
func TestSeveralThreadsNoticeWhatOneDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, name := range []string{
		"with-audio.mp4", "cfr.mp4", "b-pyramid.mp4", "one-gop.mkv", "vfr.mkv", "open-gop-h264.ts", "h264-10bit.mkv", "intra-refresh.mp4", "interlaced.mp4",
		"size-change.ts", "no-timestamps.avi", "hevc.mkv", "hevc.ts", "open-gop-hevc.mp4", "hevc-10bit.mp4", "mpeg4-b.mkv", "mpeg2-interlaced.ts", "mpeg2.mpg", "vp9-hidden.webm", "vp8-hidden.webm", "mjpeg.avi",
	} {
		t.Run(name, func(t *testing.T) {
			differ, degraded := 0, 0
			for n := range 24 {
				data := flipped(clip(t, name), r)
				plan := frames.Plan{Count: []int{3, 12, 1000}[n%3]}
				want, bad := sampledBy(t, data, plan, 1)
				if bad {
					degraded++
				}
				for _, threads := range []int{2, 2, 4, 8} {
					if got, _ := sampledBy(t, data, plan, threads); got != want {
						differ++
						t.Errorf("copy %d, %d pictures: %d threads give\n%s; want\n%s", n, plan.Count, threads, got, want)
					}
				}
			}
			t.Logf("%d of 96 differ; %d of 24 copies are noticed to be damaged", differ, degraded)
		})
	}
}

// A slice whose head cannot be read leaves its picture as the memory was, and one
// thread neither marks it nor returns an error. The next key ends the damage, even
// if one decoder goes on to it.
func TestASliceThatCannotBeBegunIsNoticed(t *testing.T) {
	r, data := rand.New(rand.NewPCG(1, 77)), []byte(nil)
	for range 25 { // the 25th has such a slice
		data = flipped(clip(t, "with-audio.mp4"), r)
	}
	if what, degraded := sampledBy(t, data, frames.Plan{Count: 1000}, 1); !degraded {
		t.Errorf("%s; want it to be degraded", what)
	}
	x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
	if err != nil {
		t.Fatal(err)
	}
	if rows, keys, err := x.DamageOfAll(t.Context(), bytes.NewReader(data)); err != nil || len(rows) == 0 || rows[len(rows)-1] >= keys[1] {
		t.Errorf("damage at packets %v, keys at %v: %v; want some, and all before the second key", rows, keys, err)
	}
}

// sampledBy tells what comes of a plan and so many threads: the error, or the
// report but for how many were decoded, and the pictures' hash.
func sampledBy(t *testing.T, data []byte, plan frames.Plan, threads int) (what string, degraded bool) {
	t.Helper()
	limits := frames.Upload()
	limits.Threads = threads
	pics, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), plan, limits)
	if err != nil {
		return err.Error(), true
	}
	report.Decoded = 0
	h := fnv.New64a()
	for _, p := range pics {
		fmt.Fprint(h, p.PTS)
		h.Write(p.Pix)
	}
	return fmt.Sprintf("%+v, pictures %x", report, h.Sum64()), report.Degraded
}
