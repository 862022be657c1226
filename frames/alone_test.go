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
