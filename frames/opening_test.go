package frames_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"videoqa/frames"
	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// greedy are files of which a few bytes ask for much memory or work to be opened, and
// what is to be said of them; nothing: they are read.
func greedy(t testing.TB) map[string]struct {
	data []byte
	says string
} {
	t.Helper()
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	constant := func(n uint32) [][]byte {
		return [][]byte{box("stsc", words(0, 1, 1, n, 1)), box("stsz", words(0, 2, n)), box("stco", words(0, 1, 16))}
	}
	lone := box("stss", words(0, 1, 1))
	edits := func(n int, each ...uint32) []byte {
		return box("edts", box("elst", words(0, uint32(n)), bytes.Repeat(words(each...), n)))
	}
	fragmented := func(tracks int, rest ...[]byte) []byte {
		empty := bytes.Repeat(jpegTrack(0, nil, box("stsc", words(0, 0)), box("stsz", words(0, 0, 0)), box("stco", words(0, 0))), tracks)
		return bytes.Join(append([][]byte{movOf(nil, empty, box("mvex", box("trex", words(0, 1, 1, 1, 2, 0))))}, rest...), nil)
	}
	fragment := func(samples uint32) []byte {
		return box("moof", box("mfhd", words(0, 1)), box("traf", box("tfhd", words(0, 1)), box("trun", words(0, samples))))
	}
	fragmentOfData := box("moof", box("mfhd", words(0, 1)), box("traf", box("tfhd", words(0x20010, 1, 8)), box("trun", words(1, 300000, 8+16+8+20+20)))) // and as many samples of 8 bytes behind it
	sidx := box("sidx", words(0, 1, 25, 0, 0), []byte{0, 0, 0xea, 0x60}, bytes.Repeat(words(100, 1, 0), 60000))
	var tags, moov bytes.Buffer
	for i := range uint32(50000) {
		tags.Write(box(string(words(0xa9000000+i)), []byte{0, 1, 0, 0, 'x'}))
	}
	packer := zlib.NewWriter(&moov)
	packer.Write(words(40<<20, 0x66726565)) // a box "free"
	for range 40 {
		packer.Write(make([]byte, 1<<20))
	}
	packer.Close()
	block := append([]byte{0xa3, 0x85, 0x81, 0, 0, 0x80}, 'x')
	return map[string]struct {
		data []byte
		says string
	}{
		"an edit list that multiplies":   {movOf(make([]byte, 18000), jpegTrack(9000, edits(200, 9000, 0, 1<<16), append(constant(9000), lone)...)), "edit lists"},
		"samples of one size":            {movOf(make([]byte, 100), jpegTrack(1e8, nil, constant(1e8)...)), "samples of a track"},
		"samples of a fragment":          {fragmented(1, fragment(1e8)), "samples of its fragments"},
		"places of fragments":            {fragmented(16, bytes.Repeat(sidx, 4), fragment(2)), "fragments"},
		"many fragments":                 {fragmented(1, bytes.Repeat(fragment(1), 150000)), "steps"},
		"fragments that are data":        {fragmented(1, fragmentOfData, bytes.Repeat(box("moof"), 300000)), "steps"},
		"lists that reach the end":       {fragmented(1, bytes.Repeat(box("moof"), 100000), listsToTheEnd(100000)), "steps"},
		"names of tags":                  {movOf(nil, jpegTrack(10, nil, constant(10)...), box("meta", words(0), box("hdlr", words(0, 0), []byte("mdta"), words(0, 0, 0)), box("keys", words(0, 2e8)))), "tags"},
		"tags of an MP4":                 {movOf(nil, jpegTrack(10, nil, constant(10)...), box("udta", tags.Bytes())), "tags"},
		"a compressed moov":              {bytes.Join([][]byte{box("free"), box("moov", box("cmov", box("dcom", []byte("zlib")), box("cmvd", words(40<<20), moov.Bytes())))}, nil), "compressed"},
		"a million blocks":               {matroska(nil, picture, bytes.Repeat(block, 1e6)), "packets"},
		"tags of a Matroska":             {matroska(element(0x1254c367, element(0x7373, bytes.Repeat(element(0x67c8), 50000))), picture, nil), "tags"},
		"chapters of a Matroska":         {matroska(element(0x1043a770, element(0x45b9, bytes.Repeat(element(0xb6), 50000))), picture, nil), "chapters"},
		"tracks of a Matroska":           {matroska(element(0x1654ae6b, bytes.Repeat(element(0xae), 1e5)), picture, nil), "lists"},
		"attachments of a Matroska":      {matroska(element(0x1941a469, bytes.Repeat(element(0x61a7), 1e6)), picture, nil), "lists"},
		"chunks of sound":                {movOf(make([]byte, 100), soundTrack(1e8, 1<<31, 16)), "samples of a track"},
		"sound in an AVI's index":        {aviOfSound(16, math.MaxInt32), "index"},
		"metadata of an FLV":             {flvOfNames(50000), "tags"},
		"what an MP4 says of keys":       {movOf(nil, bytes.Repeat(box("pssh", make([]byte, 24)), 50000)), "tags"},
		"streams that no program names":  {append(transportOfNoProgram(20000), clip(t, "open-gop-h264.ts")...), "packets that do not tell"},
		"a stream that nothing names":    {append(clip(t, "open-gop-h264.ts"), transportOfNoProgram(5000)...), ""},
		"programs of a transport stream": {transportOfPrograms(60), "programs"},
	}
}

// listsToTheEnd are n lists of one fragment each, from the list's own end to the file's.
func listsToTheEnd(n int) (out []byte) {
	const length = 8 + 24 + 12
	for i := range n {
		out = append(out, box("sidx", words(0, 1, 25, 0, 0, 1, uint32((n-1-i)*length), 1, 0))...)
	}
	return out
}

// soundTrack is a track of n samples of PCM of one byte, in chunks of so many samples.
func soundTrack(n, perChunk uint32, chunks int) []byte {
	return soundTrackOf(n, box("stsc", words(0, 1, 1, perChunk, 1)), box("stsz", words(0, 1, n)), box("stco", words(0, uint32(chunks)), bytes.Repeat(words(16), chunks)))
}

// soundTrackOf is a track of n samples of PCM of one byte, with what tables it has.
func soundTrackOf(n uint32, tables ...[]byte) []byte {
	stbl := box("stbl", append([][]byte{box("stsd", words(0, 1), box("raw ", words(0, 1, 0, 0, 1<<16|8, 0, 8000<<16))), box("stts", words(0, 1, n, 1))}, tables...)...)
	return box("trak", box("tkhd", words(7, 0, 0, 2, 0, n, 0, 0, 0, 0), noTurn(), words(0, 0)),
		box("mdia", box("mdhd", words(0, 0, 0, 8000, n, 0)), box("hdlr", words(0, 0), []byte("soun"), words(0, 0, 0)),
			box("minf", box("smhd", words(0, 0)), box("dinf", box("dref", words(0, 1), box("url ", words(1)))), stbl)))
}

// matroska is a file of one MJPEG track, with something before its packets, of which
// the first is a picture.
func matroska(before, picture, blocks []byte) []byte {
	head := element(0x1a45dfa3, element(0x42f7, []byte{1}), element(0x4282, []byte("matroska")), element(0x4287, []byte{4}), element(0x4285, []byte{2}))
	track := element(0xae, element(0xd7, []byte{1}), element(0x73c5, []byte{1}), element(0x83, []byte{1}), element(0x86, []byte("V_MJPEG")), element(0x22b59c, []byte("und")),
		element(0xe0, element(0xb0, []byte{96}), element(0xba, []byte{64})))
	cluster := element(0x1f43b675, element(0xe7, []byte{0}), element(0xa3, []byte{0x81, 0, 0, 0x80}, picture), blocks)
	return append(head, element(0x18538067, element(0x1549a966, element(0x2ad7b1, []byte{0x0f, 0x42, 0x40})), element(0x1654ae6b, track), before, cluster)...)
}

// element makes a Matroska element.
func element(id uint32, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	out := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	if len(body) < 127 {
		out = append(out, 0x80|byte(len(body)))
	} else {
		out = binary.BigEndian.AppendUint64(out, 1<<56|uint64(len(body)))
	}
	return append(out, body...)
}

// chunk makes a chunk of an AVI file.
func chunk(kind string, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), append(body, make([]byte, len(body)%2)...)...)
}

// little are 32-bit numbers, as AVI stores them.
func little(values ...uint32) (out []byte) {
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	return out
}

// aviOfSound has that many streams of sound, each with one entry of size bytes in the index.
func aviOfSound(streams, size uint32) []byte {
	sound := chunk("LIST", []byte("strl"), chunk("strh", []byte("auds"), little(0, 0, 0, 0, 1, 25, 0, 1000, 0, 0, 1, 0, 0)), chunk("strf", little(1|1<<16, 8000, 8000, 1|8<<16)))
	var index []byte
	for i := range streams {
		index = append(append(index, fmt.Sprintf("%02dwb", i)...), little(16, 4, size)...)
	}
	return chunk("RIFF", []byte("AVI "), chunk("LIST", []byte("hdrl"), chunk("avih", little(40000, 0, 0, 16, 10, 0, streams, 0, 96, 64, 0, 0, 0, 0)), bytes.Repeat(sound, int(streams))),
		chunk("LIST", []byte("movi"), chunk("00wb", make([]byte, 16))), chunk("idx1", index))
}

// flvOfNames has metadata of that many names.
func flvOfNames(n int) []byte {
	meta := []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x00")
	for i := range n {
		meta = append(append(meta, 0, 8), fmt.Sprintf("k%07d", i)...)
		meta = append(meta, make([]byte, 9)...)
	}
	meta = append(meta, 0, 0, 9)
	tag := binary.BigEndian.AppendUint32(nil, 18<<24|uint32(len(meta)))
	return slices.Concat([]byte("FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"), tag, make([]byte, 7), meta, make([]byte, 4))
}

// transportOfNoProgram has one stream that no program names, of n packets of unknown length.
func transportOfNoProgram(n int) (out []byte) {
	for i := range n {
		out = append(out, 0x47, 0x52, 0x34, 0x10|byte(i&15), 0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0)
		out = append(out, bytes.Repeat([]byte{0xff}, 175)...)
	}
	return out
}

// transportOfPrograms has that many tables of 250 programs each, all different.
func transportOfPrograms(tables int) (out []byte) {
	for v := range tables {
		table := []byte{0, 0xb0 | 1009>>8, 1009 & 0xff, 0, 1, 0xc1 | byte(v%32)<<1, 0, 0}
		for p := range 250 {
			table = binary.BigEndian.AppendUint32(table, uint32(v*250+p+1)<<16|0xe000|uint32(16+p))
		}
		table = append([]byte{0}, binary.BigEndian.AppendUint32(table, checksum(table))...)
		for i := 0; len(table) > 0; i++ {
			packet := []byte{0x47, byte(ifElse(i == 0, 0x40, 0)), 0, 0x10 | byte(i&15)}
			n := min(184, len(table))
			out = append(append(append(out, packet...), table[:n]...), bytes.Repeat([]byte{0xff}, 184-n)...)
			table = table[n:]
		}
	}
	return out
}

func ifElse(holds bool, yes, no int) int {
	if holds {
		return yes
	}
	return no
}

// checksum is MPEG-2's, of a section.
func checksum(data []byte) uint32 {
	sum := uint32(math.MaxUint32)
	for _, b := range data {
		sum ^= uint32(b) << 24
		for range 8 {
			sum = sum<<1 ^ 0x04c11db7*(sum>>31)
		}
	}
	return sum
}

// What a file takes to be opened follows its size, not what its tables claim: whatever
// it is, an error names the limit before the memory is taken. Each is opened in a
// process of its own, whose peak is measured.
func TestOpeningTakesNoMoreThanAFilesSizeAllows(t *testing.T) {
	if name := os.Getenv("VIDEOQA_TEST_OPENING"); name != "" {
		openGreedy(t, name)
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range greedy(t) {
		t.Run(name, func(t *testing.T) {
			again := exec.CommandContext(t.Context(), program, "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$", "-test.v")
			again.Env = append(os.Environ(), "VIDEOQA_TEST_OPENING="+name)
			if out, err := again.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("at its peak")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func openGreedy(t *testing.T, name string) {
	file := greedy(t)[name]
	whole := clip(t, "mjpeg.avi")
	if _, _, err := frames.Sample(t.Context(), bytes.NewReader(whole), int64(len(whole)), frames.Plan{Count: 6}, frames.Footage()); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory() // what making the file took is not to hide what opening it takes
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
		t.Logf("the peak is that of the whole test: %v", err)
	}
	before := peak(t)
	_, _, err := frames.Sample(t.Context(), bytes.NewReader(file.data), int64(len(file.data)), frames.Plan{Count: 6}, frames.Footage())
	taken, most := peak(t)-before, 10*int64(len(file.data))+64<<20
	t.Logf("%d bytes; %d at its peak, of %d: %v", len(file.data), taken, most, err)
	if taken > most {
		t.Errorf("it takes %d bytes, %d are allowed", taken, most)
	}
	if file.says == "" {
		if err != nil {
			t.Errorf("%v; want it read", err)
		}
		return
	}
	if !errors.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), file.says) || !strings.Contains(err.Error(), "ffmpeg -i") {
		t.Errorf("%v; want it too large, because of its %s, and what to do", err, file.says)
	}
}

// fragmentsOf is a recording of n fragments, each of which has that many pictures and
// pieces of sound after one head, or of tracks by turns.
type fragmentsOf struct {
	head, fragment []byte
	n              int64
}

func (f fragmentsOf) Size() int64 { return int64(len(f.head)) + f.n*int64(len(f.fragment)) }

func (f fragmentsOf) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && err == nil {
		from := f.head
		if off >= int64(len(f.head)) {
			from = f.fragment[(off-int64(len(f.head)))%int64(len(f.fragment)):]
		} else {
			from = from[off:]
		}
		if off >= f.Size() {
			return n, io.EOF
		}
		k := copy(b[n:], from)
		n, off = n+k, off+int64(k)
	}
	return n, err
}

// recordingOf is a camera's: n fragments, each of some pictures, which are one picture
// repeated, and 20 pieces of sound, under one head or a head each. A list at its beginning
// may say where the fragments are.
func recordingOf(picture []byte, pictures, n int, heads bool, list bool) fragmentsOf {
	const sound = 20
	none := [][]byte{box("stsc", words(0, 0)), box("stsz", words(0, 0, 0)), box("stco", words(0, 0))}
	trex := func(track, size int) []byte { return box("trex", words(0, uint32(track), 1, 1, uint32(size), 0)) }
	traf := func(track, samples, offset int) []byte {
		return box("traf", box("tfhd", words(0x20000, uint32(track))), box("trun", words(1, uint32(samples), uint32(offset))))
	}
	moov := movOf(nil, jpegTrack(0, nil, none...), soundTrackOf(0, none...), box("mvex", trex(1, len(picture)), trex(2, 100)))
	media := bytes.Repeat(picture, pictures)
	var fragment []byte
	if both := 8 + 16 + 2*(8+16+20); !heads {
		moof := box("moof", box("mfhd", words(0, 1)), traf(1, pictures, both+8), traf(2, sound, both+8+len(media)))
		fragment = append(moof, box("mdat", media, make([]byte, 100*sound))...)
	} else {
		one := 8 + 16 + 8 + 16 + 20 + 8
		fragment = slices.Concat(box("moof", box("mfhd", words(0, 1)), traf(1, pictures, one)), box("mdat", media),
			box("moof", box("mfhd", words(0, 1)), traf(2, sound, one)), box("mdat", make([]byte, 100*sound)))
	}
	if list {
		entry := words(uint32(len(fragment)), 25, 0)
		moov = append(moov, box("sidx", words(0, 1, 25, 0, 0), []byte{0, 0, byte(n >> 8), byte(n)}, bytes.Repeat(entry, n))...)
	}
	return fragmentsOf{moov, fragment, int64(n)}
}

// What honest files have is far below the limits.
func TestOrdinaryTablesAreWithinTheLimits(t *testing.T) {
	day := newFootage(t, "cfr.mp4", 24*3600*25, 12000)
	if err := checkOpening(day, day.Size()); err != nil {
		t.Errorf("24 hours: %v", err)
	}
	const n, cuts = 15000, 100 // ten minutes, cut into a hundred pieces of four seconds
	list := words(0, cuts)
	for i := range uint32(cuts) {
		list = append(list, words(100, i*150, 1<<16)...)
	}
	sizes, keys := words(0, 0, n), words(0, n/50)
	for i := range uint32(n) {
		sizes = append(sizes, words(60)...)
		if i%50 == 0 {
			keys = append(keys, words(i+1)...)
		}
	}
	secret := append([]byte{0, 0, 0, 0, 0}, words(n)...) // how much is encrypted of each sample, 16 bytes
	secret = append(secret, bytes.Repeat([]byte{16}, n)...)
	track := jpegTrack(n, box("edts", box("elst", list)), box("saiz", secret), box("stsc", words(0, 1, 1, n, 1)), box("stsz", sizes), box("stco", words(0, 1, 16)), box("stss", keys))
	cut := movOf(make([]byte, 60*n), track)
	if err := checkOpening(bytes.NewReader(cut), int64(len(cut))); err != nil {
		t.Errorf("a hundred cuts: %v", err)
	}
	picture := make([]byte, 2000)
	for name, f := range map[string]fragmentsOf{
		"a day, a fragment a second":        recordingOf(picture, 25, 24*3600, false, false),
		"a day, a fragment of each track":   recordingOf(picture, 25, 24*3600, true, false),
		"18 hours, listed at the beginning": recordingOf(picture, 25, 1<<16-1, false, true),
		"three days":                        recordingOf(make([]byte, 4000), 25, 3*24*3600, false, false),
		"an hour, a picture a fragment":     recordingOf(picture, 1, 30*3600, true, false),
	} {
		if err := checkOpening(f, f.Size()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	hour := movOf(make([]byte, 8000*3600), soundTrack(8000*3600, 1000, 8*3600)) // a camera's, whose samples are bytes
	if err := checkOpening(bytes.NewReader(hour), int64(len(hour))); err != nil {
		t.Errorf("an hour of PCM: %v", err)
	}
}

// checkOpening holds the tables of an MP4 file to what its size allows.
func checkOpening(r io.ReaderAt, size int64) error {
	_, err := bitstream.File{Reader: r, Size: size}.CheckOpening("mov", frames.Footage().Streams)
	return err
}
