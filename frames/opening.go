package frames

import (
	"fmt"

	"videoqa/internal/fault"
)

// What opening a file may take: FFmpeg keeps tables of packets, tags and chapters,
// some of which a few bytes of a file can have it fill for hours. So each file is
// looked through first (weigh), and what it would take is held to its own size.
const (
	openingTimes = 10       // its size
	openingSpare = 64 << 20 // and so many bytes
)

// opening is how many bytes of memory a file of size bytes may take to open and index.
func opening(size int64) int64 {
	const most = 1 << 50 // so that sums are safe
	return openingSpare + openingTimes*min(max(size, 0), most)
}

// A weight sums up what opening a file takes. The first sum over a limit is kept.
type weight struct {
	size                 int64 // of the file
	bytes                int64
	tags                 int64
	streams, mostStreams int64 // 0: no limit
	err                  error
}

// add adds n times each bytes, which what takes. It tells whether there is room for more.
func (w *weight) add(n, each int64, what string) bool {
	if w.err == nil && n > (opening(w.size)-w.bytes)/each {
		w.err = tooMuch(w.size, what)
		return false
	}
	if n > 0 && w.err == nil {
		w.bytes += n * each
	}
	return w.err == nil
}

// mostTags is how many tags, chapters and programs a file may have: FFmpeg compares
// each with all before it.
const mostTags = 4000

// tag counts n tags or chapters, which take each bytes.
func (w *weight) tag(n, each int64) bool {
	if w.tags += n; w.err == nil && w.tags > mostTags {
		w.err = tooManyTags(w.tags)
	}
	return w.add(n, each, "its tags and chapters")
}

// limitStreams holds the streams to their limit. FFmpeg would say that it has no memory, or
// break off at the first packet of another.
func (w *weight) limitStreams() {
	if w.err == nil && w.mostStreams > 0 && w.streams > w.mostStreams {
		w.err = tooManyStreams(fmt.Sprint(w.streams), int(w.mostStreams))
	}
}

func tooManyStreams(n string, most int) error {
	return fmt.Errorf("it has %s streams, at most %d (%s): %w", n, most, remux, fault.TooLarge)
}

func tooManyTags(n int64) error {
	return fmt.Errorf("it has %d tags, chapters and programs, or more; at most %d (%s): %w", n, mostTags, remux, fault.TooLarge)
}

// steps holds n * m steps of what to the limit.
func (w *weight) steps(n, m int64, what string) bool {
	if w.err == nil && n > 0 && m > 0 && float64(n)*float64(m) > mostSteps {
		w.err = fmt.Errorf("%s, %d by %d, take more than %.0e steps to go through (%s): %w", what, n, m, mostSteps, remux, fault.TooLarge)
	}
	return w.err == nil
}

const remux = "to write it anew: ffmpeg -i OLD -map 0:v -map_metadata -1 -map_chapters -1 -c copy NEW"

// tooMuch says that what takes more memory to open than a file of size bytes may.
func tooMuch(size int64, what string) error {
	return fmt.Errorf("to open it would take more than %d MB, 10 times its size and 64 MB, because of %s (%s): %w", opening(size)>>20, what, remux, fault.TooLarge)
}

// weigh returns [fault.TooLarge] if opening what s reads takes more memory or work than
// its size allows. It reads the tables' heads only, and never fails where a file is
// damaged: FFmpeg says better what is wrong.
func weigh(s *source, format string, streams int) error {
	w := &weight{size: s.size, mostStreams: int64(streams)}
	v := &view{source: s}
	switch format {
	case "mov":
		m := mp4Weigher{weight: w, view: v, fragments: newMP4Fragments(w)}
		m.walk(0, s.size, "", 0)
		m.finish()
		m.fragments.finish()
	case "matroska":
		m := matroskaWeigher{weight: w, view: v}
		m.walk(0, s.size, 0)
	case "avi":
		r := riffWeigher{weight: w, view: v}
		r.walk(0, s.size, 0)
	}
	w.limitStreams()
	return w.err
}
