package frames

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"videoqa/internal/fault"
)

// A stillFormat is one kind of file that holds a single picture, or a first one.
type stillFormat struct {
	name   string // in a report's words
	is     func(head []byte) bool
	read   func(file []byte) (stillHead, error) // all that is no pixel
	decode func(ctx context.Context, file []byte, head stillHead) (Picture, error)
}

// A stillHead is what a still says of itself.
type stillHead struct {
	width, height int
	channels      int // of a JPEG
	animated      bool
	png           *pngForm
	gif           *gifImage

	exif    []byte // a TIFF structure, perhaps behind "Exif\x00\x00"; nil: none
	rawExif string // the same as text, as some PNGs have it
	xmp     []byte
}

// errCut is what is wrong with a file that lacks its end.
var errCut = errors.New("it ends too early")

// stillFormats lists what DecodeStill reads.
func stillFormats() []stillFormat {
	return []stillFormat{
		{"jpeg", startsWith("\xff\xd8\xff"), readJPEGHead, decodeJPEG},
		{"png", startsWith("\x89PNG\r\n\x1a\n"), readPNGHead, decodePNG},
		{"gif", isGIF, readGIFHead, decodeGIF},
		{"webp", isWebP, readWebPHead, decodeWebP},
	}
}

func startsWith(magic string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
}

func isGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
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
// animation the first picture is taken, which the report tells.
//
// It reads what Pillow 13 reads, and the pixels are the same byte for byte, with one
// exception: grey of 16 bits, which Pillow clips to white, keeps its upper bits
// like the other kinds. JPEG and WebP are decoded by the libraries that Pillow
// uses; PNG and GIF are read by the rules of its own code. What it refuses is
// refused: a file that is cut off before its last pixel, or damaged where it
// matters. Which way is up is said by EXIF or, where EXIF does not, by XMP.
//
// It returns [fault.TooLarge] if the file, or the picture or the work by its
// header, is over the limits, before decoding, and [fault.BadVideo] for a damaged
// or unsupported one. When ctx ends, so does it, with the context's error.
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
	p, head, err := format.picture(ctx, file, limits)
	if err != nil {
		return Picture{}, Report{}, format.bad(ctx, err)
	}
	turned := head.orientation()
	report := Report{Requested: 1, Decoded: 1, Frames: 1, FirstPicture: head.animated, Rotation: turnedBy(turned), Container: format.name, Codec: format.name}
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

// picture decodes a file of this format if its head keeps to the limits.
func (f stillFormat) picture(ctx context.Context, file []byte, limits Limits) (Picture, stillHead, error) {
	if err := ctx.Err(); err != nil {
		return Picture{}, stillHead{}, err
	}
	head, broken := f.read(file)
	if err := f.check(file, head, limits); err != nil && (broken == nil || errors.Is(err, fault.TooLarge)) {
		return Picture{}, head, err
	}
	if broken != nil {
		return Picture{}, head, broken
	}
	p, err := f.decode(ctx, file, head)
	return p, head, err
}

// check holds what a file's head says to the limits.
func (f stillFormat) check(file []byte, head stillHead, limits Limits) error {
	w, h := head.width, head.height
	if w <= 0 || h <= 0 {
		return errors.New("it has no pixels")
	}
	if most := stillPixels(limits); w > most/h {
		return fmt.Errorf("a %s of %dx%d pixels, %d at most: %w", f.title(), w, h, most, fault.TooLarge)
	}
	if f.name == "jpeg" {
		return checkJPEGWork(file, head, limits)
	}
	return nil
}

// stillPixels is the limit on a still's pixels: 256 million where there is no limit on a video's.
func stillPixels(limits Limits) int {
	if limits.Pixels > 0 {
		return limits.Pixels
	}
	return 256 << 20
}

// bad names what is wrong with a file of this format.
func (f stillFormat) bad(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("frames: decode still: %w", ctx.Err())
	case errors.Is(err, fault.TooLarge):
		return fmt.Errorf("frames: decode still: %w", err)
	case errors.Is(err, errCut):
		return fmt.Errorf("frames: decode still: the %s ends too early: %w", f.title(), fault.BadVideo)
	}
	return fmt.Errorf("frames: decode still: the %s is damaged or of an unsupported kind: %w: %w", f.title(), err, fault.BadVideo)
}
