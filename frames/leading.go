package frames

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// errEnough ends a decoding that has shown what it was for.
var errEnough = errors.New("enough")

// hideLeadingPictures hides what comes before the first picture that a linear decode shows.
// A recording that was cut between two points of access begins with packets whose
// references are gone; a decoder passes over some of them, by rules of its own, so
// it is asked.
//
// The HEVC decoder is not asked: it makes up the missing references and says
// nothing. There all is hidden that a point of access does not come before.
func (x *Index) hideLeadingPictures(ctx context.Context, r io.ReaderAt) error {
	if x.codec == "hevc" {
		return x.hideBefore(x.access(1))
	}
	first := int64(noTime)
	err := x.decodeAll(ctx, r, func(f *astiav.Frame) error {
		if damaged(f) || f.Pts() == noTime {
			return nil
		}
		first = f.Pts()
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for i := range x.rows {
		if x.rows[i].pts < first {
			x.rows[i].roles |= bitstream.Hidden
		}
	}
	return nil
}

// access returns the first point of access at or after row, or len(x.rows).
func (x *Index) access(row int) int {
	for row < len(x.rows) && x.rows[row].roles&bitstream.Clean == 0 {
		row++
	}
	return row
}

// hideBefore hides the rows before row key, a point of access, and the pictures
// that lead it.
func (x *Index) hideBefore(key int) error {
	if key == len(x.rows) {
		return fmt.Errorf("none of its %d packets can be decoded without one that is missing: %w", key, fault.BadVideo)
	}
	for i := range x.rows {
		if i < key || x.rows[i].pts < x.rows[key].pts {
			x.rows[i].roles |= bitstream.Hidden
		}
	}
	return nil
}

// decodeAll decodes the whole file in order and lends every picture to take.
// Damaged packets are passed over.
func (x *Index) decodeAll(ctx context.Context, r io.ReaderAt, take func(*astiav.Frame) error) error {
	in, err := openInput(ctx, r, x.size, x.limits)
	if err != nil {
		return err
	}
	defer in.close()
	memory := newPool()
	defer memory.close()
	d, err := openDecoder(in, memory, unfilled, nil, x.limits, 1, bySlice)
	if err != nil {
		return err
	}
	defer d.close()
	p := astiav.AllocPacket()
	defer p.Free()
	for range x.rows {
		if err := in.next(ctx, p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if err := d.feed(ctx, p, take); err != nil && !errors.Is(err, errDamaged) {
			return err
		}
	}
	if err := d.feed(ctx, nil, take); err != nil && !errors.Is(err, errDamaged) {
		return err
	}
	return nil
}
