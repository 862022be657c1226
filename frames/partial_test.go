package frames_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"videoqa/frames"
)

// A disk or a download may leave zeros in the middle of a picture. HEVC's decoder
// makes something of them and says nothing.
func TestZerosWithinAPictureAreNoticed(t *testing.T) {
	all := goldens(t)
	for _, name := range []string{"open-gop-hevc.mp4", "hevc-10bit.mp4", "cfr.mp4", "b-pyramid.mp4"} {
		t.Run(name, func(t *testing.T) {
			whole := clip(t, name)
			places, err := frames.Places(t.Context(), bytes.NewReader(whole), int64(len(whole)))
			if err != nil || len(places) < 20 {
				t.Fatalf("%d samples, %v", len(places), err)
			}
			for i, place := range places {
				data := bytes.Clone(whole)
				sample := data[place[0] : place[0]+place[1]]
				if len(sample) < 100 {
					continue
				}
				clear(sample[len(sample)/3 : len(sample)/3+20])
				checkPartial(t, data, all[name], fmt.Sprint("sample ", i))
			}
		})
	}
}

// JPEG's decoder stops where the bytes make no sense and hands out what it has.
func TestAPictureThatEndsEarlyIsNoticed(t *testing.T) {
	whole, want := clip(t, "mjpeg.avi"), goldens(t)["mjpeg.avi"]
	cut := 0
	for at := bytes.Index(whole, []byte("movi")); ; cut++ {
		next := bytes.Index(whole[at:], []byte("00dc"))
		if next < 0 {
			break
		}
		at += next + 8
		size := int(binary.LittleEndian.Uint32(whole[at-4:]))
		if at+size > len(whole) || !bytes.HasPrefix(whole[at:], []byte{0xff, 0xd8}) { // the index behind, which names chunks too
			break
		}
		data := bytes.Clone(whole)
		copy(data[at+size*2/3:at+size], bytes.Repeat([]byte{0xff, 0xd9}, size)) // ends of pictures
		checkPartial(t, data, want, fmt.Sprint("picture ", cut))
		at += size
	}
	if cut != len(want.Frames) {
		t.Errorf("%d pictures were cut; want all %d", cut, len(want.Frames))
	}
}

// checkPartial fails unless damage is reported and what is returned are pictures of
// the whole file.
func checkPartial(t *testing.T, data []byte, want golden, what string) {
	t.Helper()
	good := map[string]bool{}
	for _, f := range want.Frames {
		good[f.sum] = true
	}
	_, report, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload())
	if err != nil || !report.Degraded {
		t.Errorf("%s: %+v, %v; want it reported as degraded", what, report, err)
		return
	}
	for k, sum := range pictureSums(t, data, 1000) {
		if !good[sum] {
			t.Errorf("%s: frame %d is no picture of the whole file", what, k)
		}
	}
}

// The last block of a JPEG has nothing behind it that could be missing as well: a
// decoder that stops in its middle has written some of it, and the rest is what
// another picture left in memory. Notes and pictures may not follow that.
func TestAPictureOfWhichOnlyTheLastBlockIsDamagedIsTheSameInAnyMemory(t *testing.T) {
	whole, noticed := clip(t, "mjpeg.avi"), 0
	for n, picture := range jpegsOf(whole) {
		at := bytes.Index(whole, picture)
		for back := 3; back < 24; back += 3 {
			data := bytes.Clone(whole)
			copy(data[at+len(picture)-back:], []byte{0x7f, 0x7e, 0x7f})
			first := sampledHolding(t, data, 0x00)
			if other := sampledHolding(t, data, 0xff); other != first {
				t.Errorf("picture %d damaged %d bytes before its end: memory of zeros gives\n%s, of ones\n%s", n, back, first, other)
			}
			if strings.Contains(first, "Degraded:true") {
				noticed++
			}
		}
	}
	if noticed < 20 {
		t.Errorf("%d of 105 damaged copies are noticed; want more, or the test tries nothing", noticed)
	}
}
