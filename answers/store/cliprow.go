package store

import (
	"fmt"
	"time"

	"videoqa/ingest"
)

// A ClipRow is what the row of a clip holds and is acted upon. Times are
// milliseconds; nil: there is none.
type ClipRow struct {
	ID, URI, Camera, Digest string
	Start, End              *int64
	Put, Closed, Gone       *int64 // the times of the latest events
	StoredSum               []byte // the checksum as it is stored
}

// ClipColumns are the columns of [ClipRow.Into].
const ClipColumns = "clip_id, uri, camera, start_ms, end_ms, digest, put_ms, closed_ms, gone_ms, checksum"

// Into is where a row's columns go.
func (r *ClipRow) Into() []any {
	return []any{
		textInto(&r.ID), textInto(&r.URI), textInto(&r.Camera), maybe{&r.Start}, maybe{&r.End}, textInto(&r.Digest),
		maybe{&r.Put}, maybe{&r.Closed}, maybe{&r.Gone}, blob{&r.StoredSum},
	}
}

// Checksum is what a row with this content has to carry.
func (r *ClipRow) Checksum() []byte {
	return checksum("clips", r.ID, r.URI, r.Camera, r.Start, r.End, r.Digest, r.Put, r.Closed, r.Gone)
}

// Check returns [fault.Damaged] if the row is not what was written.
func (r *ClipRow) Check() error {
	return check(fmt.Sprintf("the clip %.140q, which its deletion mends", r.ID), r.StoredSum, r.Checksum())
}

// State reports whether the clip is there. It is when the last event that put it is
// later than the last that deleted it.
func (r *ClipRow) State() ClipState {
	switch {
	case r.Put == nil && r.Gone == nil:
		return Unknown
	case r.Put == nil, r.Gone != nil && *r.Put <= *r.Gone:
		return Deleted
	}
	return Known
}

// Clip is the clip as its events told it.
func (r *ClipRow) Clip() ingest.Clip {
	return ingest.Clip{ID: r.ID, URI: r.URI, Camera: r.Camera, Digest: r.Digest, Start: moment(r.Start), End: moment(r.End)}
}

func moment(ms *int64) *ingest.Time {
	if ms == nil {
		return nil
	}
	t := ingest.NewTime(time.UnixMilli(*ms))
	return &t
}

// A CameraRow is all that a camera's row holds: how far its recording has come, in
// milliseconds.
type CameraRow struct {
	Camera    string
	Reached   int64
	StoredSum []byte // the checksum as it is stored
}

// CameraColumns are the columns of [CameraRow.Into].
const CameraColumns = "camera, reached_ms, checksum"

// Into is where a row's columns go.
func (r *CameraRow) Into() []any {
	return []any{textInto(&r.Camera), number{&r.Reached}, blob{&r.StoredSum}}
}

// Checksum is what a row with this content has to carry.
func (r *CameraRow) Checksum() []byte { return checksum("cameras", r.Camera, &r.Reached) }

// Check returns [fault.Damaged] if the row is not what was written.
func (r *CameraRow) Check() error {
	return check(fmt.Sprintf("how far camera %.140q has come", r.Camera), r.StoredSum, r.Checksum())
}
