package frames

import (
	"videoqa/frames/prepare"
	"videoqa/temporal"
)

// A Picture is one frame in Go memory, and when it is shown.
type Picture struct {
	prepare.Image
	PTS temporal.Seconds // of the frame, from the clip's first shown picture; 0 for a still
}

// blank gives a picture of that size with room for its pixels.
func blank(width, height int, pts temporal.Seconds) Picture {
	return Picture{prepare.Blank(width, height), pts}
}
