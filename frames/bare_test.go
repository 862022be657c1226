package frames_test

import (
	"bytes"
	"testing"

	"videoqa/frames"
)

// A track of no language that has no tags either has nothing to be looked up.
func TestAMatroskaFileWithoutTagsIsRead(t *testing.T) {
	pictures := jpegsOf(clip(t, "mjpeg.avi"))
	var blocks []byte
	for i, p := range pictures[1:] {
		blocks = append(blocks, element(0xa3, []byte{0x81, 0, byte(i + 1), 0x80}, p)...)
	}
	data := matroska(nil, pictures[0], blocks)
	pics, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 6}, frames.Upload())
	if err != nil || len(pics) != 6 || report.Degraded {
		t.Errorf("%d pictures, %+v, %v; want six", len(pics), report, err)
	}
}
