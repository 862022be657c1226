package bitstream

import (
	"encoding/binary"
	"sort"
)

// shown counts the samples that a track's edits show, with those before them back to a
// key and those behind them up to the second key: what FFmpeg lists for each edit. It
// is not ok where the tables do not tell.
func (m *mp4Cost) shown(t *mp4Track) (sum int64, ok bool) {
	if t.twice || t.scale == 0 || m.movieScale == 0 || t.samples == 0 {
		return 0, false
	}
	clock, ok := m.clock(t)
	if !ok {
		return 0, false
	}
	early, late := m.shifts(t)
	keys := m.keys(t)
	each := ifElse[int64](t.wide, 20, 12)
	for i := range t.edits.count {
		edit := m.window.get(t.edits.at+i*each, int(each))
		if int64(len(edit)) < each {
			return 0, false
		}
		length, start := float64(binary.BigEndian.Uint32(edit)), float64(int32(binary.BigEndian.Uint32(edit[4:])))
		if t.wide {
			length, start = float64(binary.BigEndian.Uint64(edit)), float64(int64(binary.BigEndian.Uint64(edit[8:])))
		}
		length *= float64(t.scale) / float64(m.movieScale)
		first, last := keys.before(clock.at(start-late)), keys.after(clock.at(start+length-early), t.samples)
		sum += max(0, last-first)
	}
	return sum, true
}

// A sampleClock tells which sample is decoded at a time.
type sampleClock struct {
	first, start []float64 // of each stretch of samples of one duration: its first sample, and when that is decoded
	each         []float64
	samples      float64
}

func (m *mp4Cost) clock(t *mp4Track) (c sampleClock, ok bool) {
	sample, time := 0.0, 0.0
	for i := range t.stts.count {
		entry := m.window.get(t.stts.at+8*i, 8)
		if len(entry) < 8 {
			return c, false
		}
		n, each := float64(binary.BigEndian.Uint32(entry)), float64(binary.BigEndian.Uint32(entry[4:]))
		c.first, c.start, c.each = append(c.first, sample), append(c.start, time), append(c.each, each)
		sample, time = sample+n, time+n*each
	}
	c.samples = float64(t.samples)
	return c, len(c.first) > 0
}

// at returns the last sample that is decoded at or before time.
func (c sampleClock) at(time float64) int64 {
	i := max(0, sort.Search(len(c.start), func(i int) bool { return c.start[i] > time })-1)
	sample := c.samples
	switch {
	case time < c.start[i]:
		sample = c.first[i]
	case c.each[i] > 0:
		sample = c.first[i] + (time-c.start[i])/c.each[i]
	}
	return int64(min(max(sample, 0), c.samples))
}

// shifts returns by how much samples are shown after they are decoded: the least and
// the most, with FFmpeg's own shift of all by the least.
func (m *mp4Cost) shifts(t *mp4Track) (early, late float64) {
	for i := range t.ctts.count {
		entry := m.window.get(t.ctts.at+8*i, 8)
		if len(entry) < 8 {
			break
		}
		shift := float64(int32(binary.BigEndian.Uint32(entry[4:])))
		early, late = min(early, shift), max(late, shift)
	}
	return early, late - early
}

// keySamples are the samples at which decoding may start, counted from 1 and ascending;
// nil: all are.
type keySamples []uint32

func (m *mp4Cost) keys(t *mp4Track) (keys keySamples) {
	for i := range t.stss.count {
		if entry := m.window.get(t.stss.at+4*i, 4); len(entry) == 4 {
			keys = append(keys, binary.BigEndian.Uint32(entry))
		}
	}
	return keys
}

// before returns the key at or before a sample, counted from 0.
func (k keySamples) before(sample int64) int64 {
	if k == nil {
		return max(0, sample-1)
	}
	i := sort.Search(len(k), func(i int) bool { return int64(k[i]) > sample+1 }) - 1
	if i < 0 {
		return 0
	}
	return max(0, int64(k[i])-1)
}

// after returns what comes behind the second key after a sample, of so many samples.
func (k keySamples) after(sample, samples int64) int64 {
	if k == nil {
		return min(sample+3, samples)
	}
	i := sort.Search(len(k), func(i int) bool { return int64(k[i]) > sample+1 }) + 2
	if i >= len(k) {
		return samples
	}
	return min(int64(k[i])+1, samples)
}
