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

	"golang.org/x/image/webp"

	"videoqa/internal/fault"
)

// A stillFormat is one kind of file that holds a single picture, or a first one.
type stillFormat struct {
	name   string
	is     func(head []byte) bool
	size   func(io.Reader) (image.Config, error)              // from the header alone
	decode func(r *boundReader, file []byte) (Picture, error) // as stored; r reads file
	exif   func(file []byte) []byte                           // the TIFF structure that says which way is up, or nil
}

// stillFormats lists what DecodeStill reads.
func stillFormats() []stillFormat {
	return []stillFormat{
		{"JPEG", startsWith("\xff\xd8\xff"), jpeg.DecodeConfig, decodeJPEG, jpegExif},
		{"PNG", startsWith("\x89PNG\r\n\x1a\n"), png.DecodeConfig, decodePNG, pngExif},
		{"GIF", startsWith("GIF8"), gif.DecodeConfig, decodeGIF, func([]byte) []byte { return nil }},
		{"WebP", isWebP, webp.DecodeConfig, decodeWebP, webpExif},
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

func stillFormatOf(head []byte) (stillFormat, bool) {
	for _, f := range stillFormats() {
		if f.is(head) {
			return f, true
		}
	}
	return stillFormat{}, false
}

// decodeStill reads a whole still of size bytes and gives its picture, upright,
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
func decodeStill(ctx context.Context, r io.ReaderAt, size, maxBytes, maxPixels int64) (Picture, error) {
	if size > maxBytes {
		return Picture{}, fmt.Errorf("frames: decode still: %d bytes, %d at most: %w", size, maxBytes, fault.TooLarge)
	}
	file := make([]byte, size)
	if n, err := r.ReadAt(file, 0); int64(n) < size {
		return Picture{}, fmt.Errorf("frames: decode still: read: %w", err)
	}
	format, ok := stillFormatOf(file)
	if !ok {
		return Picture{}, fmt.Errorf("frames: decode still: neither JPEG, PNG, GIF nor WebP: %w", fault.BadVideo)
	}
	if err := format.check(ctx, file, maxPixels); err != nil {
		return Picture{}, err
	}
	bound := &boundReader{ctx: ctx, file: bytes.NewReader(file)}
	p, err := format.decode(bound, file)
	if err != nil {
		return Picture{}, format.bad(bound, err)
	}
	return p.upright(orientation(format.exif(file))), nil
}

// check holds the size that a file's header claims to the limit.
func (f stillFormat) check(ctx context.Context, file []byte, maxPixels int64) error {
	bound := &boundReader{ctx: ctx, file: bytes.NewReader(file)}
	header, err := f.size(bound)
	if err != nil {
		return f.bad(bound, err)
	}
	w, h := int64(header.Width), int64(header.Height)
	if w <= 0 || h <= 0 {
		return f.bad(bound, errors.New("it has no pixels"))
	}
	if w > maxPixels/h {
		return fmt.Errorf("frames: decode still: a %s of %dx%d pixels, %d at most: %w", f.name, w, h, maxPixels, fault.TooLarge)
	}
	return nil
}

// bad names what is wrong with a file of this format.
func (f stillFormat) bad(r *boundReader, err error) error {
	switch {
	case r.ctx.Err() != nil:
		return fmt.Errorf("frames: decode still: %w", r.ctx.Err())
	case r.ended:
		return fmt.Errorf("frames: decode still: the %s ends too early: %w: %w", f.name, err, fault.BadVideo)
	}
	return fmt.Errorf("frames: decode still: the %s is damaged or of an unsupported kind: %w: %w", f.name, err, fault.BadVideo)
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
