package bitstream

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// What FFmpeg (mov.c, 7.1) and the index make of an MP4 file's tables, in bytes.
const (
	mp4Sample   = 32  // an index entry and a time shift, as the tables have them
	mp4Kept     = 120 // the same after edits, a row and what is made of it
	mp4Fragment = 64  // a fragment, or a place where one is said to be,
	mp4Part     = 80  // and what is known of each track in it
	mp4Secret   = 200 // how a sample is encrypted
	mp4Tag      = 300

	mp4Unpacked = 16 << 20 // of a compressed moov: more than any has
)

// An mp4Cost goes through the boxes of an MP4 file as FFmpeg does, which takes
// tables wherever they are and trusts their heads.
type mp4Cost struct {
	*cost
	window *window
	tracks int64
	track  *mp4Track // nil: none yet, or the last one is closed

	fragments            *mp4Fragments
	secrets, secretBytes int64 // boxes that help to find keys, and what they hold
	movieScale           int64
	hide                 []int64 // boxes that FFmpeg is not to see: places of their kinds
}

// An mp4Track is what matters of a track's tables. Where a box is there twice, count
// adds up, and which of the two is meant is not asked.
type mp4Track struct {
	samples          int64
	scale            int64
	stts, ctts, stss mp4Table
	stsc, stco       mp4Table // runs of chunks of one length, and the chunks
	edits            mp4Table
	wide             bool // edits are of 64 bits
	twice            bool // a table is there twice
	sound, pictures  bool // what its handlers say that it is
}

// An mp4Table is where the entries of a table are.
type mp4Table struct{ at, count int64 }

// mp4Deepest is how deep FFmpeg goes.
const mp4Deepest = 11

// walk goes through the boxes from at to end.
func (m *mp4Cost) walk(at, end int64, parent string, depth int) {
	for at+8 <= end && m.err == nil {
		head := m.window.get(at, 16)
		if len(head) < 8 {
			return
		}
		length, begin := int64(binary.BigEndian.Uint32(head)), int64(8)
		switch {
		case length == 1 && len(head) == 16:
			length, begin = int64(binary.BigEndian.Uint64(head[8:])), 16
		case length == 0:
			length = end - at
		}
		if length < begin {
			return
		}
		stop := end
		if length < end-at {
			stop = at + length
		}
		m.box(string(head[4:8]), at+begin, stop, parent, depth)
		at = stop
	}
}

// box goes into a box, or counts the cost of it.
func (m *mp4Cost) box(kind string, at, end int64, parent string, depth int) {
	switch kind {
	case "trak":
		m.finish()
		m.tracks, m.track = m.tracks+1, &mp4Track{}
		m.streams++
		m.inside(at, end, kind, depth)
		m.finish()
		return
	case "meta":
		if hdlr := bytes.Index(m.window.get(at, int(min(end-at, 4096))), []byte("hdlr")); hdlr >= 4 {
			at += int64(hdlr) - 4
		}
		m.inside(at, end, kind, depth)
		return
	case "moof":
		m.fragments.begin(at-8, m.tracks)
		m.inside(at, end, kind, depth)
		return
	case "cmov":
		m.compressed(at, end, depth)
		return
	case "free", "hoov":
		if string(m.window.get(at, 8)) == "Anevia\x1a\x1a" {
			m.fragments.mfra = true
		}
		if inner := m.window.get(at, 8); len(inner) == 8 && (string(inner[4:]) == "mvhd" || string(inner[4:]) == "cmov") {
			m.inside(at, end, "moov", depth)
		}
		return
	case "moov", "mdia", "minf", "stbl", "edts", "dinf", "udta", "ilst", "mvex", "traf", "mfra", "wave", "sinf", "schi", "iprp", "tref":
		if parent == "ilst" || parent == "udta" {
			m.tag(1, mp4Tag)
		}
		m.inside(at, end, kind, depth)
		return
	}
	if parent == "ilst" || parent == "udta" {
		m.tag(1, mp4Tag)
	}
	m.leaf(kind, at, end)
}

func (m *mp4Cost) inside(at, end int64, kind string, depth int) {
	if depth < mp4Deepest {
		m.walk(at, end, kind, depth+1)
	}
}

// leaf counts the cost of a box of tables by its head.
func (m *mp4Cost) leaf(kind string, at, end int64) {
	head := m.window.get(at, int(min(end-at, 32)))
	word := func(i int) int64 {
		if len(head) < i+4 {
			return 0
		}
		return int64(binary.BigEndian.Uint32(head[i:]))
	}
	long := len(head) > 0 && head[0] == 1
	switch kind {
	case "mvhd":
		m.movieScale = word(ifElse(long, 20, 12))
	case "trex":
		m.fragments.sizes[uint32(word(4))] = word(16)
	case "tfhd":
		m.fragments.part(head)
	case "trun":
		m.trun(at, end)
	case "sidx":
		m.sidx(at, end)
	case "tfra":
		m.tfra(at, end)
	case "keys":
		m.tag(word(4), 8)
	case "chpl":
		m.tag((end-at)/9, mp4Tag)
	case "iinf", "iloc": // of versions 0, and 1 of iloc, the count has 16 bits; iloc has the sizes of its fields before it
		at, version := ifElse(kind == "iloc", 6, 4), byte(255)
		if len(head) > 0 {
			version = head[0]
		}
		count := word(at)
		if version < byte(ifElse(kind == "iloc", 2, 1)) {
			count >>= 16
		}
		m.add(count, 8, "its list of pictures")
	case "saiz": // its count stands behind the kind of encryption, if flag 1 says that this is there
		m.add(word(ifElse(word(0)&1 == 1, 13, 5)), mp4Secret, "its encrypted samples")
	case "pssh":
		m.protection(end - at)
	case "senc":
		m.add(word(4), mp4Secret, "its encrypted samples")
	default:
		m.sampleTable(kind, at, end, long, word)
	}
}

// protection counts the cost of a box that tells how to get at keys. FFmpeg goes through all that it
// has, and copies it, for each more.
func (m *mp4Cost) protection(length int64) {
	m.secrets, m.secretBytes = m.secrets+1, m.secretBytes+length
	m.tag(1, mp4Tag)
	m.steps(m.secretBytes, m.secrets, "what its boxes say about keys, and the boxes")
}

// sampleTable takes note of a table of the track that is under way.
func (m *mp4Cost) sampleTable(kind string, at, end int64, long bool, word func(int) int64) {
	t := m.track
	if t == nil {
		return
	}
	entries := func(table *mp4Table, each int64) {
		t.twice = t.twice || table.count > 0
		table.at = at + 8
		table.count += min(word(4), max(0, end-at-8)/each)
	}
	switch kind {
	case "mdhd":
		t.scale = word(ifElse(long, 20, 12))
	case "stsz", "stz2":
		n := word(8)
		if kind == "stz2" || word(4) == 0 {
			n = min(n, 8*max(0, end-at-12)/ifElse[int64](kind == "stz2", 4, 32))
		}
		t.twice = t.twice || t.samples > 0
		t.samples += n
	case "stts":
		entries(&t.stts, 8)
	case "ctts":
		entries(&t.ctts, 8)
	case "stss":
		entries(&t.stss, 4)
	case "stsc":
		entries(&t.stsc, 12)
	case "stco":
		entries(&t.stco, 4)
	case "co64":
		entries(&t.stco, 8)
	case "hdlr":
		kind := m.window.get(at+8, 4)
		t.sound, t.pictures = t.sound || string(kind) == "soun", t.pictures || string(kind) == "vide"
	case "elst":
		t.wide = long
		entries(&t.edits, ifElse[int64](long, 20, 12))
	}
}

// compressed goes through a moov that is stored compressed, as old QuickTime does.
func (m *mp4Cost) compressed(at, end int64, depth int) {
	var packed []byte
	for at+12 <= end {
		head := m.window.get(at, 12)
		if len(head) < 12 {
			return
		}
		length := int64(binary.BigEndian.Uint32(head))
		if length < 8 || length > end-at {
			return
		}
		if string(head[4:8]) == "cmvd" {
			packed = bytes.Clone(m.window.get(at+12, int(length-12)))
		}
		at += length
	}
	unpacker, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return
	}
	moov, _ := io.ReadAll(io.LimitReader(unpacker, mp4Unpacked+1))
	if len(moov) > mp4Unpacked {
		m.err = TooMuchMemory(m.size, "its compressed index")
		return
	}
	m.add(int64(len(moov)), 2, "its compressed index")
	inner := mp4Cost{cost: m.cost, window: &window{file: File{bytes.NewReader(moov), int64(len(moov))}}, tracks: m.tracks, movieScale: m.movieScale, fragments: m.fragments}
	inner.walk(0, int64(len(moov)), "moov", depth+1)
	inner.finish()
	m.tracks, m.movieScale = inner.tracks, inner.movieScale
}

// finish counts the cost of the track that is under way: its samples, and once more as often as its
// edit list shows them.
func (m *mp4Cost) finish() {
	t := m.track
	if m.track = nil; t == nil {
		return
	}
	if pieces, ok := m.pieces(t); ok {
		t.samples = pieces
	}
	if !m.add(t.samples, mp4Sample, "the samples of a track") {
		return
	}
	edits := max(1, t.edits.count)
	m.steps(t.samples, edits, "its samples and edits")
	most := t.samples * edits // 2^32 by the file's size
	if room := (OpeningMemory(m.size) - m.bytes) / mp4Kept; most > room || most/edits != t.samples {
		if shown, ok := m.shown(t); ok {
			most = shown
		}
	}
	m.add(most, mp4Kept, "samples that its edit lists show")
}
