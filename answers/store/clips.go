package store

import (
	"math"
	"time"

	"videoqa/ingest"
)

// A ClipQuery says which clips are listed: those of Camera, and those that show
// something of [From, To), where these are not zero. A clip whose start is not known
// is in no range of time; one whose end is not known goes on for ever.
type ClipQuery struct {
	Camera   string
	From, To time.Time
	Untimed  bool   // only clips whose start or end is not known
	Cursor   string // "": from the first; else what the page before gave
	Limit    int    // of the page; 0: 100
}

// NoStart is where clips without a start stand in a list by start: behind all others.
const NoStart = math.MaxInt64

// ClipPage cuts a page of at most limit clips from one that may hold one clip more.
func ClipPage(clips []ingest.Clip, limit int) (page []ingest.Clip, next string) {
	if len(clips) <= limit {
		return clips, ""
	}
	last := clips[limit-1]
	c := Cursor{NoStart, last.ID}
	if last.Start != nil {
		c.Millis = last.Start.UnixMilli()
	}
	return clips[:limit], c.String()
}
