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

// A ClipPage is part of a list of clips.
type ClipPage struct {
	Clips   []ingest.Clip
	Damaged []string // ids of clips that would stand here and are damaged
	Next    string   // cursor of the next page; "": this is the last
}

// ReadClips reads at most limit clips of rows that hold [ClipColumns]; one row more
// says that there is a next page.
func ReadClips(rows Rows, limit int) (page ClipPage, err error) {
	var last Cursor
	for n := 0; rows.Next(); n++ {
		if n == limit {
			page.Next = last.String()
			return page, nil
		}
		var r ClipRow
		if err := rows.Scan(r.Into()...); err != nil {
			return ClipPage{}, err
		}
		last = Cursor{NoStart, r.ID}
		if r.Start != nil {
			last.Millis = *r.Start
		}
		if r.Check() != nil {
			page.Damaged = append(page.Damaged, r.ID)
			continue
		}
		page.Clips = append(page.Clips, r.Clip())
	}
	return page, rows.Err()
}
