package frames_test

import (
	"bytes"
	"fmt"
	"testing"

	"videoqa/frames"
)

// The harshest case for planning: nothing else is decoded that could help.
func TestEveryFrameDecodedAloneEqualsALinearDecode(t *testing.T) {
	for name, want := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			data := clip(t, name)
			x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Footage())
			if err != nil {
				t.Fatal(err)
			}
			for k := range want.Frames {
				s := sums{of: map[int]string{}}
				if err := x.Only(t.Context(), bytes.NewReader(data), []int{k}, s.see); err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(s.of) != fmt.Sprint(map[int]string{k: want.Frames[k].sum}) {
					t.Errorf("frame %d alone has planes %v; want %s", k, s.of, want.Frames[k].sum)
				}
			}
		})
	}
}

// A point of access and a picture that leads it, which needs what comes before,
// are wanted together. Every pair of neighbours of files with open groups is tried.
func TestTwoFramesTogetherEqualThoseOfALinearDecode(t *testing.T) {
	all := goldens(t)
	for _, name := range []string{"open-gop-h264.ts", "open-gop-hevc.mp4", "hevc.ts", "cut-start-hevc.ts", "mpeg2.mpg"} {
		t.Run(name, func(t *testing.T) {
			data, want := clip(t, name), all[name]
			x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
			if err != nil {
				t.Fatal(err)
			}
			for a := range want.Frames {
				for b := a + 1; b < min(a+5, len(want.Frames)); b++ {
					s := sums{of: map[int]string{}}
					if err := x.Only(t.Context(), bytes.NewReader(data), []int{a, b}, s.see); err != nil {
						t.Fatal(err)
					}
					if s.of[a] != want.Frames[a].sum || s.of[b] != want.Frames[b].sum || len(s.of) != 2 {
						t.Errorf("frames %d and %d have planes %v; want %s and %s", a, b, s.of, want.Frames[a].sum, want.Frames[b].sum)
					}
				}
			}
		})
	}
}
