package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/asticode/go-astiav"

	"videoqa/internal/fault"
	"videoqa/internal/native"
)

// A decoder is one codec context with its frame on the C heap, fresh for every
// run, so that nothing of one group of pictures reaches another. The caller that opened
// it closes it, on every path.
type decoder struct {
	cc    *astiav.CodecContext // nil once closed
	frame *astiav.Frame
	leak  runtime.Cleanup

	client       client
	loggedDamage bool // set by close: something was logged that may be damage
}

// sharing says how a decoder uses several threads.
type sharing int

const (
	// bySlice shares the slices or tiles of one picture among the threads. Undamaged
	// pictures come out as they would from one thread.
	bySlice sharing = iota
	// byPicture decodes several pictures at a time. They may come out before it is
	// known that they are damaged, so every error counts, however small, and until
	// the decoder is closed none is to be trusted.
	byPicture
)

// openDecoder copies what it needs from in, with the configuration extra in place
// of its own if that is not nil. Its pictures lie in p, whose memory is set to fill first.
func openDecoder(in *input, p *pool, fill int, extra []byte, limits Limits, threads int, how sharing) (*decoder, error) {
	d := &decoder{cc: astiav.AllocCodecContext(in.codec), frame: astiav.AllocFrame()}
	d.leak = native.Track(d, "frames decoder", 1)
	if d.client = p.serve(d.cc, fill); d.client.c == nil {
		d.close()
		return nil, fmt.Errorf("open %s decoder: no memory", in.codec.Name())
	}
	if err := d.open(in, extra, limits, threads, how); err != nil {
		d.close()
		return nil, fmt.Errorf("open %s decoder: %w", in.codec.Name(), err)
	}
	return d, nil
}

func (d *decoder) open(in *input, extra []byte, limits Limits, threads int, how sharing) error {
	if err := d.cc.FromCodecParameters(in.params); err != nil {
		return err
	}
	if extra != nil {
		if err := d.cc.SetExtraData(extra); err != nil {
			return err
		}
	}
	d.cc.SetThreadCount(threads)
	d.cc.SetThreadType(astiav.ThreadTypeSlice)
	options := astiav.NewDictionary()
	defer options.Free()
	if err := options.Set("codec_whitelist", codecs, 0); err != nil {
		return err
	}
	if how == byPicture {
		d.cc.SetThreadType(astiav.ThreadTypeFrame)
		if err := options.Set("err_detect", "explode", 0); err != nil {
			return err
		}
	}
	if limits.Pixels > 0 {
		if err := options.Set("max_pixels", fmt.Sprint(limits.Pixels), 0); err != nil {
			return err
		}
	}
	if err := d.cc.Open(in.codec, options); err != nil {
		return fmt.Errorf("%w: %w", err, fault.BadVideo)
	}
	return nil
}

// feed sends one packet, nil to drain, and hands every picture that comes out to
// take, which borrows it. A packet that the decoder refuses is [errDamaged].
func (d *decoder) feed(ctx context.Context, p *astiav.Packet, take func(*astiav.Frame) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		sent := d.cc.SendPacket(p)
		if err := d.receive(take); err != nil {
			return err
		}
		switch {
		case sent == nil, errors.Is(sent, astiav.ErrEof):
			return nil
		case !errors.Is(sent, astiav.ErrEagain):
			return fmt.Errorf("%w: %w", errDamaged, sent)
		}
	}
}

// errDamaged says that a packet cannot be decoded as it is.
var errDamaged = errors.New("damaged packet")

func (d *decoder) receive(take func(*astiav.Frame) error) error {
	for {
		err := d.cc.ReceiveFrame(d.frame)
		switch {
		case errors.Is(err, astiav.ErrEagain), errors.Is(err, astiav.ErrEof), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		err = take(d.frame)
		d.frame.Unref()
		if err != nil {
			return err
		}
	}
}

// close ends the threads and frees the context. It may be called again.
func (d *decoder) close() {
	if d.cc == nil {
		return
	}
	d.frame.Free()
	d.cc.Free()
	d.cc = nil
	if d.client.c != nil {
		d.loggedDamage = d.client.loggedDamage()
		d.client.close()
	}
	native.Untrack(d.leak, 1)
}
