package bitstream

import (
	"fmt"

	"videoqa/internal/fault"
)

// What opening a file may take: FFmpeg keeps tables of packets, tags and chapters,
// some of which a few bytes of a file can have it fill for hours. So each file is
// looked through first ([File.CheckOpening]), and what it would take is held to its own size.
const (
	openingTimes = 10       // its size
	openingSpare = 64 << 20 // and so many bytes
)

// OpeningMemory is how many bytes of memory a file of size bytes may take to open and index: 10 times its size and 64 MB.
func OpeningMemory(size int64) int64 {
	const most = 1 << 50 // so that sums are safe
	return openingSpare + openingTimes*min(max(size, 0), most)
}

// A cost sums up what opening a file takes. The first sum over a limit is kept.
type cost struct {
	size                 int64 // of the file
	bytes                int64
	tags                 int64
	streams, mostStreams int64 // 0: no limit
	err                  error
}

// add adds n times each bytes, which what takes. It tells whether there is room for more.
func (c *cost) add(n, each int64, what string) bool {
	if c.err == nil && n > (OpeningMemory(c.size)-c.bytes)/each {
		c.err = TooMuchMemory(c.size, what)
		return false
	}
	if n > 0 && c.err == nil {
		c.bytes += n * each
	}
	return c.err == nil
}

// MaxTags is how many tags, chapters and programs a file may have: FFmpeg compares
// each with all before it.
const MaxTags = 4000

// tag counts n tags or chapters, which take each bytes.
func (c *cost) tag(n, each int64) bool {
	if c.tags += n; c.err == nil && c.tags > MaxTags {
		c.err = TooManyTags(c.tags)
	}
	return c.add(n, each, "its tags and chapters")
}

// limitStreams holds the streams to their limit. FFmpeg would say that it has no memory, or
// break off at the first packet of another.
func (c *cost) limitStreams() {
	if c.err == nil && c.mostStreams > 0 && c.streams > c.mostStreams {
		c.err = TooManyStreams(fmt.Sprint(c.streams), int(c.mostStreams))
	}
}

// TooManyStreams is the [fault.TooLarge] of a file with n streams, a number or words for it, of at most most.
func TooManyStreams(n string, most int) error {
	return fmt.Errorf("it has %s streams, at most %d (%s): %w", n, most, remux, fault.TooLarge)
}

// TooManyTags is the [fault.TooLarge] of a file with n tags, chapters and programs.
func TooManyTags(n int64) error {
	return fmt.Errorf("it has %d tags, chapters and programs, or more; at most %d (%s): %w", n, MaxTags, remux, fault.TooLarge)
}

// steps holds n * m steps of what to the limit.
func (c *cost) steps(n, m int64, what string) bool {
	if c.err == nil && n > 0 && m > 0 && float64(n)*float64(m) > mostSteps {
		c.err = fmt.Errorf("%s, %d by %d, take more than %.0e steps to go through (%s): %w", what, n, m, mostSteps, remux, fault.TooLarge)
	}
	return c.err == nil
}

const remux = "to write it anew: ffmpeg -i OLD -map 0:v -map_metadata -1 -map_chapters -1 -c copy NEW"

// TooMuchMemory is the [fault.TooLarge] of a file of which what takes more memory to open than its size in bytes allows.
func TooMuchMemory(size int64, what string) error {
	return fmt.Errorf("to open it would take more than %d MB, 10 times its size and 64 MB, because of %s (%s): %w", OpeningMemory(size)>>20, what, remux, fault.TooLarge)
}

// CheckOpening returns [fault.TooLarge], with the limit and a remedy, if opening a file of a format (as [Container.Format]
// has it) takes more memory or work than its size allows, or if it has more streams than that; 0 is no limit on streams.
// It reads the heads of the tables only, and finds no fault with damage: FFmpeg says better what is wrong. hide are the
// places of boxes that a demuxer must not see, those of their four letters.
func (f File) CheckOpening(format string, streams int) (hide []int64, err error) {
	c := &cost{size: f.Size, mostStreams: int64(streams)}
	w := &window{file: f}
	switch format {
	case "mov":
		m := mp4Cost{cost: c, window: w, fragments: newMP4Fragments(c)}
		m.walk(0, f.Size, "", 0)
		m.finish()
		m.fragments.finish()
		hide = m.hide
	case "matroska":
		m := matroskaCost{cost: c, window: w}
		m.walk(0, f.Size, 0)
	case "avi":
		a := aviCost{cost: c, window: w}
		a.walk(0, f.Size, 0)
	}
	c.limitStreams()
	return hide, c.err
}

// ProbedPackets is how many packets FFmpeg may read, and keep, to make out what streams are. A transport stream of 5 MB,
// which is as many bytes as it may look at, has 26,600.
const ProbedPackets = 1 << 15
