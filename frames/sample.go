package frames

import (
	"context"
	"io"
	"time"

	"github.com/asticode/go-astiav"
)

// A Report says what was done for a plan and what was wrong on the way.
type Report struct {
	Requested     int  // pictures that the plan asked for
	Degraded      bool // the span holds damaged pictures, as far as it was read
	FewerFrames   bool // the span shows fewer pictures than were asked for
	NoToneMapping bool // BT.2020 or HDR colours, converted by their matrix only
	ClockJump     bool // the file's own clock restarts or jumps somewhere, and times go on there
	Still         bool // it was a still picture, as [Decode] found out
	FirstPicture  bool // an animated still's first picture was taken, and it has others
	Decoded       int  // pictures that were decoded to get those wanted
	Dropped       int  // pictures that were wanted and are damaged
	Frames        int  // pictures that the whole video shows
	Duration      time.Duration
	Rotation      int    // degrees clockwise that the pictures were turned
	Width, Height int    // of the coded pictures, before turning, as the file's head says
	Container     string // FFmpeg's names
	Codec         string

	// Of a plan of times: the place of each one's picture among those returned,
	// which are distinct, and whether its own is damaged and another is given.
	Shown   []int
	Instead []bool
}

// keptBytes is how large a video may be for its packets to be kept: to read the
// runs again is less work than to keep more than this, most of it for nothing.
const keptBytes = 16 << 20

// Sample returns the pictures of plan, in time order: [Open] and [Index.Sample]
// in one, for videos that are looked at once. Of a long MP4 file of H.264 or HEVC
// it reads the table of its samples and the groups of pictures that hold those
// wanted; the pictures are the same, but damage elsewhere goes unseen, so that
// [Report.Degraded] speaks of these groups. Any other file is read once from start
// to end, and compressed pictures of small ones are kept in between.
//
// Errors: those of [Open]; [fault.BadRequest] if plan makes no sense for this
// video; [fault.BadVideo] if no undamaged picture is left in its span.
func Sample(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits) ([]Picture, Report, error) {
	return sample(ctx, r, size, plan, limits, minTablePackets, nil)
}

// sample is Sample, which trusts the sample tables of files of at least so many packets.
func sample(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits, least int, see func(int, *astiav.Frame)) ([]Picture, Report, error) {
	in, err := openInput(ctx, r, size, limits)
	if err != nil {
		return nil, Report{}, err
	}
	defer func() { in.close() }()
	if x := trustTable(in, least); x != nil {
		pics, report, err := x.sampleByTable(ctx, in, plan, see)
		if err == nil || ctx.Err() != nil {
			return pics, report, err
		}
		in.close()
		again, err := openInput(ctx, r, size, limits)
		if err != nil {
			return nil, Report{}, err
		}
		in = again
	}
	x, kept, err := readAll(ctx, in, r, size <= keptBytes)
	if err != nil {
		return nil, Report{}, err
	}
	defer kept.close()
	s := sampling{x: x, r: r, in: in, read: true, kept: kept, see: see}
	return s.sample(ctx, plan)
}

// Sample returns the pictures of plan, in time order, reading from r only what
// they need. r holds the bytes that were indexed and is borrowed until Sample
// returns. Errors as those of the function [Sample].
func (x *Index) Sample(ctx context.Context, r io.ReaderAt, plan Plan) ([]Picture, Report, error) {
	in, err := openInput(ctx, r, x.size, x.limits)
	if err != nil {
		return nil, Report{}, err
	}
	defer in.close()
	s := sampling{x: x, r: r, in: in}
	return s.sample(ctx, plan)
}
