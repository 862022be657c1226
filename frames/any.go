package frames

import (
	"context"
	"fmt"
	"io"

	"videoqa/internal/fault"
)

// Decode takes pictures from media of either kind: those of plan from a video, as [Sample] does, or the one picture of a
// still, as [DecodeStill] does, whatever plan says but for a span, which a still has not. Report.Still says which it was.
//
// Errors are those of the two, and the reader's if the kind cannot be read.
func Decode(ctx context.Context, r io.ReaderAt, size int64, plan Plan, limits Limits) ([]Picture, Report, error) {
	still, err := BeginsStill(r, size)
	switch {
	case err != nil:
		return nil, Report{}, err
	case still && (plan.From != 0 || plan.To != 0):
		return nil, Report{Still: true}, errNoSpan
	case still:
		p, report, err := DecodeStill(ctx, r, size, limits)
		if report.Still = true; err != nil {
			return nil, report, err
		}
		return []Picture{p}, report, nil
	}
	return Sample(ctx, r, size, plan, limits)
}

// Check finds out whether media can be looked at within limits: a video's packets are indexed, a still is decoded.
func Check(ctx context.Context, r io.ReaderAt, size int64, limits Limits) error {
	still, err := BeginsStill(r, size)
	if err != nil {
		return err
	}
	if still {
		_, _, err = DecodeStill(ctx, r, size, limits)
		return err
	}
	_, err = Open(ctx, r, size, limits)
	return err
}

// OpenVideo is [Open] of media of which spans are wanted: it returns [fault.BadRequest] for a still.
func OpenVideo(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*Index, error) {
	still, err := BeginsStill(r, size)
	switch {
	case err != nil:
		return nil, err
	case still:
		return nil, errNoSpan
	}
	return Open(ctx, r, size, limits)
}

var errNoSpan = fmt.Errorf("a still picture has no span of time: %w", fault.BadRequest)
