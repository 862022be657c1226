package frames

import (
	"fmt"
	"time"

	"videoqa/internal/fault"
)

// Limits is what a file may cost. A zero field other than Threads is no limit. What
// opening a file takes is limited by its size besides, whatever these are: to 10 times
// as much memory and 64 MB.
type Limits struct {
	Bytes    int64         // of the whole file
	Duration time.Duration // from the first shown picture to the end of the last
	Pixels   int           // of one picture, checked before and after decoding
	Packets  int           // of the video stream
	Streams  int           // of the container
	Threads  int           // groups of pictures decoded at a time; 0: as many as the program may use cores
}

// Upload is for media from strangers: 64 MiB, 10 minutes, 36,000 pictures of at
// most 3840 x 2160.
func Upload() Limits {
	return Limits{Bytes: 64 << 20, Duration: 10 * time.Minute, Pixels: 3840 * 2160, Packets: 36000, Streams: 16}
}

// Footage is for files that the program's owner names: no limit on bytes and
// duration, and 8192 x 4320 pixels.
func Footage() Limits {
	return Limits{Pixels: 8192 * 4320, Streams: 64, Packets: 1 << 27}
}

func (l Limits) checkBytes(size int64) error {
	if l.Bytes > 0 && size > l.Bytes {
		return fmt.Errorf("frames: open video: %d bytes, at most %d: %w", size, l.Bytes, fault.TooLarge)
	}
	return nil
}

func (l Limits) checkPixels(width, height int) error {
	if l.Pixels > 0 && (width > l.Pixels || height > l.Pixels || width*height > l.Pixels) {
		return fmt.Errorf("%d x %d pixels, at most %d in all: %w", width, height, l.Pixels, fault.TooLarge)
	}
	return nil
}
