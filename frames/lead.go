package frames

import (
	"context"
	"errors"
	"io"

	"github.com/asticode/go-astiav"
)

// errEnough ends a decoding that has shown what it was for.
var errEnough = errors.New("enough")

// hideLead hides what comes before the first picture that a linear decode shows.
// A recording that was cut between two points of access begins with packets whose
// references are gone; a decoder passes over some of them, by rules of its own, so
// it is asked.
func (x *Index) hideLead(ctx context.Context, r io.ReaderAt) error {
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
			x.rows[i].roles |= hidden
		}
	}
	return nil
}

// decodeAll decodes the whole file in order and lends every picture to take.
// Damaged packets are passed over.
func (x *Index) decodeAll(ctx context.Context, r io.ReaderAt, take func(*astiav.Frame) error) error {
	in, err := openInput(ctx, r, x.Size, x.limits)
	if err != nil {
		return err
	}
	defer in.close()
	d, err := openDecoder(in, x.limits, 1)
	if err != nil {
		return err
	}
	defer d.close()
	p := astiav.AllocPacket()
	defer p.Free()
	for range x.rows {
		if err := in.next(ctx, p); err != nil {
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
