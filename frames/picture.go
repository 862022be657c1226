package frames

import "videoqa/temporal"

// A Picture is one frame in Go memory: RGB, 8 bits a channel, upright, rows from
// top to bottom and unpadded, so that len(Pix) is 3*Width*Height.
type Picture struct {
	Width, Height int
	Pix           []byte
	PTS           temporal.Seconds // of the frame, from the clip's first shown picture; 0 for a still
}
