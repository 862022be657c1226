package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"videoqa/answers/worker"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// pictures shows frames of clips.
type pictures struct {
	media   worker.Media
	journal *worker.CrashJournal
	limits  mediaLimits
}

// JPEG implements [api.Pictures].
func (p pictures) JPEG(ctx context.Context, c ingest.Clip, at time.Duration) ([]byte, error) {
	var picture frames.Picture
	err := p.journal.Do(ctx, c, func(ctx context.Context) error {
		file, err := p.media.Open(ctx, c.URI, c.Digest)
		if err != nil {
			return err
		}
		defer file.Close()
		picture, err = pictureOf(ctx, file, p.limits.of(c), at)
		return err
	})
	if err != nil {
		return nil, err
	}
	img := image.NewNRGBA(image.Rect(0, 0, picture.Width, picture.Height))
	for i := range picture.Width * picture.Height {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = picture.Pix[3*i], picture.Pix[3*i+1], picture.Pix[3*i+2], 255
	}
	var out bytes.Buffer
	err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 90})
	return out.Bytes(), err
}

func pictureOf(ctx context.Context, file *media.File, limits frames.Limits, at time.Duration) (frames.Picture, error) {
	all, report, err := frames.Decode(ctx, file, file.Size(), frames.Plan{At: []time.Duration{at}}, limits)
	switch {
	case err != nil:
		return frames.Picture{}, err
	case report.Still:
	case at >= report.Duration && at > time.Microsecond: // a clip of one picture may have no length
		return frames.Picture{}, fmt.Errorf("show frame: the clip is %v long: %w", report.Duration, fault.NotFound)
	case report.Instead[0]:
		return frames.Picture{}, fmt.Errorf("show frame: the picture at %v is damaged: %w", at.Truncate(time.Microsecond), fault.BadVideo)
	}
	return all[0], nil
}

// Measure implements [api.Measurer].
func (p pictures) Measure(ctx context.Context, c ingest.Clip) error {
	err := p.journal.Do(ctx, c, func(ctx context.Context) error {
		file, err := p.media.Open(ctx, c.URI, c.Digest)
		if err != nil {
			return err
		}
		defer file.Close()
		return frames.Check(ctx, file, file.Size(), p.limits.of(c))
	})
	if errors.Is(err, fault.TooLarge) {
		return fmt.Errorf("no question about it would be answered: %w (--spool-max-bytes and --spool-max-duration are the limits of uploads)", err)
	}
	return err
}
