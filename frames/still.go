package frames

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/webp"

	"videoqa/internal/fault"
)

// A stillFormat is one kind of file that holds a single picture, or a first one.
type stillFormat struct {
	name   string // in a report's words
	is     func(head []byte) bool
	size   func(io.Reader) (image.Config, error)              // from the header alone
	decode func(r *boundReader, file []byte) (Picture, error) // as stored; r reads file
	exif   func(file []byte) []byte                           // the TIFF structure that says which way is up, or nil
}

// stillFormats lists what DecodeStill reads.
func stillFormats() []stillFormat {
	return []stillFormat{
		{"jpeg", startsWith("\xff\xd8\xff"), jpeg.DecodeConfig, decodeJPEG, jpegExif},
		{"png", startsWith("\x89PNG\r\n\x1a\n"), png.DecodeConfig, decodePNG, pngExif},
		{"gif", startsWith("GIF8"), gif.DecodeConfig, decodeGIF, func([]byte) []byte { return nil }},
		{"webp", isWebP, webp.DecodeConfig, decodeWebP, webpExif},
	}
}

func startsWith(magic string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
}

// IsStill reports whether a file that begins with head, of which 12 bytes are
// enough, is a still picture's: JPEG, PNG, GIF or WebP.
func IsStill(head []byte) bool {
	_, ok := stillFormatOf(head)
	return ok
}

// BeginsStill is [IsStill] of a file of size bytes. Errors are the reader's.
func BeginsStill(r io.ReaderAt, size int64) (bool, error) {
	head := make([]byte, min(size, 64))
	if n, err := r.ReadAt(head, 0); err != nil && (err != io.EOF || n < len(head)) {
		return false, fmt.Errorf("read: %w", err)
	}
	return IsStill(head), nil
}

func stillFormatOf(head []byte) (stillFormat, bool) {
	for _, f := range stillFormats() {
		if f.is(head) {
			return f, true
		}
	}
	return stillFormat{}, false
}

// DecodeStill reads a whole still of size bytes and gives its picture, upright,
// in RGB as Pillow's ImageOps.exif_transpose and convert("RGB") do: transparency
// is dropped, not blended, samples of 16 bits keep their upper 8, and of an
// animation the first picture is taken.
//
// PNG, GIF and WebP equal Pillow 13 byte for byte, with one exception: grey of 16
// bits, which Pillow clips to white, keeps its upper bits like the other kinds.
// JPEG is within 3 levels of it, 0.07 in the mean (TestStillsEqualPillow prints
// both for each file): chroma and colours are computed as libjpeg-turbo does, and
// what is left is the rounding of Go's inverse transform. Orientation is read
// from EXIF in JPEG, PNG and WebP, not from XMP.
//
// It returns [fault.TooLarge] if the file, or the picture by its header, is over
// the limits, before decoding, and [fault.BadVideo] for a damaged or unsupported
// one. When ctx ends, so does it, with the context's error.
func DecodeStill(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (Picture, Report, error) {
	if most := stillBytes(limits); size > most {
		return Picture{}, Report{}, fmt.Errorf("frames: decode still: %d bytes, %d at most: %w", size, most, fault.TooLarge)
	}
	file := make([]byte, size)
	if n, err := r.ReadAt(file, 0); int64(n) < size {
		return Picture{}, Report{}, fmt.Errorf("frames: decode still: read: %w", err)
	}
	format, ok := stillFormatOf(file)
	if !ok {
		return Picture{}, Report{}, fmt.Errorf("frames: decode still: neither JPEG, PNG, GIF nor WebP: %w", fault.BadVideo)
	}
	if err := format.check(ctx, file, limits); err != nil {
		return Picture{}, Report{}, err
	}
	bound := &boundReader{ctx: ctx, file: bytes.NewReader(file)}
	p, err := format.decode(bound, file)
	if err != nil {
		return Picture{}, Report{}, format.bad(bound, err)
	}
	turned := orientation(format.exif(file))
	report := Report{Requested: 1, Decoded: 1, Frames: 1, Rotation: turnedBy(turned), Container: format.name, Codec: format.name}
	return p.upright(turned), report, nil
}

// title is the format's name as people write it.
func (f stillFormat) title() string {
	if f.name == "webp" {
		return "WebP"
	}
	return strings.ToUpper(f.name)
}

// stillBytes is the limit on a still's bytes, which are held in memory at once:
// 256 MiB where there is no limit on a video's.
func stillBytes(limits Limits) int64 {
	if limits.Bytes > 0 {
		return limits.Bytes
	}
	return 256 << 20
}

// check holds the size that a file's header claims to the limit.
func (f stillFormat) check(ctx context.Context, file []byte, limits Limits) error {
	bound := &boundReader{ctx: ctx, file: bytes.NewReader(file)}
	header, err := f.size(bound)
	if err != nil {
		return f.bad(bound, err)
	}
	w, h := header.Width, header.Height
	if w <= 0 || h <= 0 {
		return f.bad(bound, errors.New("it has no pixels"))
	}
	if limits.Pixels > 0 && w > limits.Pixels/h {
		return fmt.Errorf("frames: decode still: a %s of %dx%d pixels, %d at most: %w", f.title(), w, h, limits.Pixels, fault.TooLarge)
	}
	return nil
}

// bad names what is wrong with a file of this format.
func (f stillFormat) bad(r *boundReader, err error) error {
	switch {
	case r.ctx.Err() != nil:
		return fmt.Errorf("frames: decode still: %w", r.ctx.Err())
	case r.ended:
		return fmt.Errorf("frames: decode still: the %s ends too early: %w: %w", f.title(), err, fault.BadVideo)
	}
	return fmt.Errorf("frames: decode still: the %s is damaged or of an unsupported kind: %w: %w", f.title(), err, fault.BadVideo)
}

// A boundReader ends when its context does, so that a small file that asks for
// endless work is stopped.
type boundReader struct {
	ctx   context.Context // of the one call that made the reader
	file  *bytes.Reader
	ended bool // someone asked for more than there is
}

func (r *boundReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.file.Read(p)
	r.ended = r.ended || err == io.EOF
	return n, err
}
