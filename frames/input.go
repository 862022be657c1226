package frames

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/cgo"
	"slices"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
	"videoqa/internal/native"
)

// An input is a demuxer over a reader, with the IO that feeds it, on the C heap.
// Its opener closes it; one goroutine uses it.
type input struct {
	fc          *astiav.FormatContext
	io          *astiav.IOContext // nil once closed
	interrupter *astiav.IOInterrupter
	unwatch     func() bool
	source      *source
	handle      cgo.Handle     // source, for C
	video       *astiav.Stream // borrowed from fc
	clock       *clock         // of video; nil where its times are the file's own
	codec       *astiav.Codec
	limits      Limits
	probing     probing
	format      string                  // of the demuxer, as sniff calls it
	params      *astiav.CodecParameters // what video said when it was opened: decoders are opened while fc is read
	leak        runtime.Cleanup
}

// A source turns a reader into FFmpeg's idea of a file. It is a holder of its
// own because go-astiav may keep the callbacks longer than the input.
type source struct {
	r        io.ReaderAt
	size, at int64
	begin    int64 // of the container in the file: what FFmpeg takes for the first byte
	holes    []bitstream.Span
	unread   []int64      // boxes that FFmpeg is to skip: where four bytes tell their kind
	err      error        // the reader's own, which FFmpeg would turn into a number
	ended    func() error // why nothing is to be read any more, asked before each read; nil: it never ends
	allowed  func() error // asked before FFmpeg reads; nil: whatever it reads is allowed
	most     int          // bytes of a read; 0: as many as are asked for
}

func (s *source) read(b []byte) (int, error) {
	from, until := s.place(s.at)
	if s.r == nil || from >= until {
		return 0, astiav.ErrEof
	}
	if s.allowed != nil && s.err == nil {
		s.err = s.allowed()
	}
	if s.hasEnded() {
		return 0, astiav.ErrEio
	}
	if s.most > 0 {
		b = b[:min(len(b), s.most)]
	}
	n, err := s.r.ReadAt(b[:min(int64(len(b)), until-from)], from)
	s.hide(b[:n], from)
	s.at += int64(n)
	switch {
	case n > 0:
		return n, nil
	case errors.Is(err, io.EOF) || err == nil:
		return 0, astiav.ErrEof
	}
	s.err = err
	return 0, astiav.ErrEio
}

// hide has the boxes that are to be skipped be of a kind that says nothing, in the bytes
// of the file from a place on.
func (s *source) hide(b []byte, from int64) {
	const free = "free"
	first, _ := slices.BinarySearch(s.unread, from-int64(len(free))+1)
	for _, at := range s.unread[first:] {
		if at >= from+int64(len(b)) {
			return
		}
		for i := range len(free) {
			if k := at + int64(i) - from; k >= 0 && k < int64(len(b)) {
				b[k] = free[i]
			}
		}
	}
}

// hasEnded reports whether nothing is to be read any more. FFmpeg may read on for minutes in
// one call, in search of a packet of the video, and asks nobody else in between.
func (s *source) hasEnded() bool {
	if s.ended != nil && s.err == nil {
		s.err = s.ended()
	}
	return s.err != nil
}

// readAt fills b, beside what FFmpeg reads.
func (s *source) readAt(b []byte, off int64) bool {
	n, _ := s.ReadAt(b, off)
	return n == len(b)
}

// seek answers FFmpeg's AVSEEK_SIZE (0x10000) beside the usual three, with or
// without AVSEEK_FORCE (0x20000).
func (s *source) seek(offset int64, whence int) (int64, error) {
	switch whence &^ 0x20000 {
	case 0x10000:
		return s.length(), nil
	case io.SeekStart:
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.length()
	default:
		return 0, astiav.ErrEio
	}
	if offset < 0 {
		return 0, astiav.ErrEio
	}
	s.at = offset
	return offset, nil
}

// ioBuffer is how much FFmpeg asks for at a time; each call costs a copy.
const ioBuffer = 64 << 10

// openInput opens a video of size bytes. It reads the container's head, chooses
// the stream, and asks FFmpeg for what the head does not say (reordering depth,
// pixel format), as the ffmpeg program does, so that decoders behave the same.
// Errors are [fault.BadVideo], [fault.TooLarge], the reader's own or ctx's.
func openInput(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*input, error) {
	in, err := openStream(ctx, r, size, limits, anyStream)
	if err != nil || in.video != nil {
		return in, err
	}
	stream, err := in.watch(ctx)
	in.close()
	if err != nil {
		return nil, fmt.Errorf("frames: open video: %w", err)
	}
	return openStream(ctx, r, size, limits, stream)
}

// openStream is openInput for the stream of a number. Of [anyStream] it may leave
// the choice open: then video is nil.
func openStream(ctx context.Context, r io.ReaderAt, size int64, limits Limits, stream int) (*input, error) {
	if err := limits.checkBytes(size); err != nil {
		return nil, err
	}
	head, err := readHead(r, size)
	if err != nil {
		return nil, fmt.Errorf("frames: open video: %w", err)
	}
	// FFmpeg's log is the process's own; what it would print of a stranger's file is
	// in our errors, and its callback overruns a buffer in go-astiav 0.39.
	astiav.SetLogLevel(astiav.LogLevelQuiet)
	ended := func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	in := &input{source: &source{r: r, size: size, ended: ended}, limits: limits, interrupter: astiav.NewIOInterrupter()}
	in.handle = cgo.NewHandle(in.source)
	in.leak = native.Track(in, "frames input", 1)
	in.unwatch = context.AfterFunc(ctx, in.interrupter.Interrupt)
	if err := in.open(head, limits, stream); err != nil {
		cause := in.cause(ctx, err)
		in.close()
		return nil, fmt.Errorf("frames: open video: %w", cause)
	}
	return in, nil
}

// readHead reads what decides which container it is.
func readHead(r io.ReaderAt, size int64) ([]byte, error) {
	head := make([]byte, min(max(size, 0), bitstream.HeadBytes))
	if n, err := r.ReadAt(head, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(head)) {
		return nil, fmt.Errorf("read: %w", err)
	}
	return head, nil
}

func (in *input) open(head []byte, limits Limits, stream int) (err error) {
	if err := in.recognise(head); err != nil {
		return err
	}
	if in.format == "mov" {
		if brand, only := in.source.file().OnlyPictures(); only {
			return errHEIF(brand)
		}
		in.source.unread = in.source.file().InvalidApertures()
	}
	if stream == anyStream { // as for every MP4, of which it also tells what FFmpeg is not to read
		hide, err := in.source.file().CheckOpening(in.format, max(1, limits.Streams))
		if err != nil {
			return err
		}
		in.source.unread = append(in.source.unread, hide...)
		slices.Sort(in.source.unread)
	}
	if in.io, err = astiav.AllocIOContext(ioBuffer, false, in.source.read, in.source.seek, nil); err != nil {
		return err
	}
	if in.fc = astiav.AllocFormatContext(); in.fc == nil {
		return errors.New("no memory for a demuxer")
	}
	readBy(in.io, in.handle)
	in.fc.SetPb(in.io)
	in.fc.SetIOInterrupter(in.interrupter)
	in.probing = newProbing(in.fc)
	fc := pointerTo(in.fc)
	most := max(1, limits.Streams)
	known := most // of a file whose head tells of all streams, which are counted by now; attached files are left out
	if in.format == "mpegts" || in.format == "mpeg" || in.format == "flv" {
		known++
	}
	in.source.allowed = func() error { return errors.Join(checkTags(fc), checkStreams(fc, most)) }
	if in.format == "mpegts" {
		in.source.most = 8 << 10 // which may name a thousand programs
	}
	if in.format == "mpeg" {
		codec, err := in.programCodec()
		if err != nil {
			return err
		}
		forceCodec(in.fc, codec)
	}
	options := astiav.NewDictionary()
	defer options.Free()
	for key, value := range map[string]string{
		"protocol_whitelist": "none", "format_whitelist": "mov,matroska,avi,flv,mpeg,mpegts",
		"codec_whitelist": codecs, "probesize": "5000000", "analyzeduration": "5000000",
		"max_streams": fmt.Sprint(known), "max_probe_packets": fmt.Sprint(mostProbes(in.format)),
	} {
		if err := options.Set(key, value, 0); err != nil {
			return fmt.Errorf("set %s: %w", key, err)
		}
	}
	if err := in.fc.OpenInput("", astiav.FindInputFormat(in.format), options); err != nil {
		in.fc = nil // FFmpeg freed it; go-astiav keeps a small map entry for each such failure
		why := "it is damaged at its start"
		if in.format == "mov" && in.source.err == nil {
			if in.source.file().AnyProtected() {
				return errEncrypted
			}
			why = in.source.plain().WhyNoMP4()
		}
		return fmt.Errorf("the %s container does not open, %s (%w): %w", in.format, why, err, fault.BadVideo)
	}
	err = in.probe(stream)
	if many := checkStreams(fc, most); many != nil {
		return many
	}
	if err != nil || in.video == nil {
		return err
	}
	return in.inspect(limits)
}

func (in *input) inspect(limits Limits) error {
	p := in.video.CodecParameters()
	if in.encrypted(in.video) {
		return errEncrypted
	}
	if in.codec = decoderOf(p.CodecID()); in.codec == nil {
		return fmt.Errorf("its video is %s, which is not built in; convert it, to H.264 for example: %w", in.codecName(), fault.BadVideo)
	}
	if p.Width() <= 0 || p.Height() <= 0 {
		return fmt.Errorf("its video stream has no size: nothing of it could be decoded: %w", fault.BadVideo)
	}
	if err := limits.checkPixels(p.Width(), p.Height()); err != nil {
		return err
	}
	in.clock = clockFor(in, in.video)
	in.params = astiav.AllocCodecParameters()
	return p.Copy(in.params)
}

// jumps is how often the clock of what was read so far has jumped.
func (in *input) jumps() int {
	if in.clock == nil {
		return 0
	}
	return in.clock.jumps
}

// turns is how often it has run over, or may have.
func (in *input) turns() int {
	if in.clock == nil {
		return 0
	}
	return in.clock.turns
}

// seek moves to about the decoding time ts, in the file's own ticks. From then on
// packets have the file's times, which must not jump.
func (in *input) seek(ts int64, flags ...astiav.SeekFlag) error {
	in.clock = nil
	return in.fc.SeekFrame(in.video.Index(), ts, astiav.NewSeekFlags(flags...))
}

// next reads one packet of the video stream into p, whose old content it drops.
// It returns [io.EOF] after the last.
func (in *input) next(ctx context.Context, p *astiav.Packet) error {
	for {
		p.Unref()
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		err := in.fc.ReadFrame(p)
		if many := checkStreams(pointerTo(in.fc), max(1, in.limits.Streams)); many != nil {
			return many
		}
		switch {
		case in.source.err != nil: // which demuxers may take for the end
			return in.cause(ctx, err)
		case errors.Is(err, astiav.ErrEof):
			return io.EOF
		case errors.Is(err, astiav.ErrEagain):
			continue
		case err != nil:
			return in.cause(ctx, err)
		case p.StreamIndex() == in.video.Index():
			if in.clock != nil {
				in.clock.set(p)
			}
			return nil
		}
	}
}

// cause puts what really happened before FFmpeg's number for it.
func (in *input) cause(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(in.source.err, fault.TooLarge):
		return in.source.err
	case in.source.err != nil:
		return fmt.Errorf("read: %w", in.source.err)
	case errors.Is(err, fault.BadVideo), errors.Is(err, fault.TooLarge):
		return err
	}
	return fmt.Errorf("the container is damaged (%w): %w", err, fault.BadVideo)
}

// close frees everything, in the order in which FFmpeg wants it. It may be
// called again.
func (in *input) close() {
	if in.interrupter == nil {
		return
	}
	in.unwatch()
	if in.params != nil {
		in.params.Free()
	}
	if in.fc != nil {
		in.fc.CloseInput()
	}
	in.source.r = nil
	if in.io != nil {
		in.io.Free()
	}
	in.handle.Delete()
	in.interrupter.Free()
	in.probing.free()
	in.fc, in.io, in.interrupter, in.video, in.params = nil, nil, nil, nil, nil
	native.Untrack(in.leak, 1)
	runtime.KeepAlive(in)
}
