package bitstream

import (
	"encoding/binary"
	"fmt"
	"math"
	mathbits "math/bits"
	"slices"

	"videoqa/internal/fault"
)

// mp4Fragments counts the steps in which FFmpeg (mov.c, 7.1) goes through the fragments
// of an MP4 file. FFmpeg has one list of the places of fragments, in the file's order:
// those of the fragments themselves, and those that sidx boxes announce. It goes
//   - from a fragment's place to the list's end for each run of samples (mov_read_trun),
//   - from the list's beginning to a packet's fragment wherever that is not the fragment
//     of the packet before (get_frag_stream_info_from_pkt),
//   - through the whole list for each sidx that reaches the file's end (mov_read_sidx),
//   - and past all places behind a new one, to move them (update_frag_index).
//
// A recording of many hours takes few of those. It is square in the number of fragments
// all the same, and other files are by design.
type mp4Fragments struct {
	*cost
	taken  float64 // steps so far
	places []int64
	sizes  map[uint32]int64 // of a sample, by track, where its fragment does not say

	moof, next, base int64 // of the fragment that is under way: its place, where its data goes on, and from where that is counted
	each             int64 // size of a sample
	run              mp4Run
	runs             []mp4Run
	samples          int64
	mfra             bool // FFmpeg first looks for a table of places at the file's end
}

func newMP4Fragments(c *cost) *mp4Fragments {
	return &mp4Fragments{cost: c, sizes: map[uint32]int64{}}
}

// An mp4Run is what one fragment has of one track.
type mp4Run struct {
	moof, begin, end int64 // place of the fragment, and where the data is
	samples          int64
	track            uint32
}

// mostSteps is how many steps going through a file's tables may take whatever its size
// is, some seconds' worth; and stepsPerByte how many more for each of its bytes. To read
// those takes about as long.
const (
	mostSteps    = 1e10
	stepsPerByte = 10
)

func (f *mp4Fragments) step(n float64) bool {
	f.taken += n
	if most := mostSteps + stepsPerByte*float64(f.size); f.taken > most && f.err == nil {
		f.err = fmt.Errorf("its %d fragments, or places where some are said to be, take more than %.1e steps to go through, %.0e and %d for each byte (%s): %w",
			len(f.places), most, mostSteps, stepsPerByte, remux, fault.TooLarge)
	}
	return f.err == nil
}

// place adds a place of a fragment, once, and tells where in the list it is.
func (f *mp4Fragments) place(at, tracks int64) int {
	if n := len(f.places); n == 0 || f.places[n-1] < at {
		if f.add(1, mp4Fragment+mp4Part*tracks, "its fragments and the places where they are said to be") {
			f.places = append(f.places, at)
		}
		return n
	}
	i, found := slices.BinarySearch(f.places, at)
	if !found && f.step(float64(len(f.places)-i)) && f.add(1, mp4Fragment+mp4Part*tracks, "its fragments and the places where they are said to be") {
		f.places = slices.Insert(f.places, i, at)
	}
	return i
}

// begin begins a fragment.
func (f *mp4Fragments) begin(at, tracks int64) {
	f.place(at, tracks)
	f.moof, f.next = at, at
}

// part begins what a fragment has of one track: a tfhd box.
func (f *mp4Fragments) part(box []byte) {
	f.close()
	if len(box) < 8 {
		return
	}
	flags := binary.BigEndian.Uint32(box)
	f.run = mp4Run{moof: f.moof, begin: math.MaxInt64, track: binary.BigEndian.Uint32(box[4:])}
	f.base, f.each = f.next, f.sizes[f.run.track]
	at := 8
	for flag, length := range map[uint32]int{1: 8, 2: 4, 8: 4} {
		if flags&flag != 0 {
			at += length
		}
	}
	switch {
	case flags&1 != 0 && len(box) >= 16:
		f.base = int64(binary.BigEndian.Uint64(box[8:]))
	case flags&0x20000 != 0:
		f.base = f.moof
	}
	if flags&16 != 0 && len(box) >= at+4 {
		f.each = int64(binary.BigEndian.Uint32(box[at:]))
	}
}

// close ends what is under way of a fragment.
func (f *mp4Fragments) close() {
	if f.run.samples > 0 {
		f.runs = append(f.runs, f.run)
	}
	f.run.samples = 0
}

// ask has FFmpeg ask n fragments for what they know of a track, of so many. That takes
// longer than to compare places: 2.9 ns instead of 1.3, where there are two.
func (f *mp4Fragments) ask(n int, tracks int64) {
	f.step(float64(max(0, n)) * (1 + float64(tracks)/2))
}

// samplesAt adds n samples, whose data of length bytes begins at an offset from the base, of a
// file of so many tracks.
func (f *mp4Fragments) samplesAt(offset, n, length, tracks int64) {
	i, _ := slices.BinarySearch(f.places, f.moof)
	f.ask(len(f.places)-1-i, tracks)
	begin := f.base + offset
	f.next = begin + length
	f.run.begin, f.run.end = min(f.run.begin, begin), max(f.run.end, f.next)
	f.run.samples += n
	f.samples += n
}

// finish counts the steps that packets take. Data of a fragment should lie between its
// place and the next one; then only its first packet takes any. Streams that are not the
// video are left out; but while FFmpeg makes out what streams are, it may take packets of
// several by turns.
func (f *mp4Fragments) finish() {
	f.close()
	all := len(f.places)
	steps, seen, most, reach := map[uint32]float64{}, map[uint32]int64{}, 0.0, 0
	for _, r := range f.runs {
		i, _ := slices.BinarySearch(f.places, r.moof)
		if within := r.begin > r.moof && (i+1 >= all || r.end <= f.places[i+1]); within {
			steps[r.track] += float64(i)
		} else {
			i = all
			steps[r.track] += float64(r.samples) * float64(all)
		}
		most = max(most, steps[r.track])
		if seen[r.track] < ProbedPackets {
			reach = max(reach, i)
		}
		seen[r.track] += r.samples
	}
	f.step(most + float64(min(f.samples, ProbedPackets))*float64(reach))
}

// trun counts the cost of a fragment's samples, which need not have any bytes of their own.
func (m *mp4Cost) trun(at, end int64) {
	head := m.window.get(at, int(min(end-at, 16)))
	if len(head) < 8 {
		return
	}
	flags, n := binary.BigEndian.Uint32(head), int64(binary.BigEndian.Uint32(head[4:]))
	offset, entries := int64(0), at+8
	if flags&1 != 0 && len(head) >= 12 {
		offset, entries = int64(int32(binary.BigEndian.Uint32(head[8:]))), entries+4
	}
	if flags&4 != 0 {
		entries += 4
	}
	each := 4 * int64(mathbits.OnesCount32(flags&0xf00))
	if each > 0 {
		n = min(n, max(0, end-entries)/each+1)
	}
	if !m.add(n, mp4Kept, "the samples of its fragments") {
		return
	}
	length := n * m.fragments.each
	if flags&0x200 != 0 {
		length = 0
		for entries += 4 * int64(flags>>8&1); entries+4 <= end; entries += each {
			if size := m.window.get(entries, 4); len(size) == 4 {
				length += int64(binary.BigEndian.Uint32(size))
			}
		}
	}
	m.fragments.samplesAt(offset, n, length, m.tracks)
}

// sidx counts the cost of a list of fragments. FFmpeg looks through all places if it reaches the end
// of the file, or a table there of which the last bytes tell the length.
func (m *mp4Cost) sidx(at, end int64) {
	head := m.window.get(at, 32)
	if len(head) < 32 {
		return
	}
	place, list := end+int64(binary.BigEndian.Uint32(head[16:])), at+24
	if head[0] == 1 {
		place, list = end+int64(binary.BigEndian.Uint64(head[20:])), at+32
	}
	count := m.window.get(list-2, 2)
	if len(count) < 2 || place < end {
		return
	}
	for range binary.BigEndian.Uint16(count) {
		entry := m.window.get(list, 4)
		if list += 12; list > end || len(entry) < 4 || m.err != nil {
			return
		}
		if entry[0]&0x80 != 0 { // a list of lists, for which FFmpeg refuses the file; it finds fragments without
			m.hide = append(m.hide, at-4)
			return
		}
		m.fragments.place(place, m.tracks)
		place += int64(binary.BigEndian.Uint32(entry))
	}
	if tail := m.window.get(m.size-4, 4); place == m.size || len(tail) == 4 && place == m.size-int64(binary.BigEndian.Uint32(tail)) {
		m.fragments.step(float64(len(m.fragments.places)))
	}
}

// tfra counts the cost of a table of places, which FFmpeg reads before the fragments where it reads
// it at all.
func (m *mp4Cost) tfra(at, end int64) {
	head := m.window.get(at, 16)
	if len(head) < 16 || !m.fragments.mfra {
		return
	}
	sizes := binary.BigEndian.Uint32(head[8:])
	each := int64(8 + 3 + sizes>>4&3 + sizes>>2&3 + sizes&3)
	if head[0] == 1 {
		each += 8
	}
	n := 0
	for entry := at + 16; entry+each <= end && m.err == nil; entry += each {
		if place := m.window.get(entry, int(each)); head[0] == 1 {
			m.fragments.place(int64(binary.BigEndian.Uint64(place[8:])), m.tracks)
		} else {
			m.fragments.place(int64(binary.BigEndian.Uint32(place[4:])), m.tracks)
		}
		n++
	}
	m.fragments.ask(n*len(m.fragments.runs), m.tracks)
}
