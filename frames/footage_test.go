package frames_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"videoqa/frames"
)

// A footage is an MP4 file of any length that exists nowhere: one real group of
// pictures again and again, each picture filled up to the same size.
type footage struct {
	head     []byte
	samples  [][]byte // of one group, each of size bytes
	size     int64
	pictures int64
	oneGroup bool
}

// newFootage makes a file of 25 pictures a second. Of cfr.mp4 it repeats the first
// group, 12 pictures of H.264; of mpeg4.mp4, which has no second group, it repeats
// what follows the first picture, so that all of the file is one group.
func newFootage(t testing.TB, name string, pictures int64, size int) *footage {
	t.Helper()
	data := clip(t, name)
	group := 12
	if name == "mpeg4.mp4" {
		group = int(pictures)
	}
	sizes := data[bytes.Index(data, []byte("stsz"))+16:]
	at := bytes.Index(data, []byte("mdat")) + 4
	f := &footage{size: int64(size), pictures: pictures, oneGroup: name == "mpeg4.mp4"}
	for i := range 12 {
		n := int(binary.BigEndian.Uint32(sizes[4*i:]))
		sample := make([]byte, size)
		copy(sample, data[at:at+n])
		f.samples, at = append(f.samples, sample), at+n
		if name == "mpeg4.mp4" {
			continue // zeros after a picture are stuffing
		}
		binary.BigEndian.PutUint32(sample[n:], uint32(size-n-4)) // a NAL unit of filler data
		sample[n+4] = 12
		for j := n + 5; j < size-1; j++ {
			sample[j] = 0xff
		}
		sample[size-1] = 0x80
	}
	start := bytes.Index(data, []byte("stsd")) - 4
	stsd := data[start : start+int(binary.BigEndian.Uint32(data[start:]))]
	build := func(first uint64) []byte {
		var keys, places []byte
		for i := int64(0); i < pictures; i += int64(group) {
			keys = binary.BigEndian.AppendUint32(keys, uint32(i+1))
			places = binary.BigEndian.AppendUint64(places, first+uint64(i)*uint64(size))
		}
		n, groups := uint32(pictures), uint32((int(pictures)+group-1)/group)
		stbl := slices.Concat(stsd, box("stts", words(0, 1, n, 1)), box("stss", words(0, groups), keys),
			box("stsc", words(0, 1, 1, uint32(group), 1)), box("stsz", words(0, uint32(size), n)), box("co64", words(0, groups), places))
		minf := slices.Concat(box("vmhd", words(1, 0, 0)), box("dinf", box("dref", words(0, 1), box("url ", words(1)))), box("stbl", stbl))
		mdia := slices.Concat(box("mdhd", words(0, 0, 0, 25, n, 0)), box("hdlr", words(0, 0), []byte("vide"), make([]byte, 13)), box("minf", minf))
		matrix := words(65536, 0, 0, 0, 65536, 0, 0, 0, 1<<30)
		trak := slices.Concat(box("tkhd", words(3, 0, 0, 1, 0, n, 0, 0, 0, 0), matrix, words(96<<16, 64<<16)), box("mdia", mdia))
		mvhd := box("mvhd", words(0, 0, 0, 25, n, 65536, 0, 0, 0), matrix, make([]byte, 24), words(2))
		head := slices.Concat(box("ftyp", []byte("isom"), words(512), []byte("isom")), box("moov", mvhd, box("trak", trak)))
		return binary.BigEndian.AppendUint64(append(append(head, 0, 0, 0, 1), "mdat"...), uint64(pictures)*uint64(size)+16)
	}
	f.head = build(uint64(len(build(0))))
	return f
}

func box(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(words(uint32(len(body)+8)), []byte(kind), body)
}

func words(all ...uint32) (b []byte) {
	for _, w := range all {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func (f *footage) sample(i int64) []byte {
	if n := int64(len(f.samples)); !f.oneGroup || i < n {
		return f.samples[i%n]
	} else {
		return f.samples[1+i%(n-1)]
	}
}

func (f *footage) Size() int64 { return int64(len(f.head)) + f.pictures*f.size }

func (f *footage) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < f.Size() {
		from := f.head
		if off < int64(len(f.head)) {
			from = from[off:]
		} else {
			at := off - int64(len(f.head))
			from = f.sample(at / f.size)[at%f.size:]
		}
		c := copy(p[n:], from)
		n, off = n+c, off+int64(c)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// peak returns the most memory that the process held since reset, in bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.ParseInt(string(regexp.MustCompile(`VmHWM:\s*(\d+)`).FindSubmatch(text)[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// clear_refs 5 sets the peak back to what is held now; proc(5).
func resetPeak(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

func TestTwoHoursOfFootageStayUnder300MB(t *testing.T) {
	f := newFootage(t, "cfr.mp4", 2*3600*25, 12000)
	if f.Size() < 2e9 {
		t.Fatalf("the file has %d bytes; want 2 GB", f.Size())
	}
	first, _, err := frames.Sample(t.Context(), bytes.NewReader(clip(t, "cfr.mp4")), int64(len(clip(t, "cfr.mp4"))), frames.Plan{Count: 40}, frames.Upload())
	if err != nil {
		t.Fatal(err)
	}
	resetPeak(t)
	x, err := frames.Open(t.Context(), f, f.Size(), frames.Footage())
	if err != nil {
		t.Fatal(err)
	}
	if x.Duration() != 2*time.Hour || x.Frames() != int(f.pictures) {
		t.Errorf("it lasts %v and shows %d pictures; want 2 hours of %d", x.Duration(), x.Frames(), f.pictures)
	}
	for _, plan := range []frames.Plan{{Count: 6}, {Count: 3, From: 90 * time.Minute, To: 90*time.Minute + 10*time.Second}} {
		pics, report, err := x.Sample(t.Context(), f, plan)
		if err != nil || len(pics) != plan.Count || report.Degraded {
			t.Fatalf("Sample with %+v: %d pictures, %+v, %v", plan, len(pics), report, err)
		}
		for _, p := range pics {
			k := int(float64(p.PTS)*25+.5) % 12
			if !bytes.Equal(p.Pix, first[k].Pix) {
				t.Errorf("the picture at %v is not picture %d of its group", p.PTS, k)
			}
		}
		if report.Decoded > 12*plan.Count {
			t.Errorf("%d pictures were decoded for %d", report.Decoded, plan.Count)
		}
	}
	if got := peak(t); got > 300e6 {
		t.Errorf("the process held up to %d bytes; want at most 300 MB", got)
	} else {
		t.Logf("the process held up to %d MB", got/1e6)
	}
}

// One group of pictures that lasts as long as the file, as cameras with periodic
// intra refresh record: it is decoded as it is read.
func TestAFileOfOneLongGroupIsNotHeldInMemory(t *testing.T) {
	f := newFootage(t, "mpeg4.mp4", 1200, 400<<10)
	resetPeak(t)
	x, err := frames.Open(t.Context(), f, f.Size(), frames.Footage())
	if err != nil {
		t.Fatal(err)
	}
	pics, report, err := x.Sample(t.Context(), f, frames.Plan{Count: 2})
	if err != nil || len(pics) != 2 || report.Degraded || report.Decoded < 900 {
		t.Errorf("%d pictures, %+v, %v; want 2, for which 901 are decoded", len(pics), report, err)
	}
	if got := peak(t); got > 300e6 {
		t.Errorf("the process held up to %d bytes of a file of %d; want at most 300 MB", got, f.Size())
	}
}
