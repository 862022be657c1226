package frames_test

import (
	"bytes"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/temporal"
)

// A packet may be missing from a file without any trace in the container: the
// sender's, the network's or a remuxer's doing. H.264 and HEVC number their
// reference pictures, so what is shown must still be pictures of the whole file.
func TestAPacketThatIsMissingWithoutATraceIsNoticed(t *testing.T) {
	all := goldens(t)
	for _, name := range []string{
		"cfr.mp4", "b-pyramid.mp4", "one-gop.mkv", "vfr.mkv", "open-gop-h264.ts", "intra-refresh.mp4", "interlaced.mp4", "h264-10bit.mkv", "odd.mkv",
		"size-change.ts", "flv.flv", "fragmented.mp4", "hevc.mkv", "hevc.ts", "hevc-10bit.mp4", "open-gop-hevc.mp4", "hdr.mp4",
	} {
		t.Run(name, func(t *testing.T) {
			data, want := clip(t, name), all[name]
			times, good := want.relative(), map[int64]string{}
			for i, f := range want.Frames {
				good[times[i]] = f.sum
			}
			noticed := 0
			for lost := 1; lost < len(want.Frames); lost++ {
				if checkLosing(t, data, lost, good) {
					noticed++
				}
			}
			t.Logf("%d of %d missing packets make the report degraded", noticed, len(want.Frames)-1)
		})
	}
}

// checkLosing fails if a returned picture is not the whole file's at that time.
func checkLosing(t *testing.T, data []byte, lost int, good map[int64]string) (degraded bool) {
	t.Helper()
	s := sums{of: map[int]string{}}
	pics, report, x, err := frames.SampleLosing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload(), lost, s.see)
	if err != nil {
		t.Fatalf("without packet %d: %v", lost, err)
	}
	pts, _, num, den := x.PTS()
	wrong := 0
	for _, p := range pics {
		for k := range pts {
			if temporal.NewSeconds(pts[k]-pts[0], num, den) == p.PTS && good[pts[k]-pts[0]] != s.of[k] {
				wrong++
			}
		}
	}
	if wrong > 0 {
		t.Errorf("without packet %d, %d of %d pictures are none of the whole file's (degraded %v)", lost, wrong, len(pics), report.Degraded)
	}
	return report.Degraded
}

// Damage ends at a key: what leads it may have been reached, the key itself not.
func TestTheKeyBehindALossIsShown(t *testing.T) {
	data, want := clip(t, "open-gop-hevc.mp4"), goldens(t)["open-gop-hevc.mp4"] // a key at 0.8 s
	s := sums{of: map[int]string{}}
	pics, report, _, err := frames.SampleLosing(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{At: []time.Duration{800 * time.Millisecond}}, frames.Upload(), 11, s.see)
	if err != nil || report.Degraded || pics[0].PTS != 0.8 {
		t.Fatalf("%v, %+v, %v", pics[0].PTS, report, err)
	}
	for _, sum := range s.of {
		if sum != want.Frames[20].sum {
			t.Errorf("the picture has planes %s; want %s", sum, want.Frames[20].sum)
		}
	}
}
