package frames_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"videoqa/frames"
)

// tablesTrusted are the files of the corpus whose own tables suffice, and tablesNotTrusted
// other MP4 files, each of which is out of the ordinary.
var (
	tablesTrusted    = []string{"b-pyramid.mp4", "bt709.mp4", "bt709-full.mp4", "cfr.mp4", "hdr.mp4", "hevc-10bit.mp4", "interlaced.mp4", "late-start.mp4", "mirrored.mp4", "one-frame.mp4", "open-gop-hevc.mp4", "rotated-90.mp4", "with-audio.mp4"}
	tablesNotTrusted = map[string]string{
		"fragmented.mp4": "its table is in many places", "two-descriptions.mp4": "a decoder has to be told which holds", "edit-list.mp4": "something is left out",
		"truncated.mp4": "samples lie outside the file", "av1.mp4": "its packets do not say whether they are keys", "mpeg4.mp4": "the same",
	}
)

func TestATrustedTableGivesThePicturesOfALinearDecode(t *testing.T) {
	all := goldens(t)
	for _, name := range tablesTrusted {
		for _, plan := range []frames.Plan{{Count: 1000}, {Count: 1}, {Count: 2}, {Count: 6}, {Count: 2, From: time.Second}, {At: []time.Duration{0, 300 * time.Millisecond, time.Hour}}} {
			want := all[name]
			if plan.From > 0 && len(want.Frames) < 30 {
				continue // the clip is too short for that plan
			}
			t.Run(fmt.Sprintf("%s, %d from %v", name, plan.Count, plan.From), func(t *testing.T) {
				data := clip(t, name)
				s := sums{of: map[int]string{}}
				pics, report, x, err := frames.SampleByTable(t.Context(), bytes.NewReader(data), int64(len(data)), plan, frames.Upload(), s.see)
				if err != nil || x == nil {
					t.Fatalf("%v, %v; want the table to be trusted", x, err)
				}
				for k, sum := range s.of {
					if sum != want.Frames[k].sum {
						t.Errorf("frame %d has planes %s; want %s", k, sum, want.Frames[k].sum)
					}
				}
				checkSame(t, data, plan, pics, report, x)
			})
		}
	}
}

// checkSame compares with what reading all of the file gives.
func checkSame(t *testing.T, data []byte, plan frames.Plan, pics []frames.Picture, report frames.Report, x *frames.Index) {
	t.Helper()
	whole, wanted, full, err := frames.SampleSeeing(t.Context(), bytes.NewReader(data), int64(len(data)), plan, frames.Upload(), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Decoded > wanted.Decoded {
		t.Errorf("%d pictures were decoded; of the whole file %d", report.Decoded, wanted.Decoded)
	}
	report.Decoded = wanted.Decoded
	if fmt.Sprint(report) != fmt.Sprint(wanted) {
		t.Errorf("report %+v; of the whole file %+v", report, wanted)
	}
	pts, end, _, _ := x.PTS()
	fullPTS, fullEnd, _, _ := full.PTS()
	if !slices.Equal(pts, fullPTS) || end != fullEnd {
		t.Errorf("times %v to %d; of the whole file %v to %d", pts, end, fullPTS, fullEnd)
	}
	if !samePictures(pics, whole) {
		t.Errorf("%d pictures are not the %d of the whole file", len(pics), len(whole))
	}
}

func samePictures(a, b []frames.Picture) bool {
	return slices.EqualFunc(a, b, func(a, b frames.Picture) bool { return a.PTS == b.PTS && bytes.Equal(a.Pix, b.Pix) })
}

func TestATableOutOfTheOrdinaryIsNotTrusted(t *testing.T) {
	for name, why := range tablesNotTrusted {
		data := clip(t, name)
		if _, _, x, err := frames.SampleByTable(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 3}, frames.Upload(), nil); x != nil || err != nil {
			t.Errorf("%s is trusted, though %s (%v)", name, why, err)
		}
	}
}

// after returns what follows the n-th byte behind a box's kind.
func after(t *testing.T, data []byte, kind string, n int) []byte {
	t.Helper()
	at := bytes.Index(data, []byte(kind))
	if at < 0 {
		t.Fatalf("there is no %s", kind)
	}
	return data[at+4+n:]
}

// A table may lie: about keys, sizes, places and times. What is sampled then is
// what reading the whole file gives.
func TestATableThatLiesIsFoundOut(t *testing.T) {
	put := binary.BigEndian.PutUint32
	for _, tc := range []struct {
		name, clip string
		lie        func(t *testing.T, data []byte)
		found      bool // or does it do no harm
	}{
		{"a picture that is no key is called one", "cfr.mp4", func(t *testing.T, data []byte) { put(after(t, data, "stss", 12), 11) }, true},
		{"of HEVC", "hevc-10bit.mp4", func(t *testing.T, data []byte) { put(after(t, data, "stss", 8), 3) }, true},
		{"all are said to be keys", "cfr.mp4", func(t *testing.T, data []byte) { copy(after(t, data, "stss", -4), "free") }, true},
		{"keys are not called so", "cfr.mp4", func(t *testing.T, data []byte) { copy(after(t, data, "stss", 12), after(t, data, "stss", 16)[:4]) }, true},
		{"a sample is shorter", "cfr.mp4", func(t *testing.T, data []byte) { put(after(t, data, "stsz", 12), 60) }, true},
		{"a sample is longer than the file", "cfr.mp4", func(t *testing.T, data []byte) { put(after(t, data, "stsz", 12+4*20), 1<<30) }, true},
		{"samples begin after the file", "cfr.mp4", func(t *testing.T, data []byte) { put(after(t, data, "stco", 8), 1<<30) }, true},
		{"samples begin elsewhere", "cfr.mp4", func(t *testing.T, data []byte) {
			place := after(t, data, "stco", 8)
			put(place, binary.BigEndian.Uint32(place)+7)
		}, true},
		{"pictures are shown at other times", "b-pyramid.mp4", func(t *testing.T, data []byte) { put(after(t, data, "ctts", 12+8*5), 77) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := bytes.Clone(clip(t, tc.clip))
			tc.lie(t, data)
			_, _, x, err := frames.SampleByTable(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 8}, frames.Upload(), nil)
			if trusted := x != nil && err == nil; trusted == tc.found {
				t.Errorf("index %v, %v; want it found out: %v", x != nil, err, tc.found)
			}
			checkTrusting(t, data, frames.Plan{Count: 8})
		})
	}
}

// checkTrusting compares sampling with and without trusting, on one thread: of
// several, what damaged pictures look like that still parse is a matter of luck.
func checkTrusting(t *testing.T, data []byte, plan frames.Plan) (degraded bool) {
	t.Helper()
	limits := frames.Upload()
	limits.Threads = 1
	got, report, err := frames.SampleTrusting(t.Context(), bytes.NewReader(data), int64(len(data)), plan, limits, true)
	want, full, wantErr := frames.SampleTrusting(t.Context(), bytes.NewReader(data), int64(len(data)), plan, limits, false)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || !samePictures(got, want) {
		t.Errorf("%+v: %d pictures, %v; of the whole file %d, %v", plan, len(got), err, len(want), wantErr)
	}
	if report.Degraded && !full.Degraded || report.Frames != full.Frames || report.Duration != full.Duration {
		t.Errorf("%+v: %+v; of the whole file %+v", plan, report, full)
	}
	return full.Degraded
}

// Every packet in turn is made one that shows nothing, of filler data, as if the
// picture had got lost: no container tells.
func TestALostPictureIsNoticedWhereItMatters(t *testing.T) {
	for _, name := range []string{"cfr.mp4", "b-pyramid.mp4", "open-gop-hevc.mp4"} {
		t.Run(name, func(t *testing.T) {
			whole := clip(t, name)
			places, err := frames.Places(t.Context(), bytes.NewReader(whole), int64(len(whole)))
			if err != nil || len(places) < 20 {
				t.Fatalf("%d samples, %v", len(places), err)
			}
			filler := []byte{12}
			if strings.Contains(name, "hevc") {
				filler = []byte{38 << 1, 1}
			}
			noticed, unseen := 0, 0
			for _, place := range places[1:] {
				data := bytes.Clone(whole)
				sample := data[place[0] : place[0]+place[1]]
				binary.BigEndian.PutUint32(sample, uint32(len(sample)-4))
				copy(sample[4+copy(sample[4:], filler):], bytes.Repeat([]byte{0xff}, len(sample)))
				sample[len(sample)-1] = 0x80
				for _, count := range []int{1, 3} {
					_, _, _, err := frames.SampleByTable(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: count}, frames.Upload(), nil)
					if errors.Is(err, frames.ErrNeedFullScan) {
						noticed++
					} else if checkTrusting(t, data, frames.Plan{Count: count}) {
						unseen++
					}
				}
			}
			if noticed == 0 || unseen == 0 {
				t.Errorf("%d losses were noticed, %d elsewhere were not; want some of both", noticed, unseen)
			}
		})
	}
}

// Bits are flipped anywhere, in tables too.
func TestDamagedFilesGiveTheSamePicturesByTheirTableOrRead(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, name := range tablesTrusted {
		t.Run(name, func(t *testing.T) {
			for range 30 {
				data := bytes.Clone(clip(t, name))
				tables := bytes.Index(data, []byte("moov"))
				for range 1 + r.IntN(3) {
					data[r.IntN(len(data))] ^= byte(1 << r.IntN(8))
				}
				if r.IntN(2) == 0 { // half of them where it is dense
					data[tables+r.IntN(len(data)-tables)] ^= byte(1 << r.IntN(8))
				}
				checkTrusting(t, data, frames.Plan{Count: 1 + r.IntN(6)})
			}
		})
	}
}

// counting counts what is read.
type counting struct {
	*footage
	read int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.footage.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

func TestOfALongVideoLittleIsRead(t *testing.T) {
	f := &counting{footage: newFootage(t, "cfr.mp4", 2*3600*25, 12000)}
	pics, report, err := frames.Sample(t.Context(), f, f.Size(), frames.Plan{Count: 6}, frames.Footage())
	if err != nil || len(pics) != 6 || report.Frames != int(f.pictures) || report.Duration != 2*time.Hour || report.Degraded {
		t.Fatalf("%d pictures, %+v, %v", len(pics), report, err)
	}
	if most := f.Size() / 50; f.read > most {
		t.Errorf("%d bytes of %d were read; want at most %d", f.read, f.Size(), most)
	}
	x, err := frames.Open(t.Context(), f, f.Size(), frames.Footage())
	if err != nil {
		t.Fatal(err)
	}
	if want, _, err := x.Sample(t.Context(), f, frames.Plan{Count: 6}); err != nil || !samePictures(pics, want) {
		t.Errorf("the pictures are not those of the whole file; %v", err)
	}
}
