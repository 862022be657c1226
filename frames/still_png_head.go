package frames

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"videoqa/internal/fault"
)

// Texts inside a PNG may be compressed. As in Pillow one is at most 1 MiB and all are at most 64.
const (
	pngText  = 1 << 20
	pngTexts = 64 << 20
)

// A pngReader walks through a PNG's chunks as Pillow's PngImagePlugin does.
type pngReader struct {
	file     []byte
	at       int
	head     stillHead
	form     pngForm
	texts    int // bytes of them so far
	inflated int // bytes of those and of profiles that were compressed

	frames   int64 // that an animation promises; 0: it is none
	animated bool  // it may be one: there was an acTL chunk that counts
	sequence int64 // number of the last fcTL or fdAT chunk; -1: none
	boxed    bool  // an fcTL chunk gave form.box
}

// A pngChunk is one chunk. Its checksum is not looked at yet.
type pngChunk struct {
	kind string
	data []byte // as far as it is there
	size int64  // as it says
	sum  []byte
}

// readPNGHead reads everything that is no pixel, and collects the compressed data of the first picture.
func readPNGHead(file []byte) (stillHead, error) {
	r := &pngReader{file: file, at: 8, sequence: -1}
	if err := r.read(); err != nil {
		return r.head, err
	}
	r.head.png = &r.form
	return r.head, nil
}

func (r *pngReader) read() error {
	first, err := r.toData()
	if err != nil {
		return err
	}
	if r.form.depth == 0 {
		return errors.New("its header is missing or names a kind of pixel that there is not")
	}
	if len(r.form.colours)/3 > 256 {
		return errors.New("its palette has more than 256 colours")
	}
	if !r.boxed {
		r.form.box = pngBox{0, 0, r.head.width, r.head.height}
		if r.animated {
			r.frames++
		}
	}
	r.head.animated = r.frames > 1
	return r.collect(first)
}

// next takes a chunk.
func (r *pngReader) next() (pngChunk, error) {
	if r.at+8 > len(r.file) {
		return pngChunk{}, errCut
	}
	c := pngChunk{kind: string(r.file[r.at+4 : r.at+8]), size: int64(binary.BigEndian.Uint32(r.file[r.at:]))}
	for _, b := range []byte(c.kind) {
		if b != '_' && (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') {
			return c, fmt.Errorf("there is no chunk %q", c.kind)
		}
	}
	r.at += 8
	end := int(min(int64(r.at)+c.size, int64(len(r.file))))
	c.data = r.file[r.at:end]
	c.sum = r.file[end:min(end+4, len(r.file))]
	r.at = min(end+4, len(r.file))
	return c, nil
}

func (c pngChunk) whole() bool { return int64(len(c.data)) == c.size }

// check holds a chunk to its length and checksum.
func (c pngChunk) check() error {
	if !c.whole() || len(c.sum) < 4 {
		return errCut
	}
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(c.kind)), crc32.IEEETable, c.data)
	if sum != binary.BigEndian.Uint32(c.sum) {
		return fmt.Errorf("chunk %s does not match its checksum", c.kind)
	}
	return nil
}

// toData reads the chunks before the first that has pixels, and gives that one.
func (r *pngReader) toData() (pngChunk, error) {
	for {
		c, err := r.next()
		if err != nil {
			return c, err
		}
		switch c.kind {
		case "IDAT":
			return c, nil
		case "fdAT":
			return c, r.frameData(&c)
		case "IEND":
			return c, errors.New("it holds no picture")
		}
		if !c.whole() {
			return c, errCut
		}
		if err := r.heed(c); err != nil {
			return c, err
		}
		if err := c.check(); err != nil {
			return c, err
		}
	}
}

// collect joins the data of the chunks from the first one on, then reads what follows to the end. As in Pillow these chunks'
// checksums are not looked at, and a missing end is none of our business.
func (r *pngReader) collect(c pngChunk) (err error) {
	for c.kind == "IDAT" || c.kind == "DDAT" || c.kind == "fdAT" {
		r.form.data = append(r.form.data, c.data...)
		if !c.whole() {
			return nil // the data may be complete all the same
		}
		if c, err = r.next(); err != nil {
			return nil
		}
		if c.kind == "fdAT" {
			if err := r.frameData(&c); err != nil {
				return err
			}
		}
	}
	for c.kind != "IEND" && !(c.kind == "fcTL" && r.head.animated) {
		if !c.whole() {
			return errCut
		}
		if err := r.heed(c); err != nil {
			return err
		}
		if c, err = r.next(); err != nil {
			return nil
		}
	}
	return nil
}

// heed reads a chunk's content, where it matters to the picture or Pillow refuses it.
func (r *pngReader) heed(c pngChunk) error {
	least := map[string]int{"IHDR": 13, "gAMA": 4, "cHRM": 32, "sRGB": 1, "pHYs": 9, "acTL": 8, "fcTL": 26}
	if len(c.data) < least[c.kind] {
		return fmt.Errorf("chunk %s is too short", c.kind)
	}
	switch c.kind {
	case "IHDR":
		return r.header(c.data)
	case "PLTE":
		if r.form.colour == 3 && r.form.depth > 0 {
			r.form.colours = c.data
		}
	case "tRNS":
		return r.transparency(c.data)
	case "iCCP":
		return r.profile(c.data)
	case "tEXt", "zTXt", "iTXt":
		return r.text(c)
	case "eXIf":
		r.head.exif = append([]byte("Exif\x00\x00"), c.data...)
	case "acTL":
		r.control(int64(binary.BigEndian.Uint32(c.data)))
	case "fcTL":
		return r.frame(c.data)
	}
	return nil
}

func (r *pngReader) header(b []byte) error {
	r.head.width, r.head.height = int(min(binary.BigEndian.Uint32(b), math.MaxInt32)), int(min(binary.BigEndian.Uint32(b[4:]), math.MaxInt32))
	if depth, colour := int(b[8]), int(b[9]); isPNGForm(depth, colour) {
		r.form.depth, r.form.colour = depth, colour
	}
	r.form.interlaced = r.form.interlaced || b[12] != 0
	if b[11] != 0 {
		return errors.New("its rows have filters of an unknown kind")
	}
	return nil
}

// isPNGForm reports whether PNG has a kind of pixel.
func isPNGForm(depth, colour int) bool {
	switch colour {
	case 0:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16
	case 3:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8
	}
	return (colour == 2 || colour == 4 || colour == 6) && (depth == 8 || depth == 16)
}

func (r *pngReader) transparency(b []byte) error {
	if r.form.depth > 0 && (r.form.colour == 0 && len(b) < 2 || r.form.colour == 2 && len(b) < 6) {
		return errors.New("chunk tRNS is too short")
	}
	return nil
}

// control heeds an acTL chunk; of two neither counts.
func (r *pngReader) control(frames int64) {
	if r.animated {
		r.animated, r.frames = false, 0
		return
	}
	if frames > 0 && frames <= 1<<31 {
		r.animated, r.frames = true, frames
	}
}

// frame heeds an fcTL chunk, which says where the next picture of an animation lies.
func (r *pngReader) frame(b []byte) error {
	number := int64(binary.BigEndian.Uint32(b))
	if number != r.sequence+1 {
		return errPNGSequence
	}
	r.sequence = number
	at := func(i int) int64 { return int64(binary.BigEndian.Uint32(b[i:])) }
	if at(12)+at(4) > int64(r.head.width) || at(16)+at(8) > int64(r.head.height) {
		return errors.New("a picture of its animation leaves the canvas")
	}
	if r.form.data == nil {
		r.form.box, r.boxed = pngBox{int(at(12)), int(at(16)), int(at(4)), int(at(8))}, true
	}
	return nil
}

var errPNGSequence = errors.New("the pictures of its animation are out of order")

// frameData takes the number off an fdAT chunk.
func (r *pngReader) frameData(c *pngChunk) error {
	if len(c.data) < 4 {
		return errCut
	}
	number := int64(binary.BigEndian.Uint32(c.data))
	if r.sequence < 0 || number != r.sequence+1 {
		return errPNGSequence
	}
	r.sequence = number
	c.data, c.size = c.data[4:], c.size-4
	return nil
}

func (r *pngReader) profile(b []byte) error {
	name := bytes.IndexByte(b, 0)
	if name+1 >= len(b) {
		return errors.New("chunk iCCP is too short")
	}
	if b[name+1] != 0 {
		return errors.New("its colour profile is compressed in an unknown way")
	}
	_, err := r.inflate(b[min(name+2, len(b)):])
	return err
}

// text keeps what may say which way is up.
func (r *pngReader) text(c pngChunk) error {
	key, value, _ := bytes.Cut(c.data, []byte{0})
	var err error
	switch c.kind {
	case "zTXt":
		if len(value) == 0 {
			break
		}
		if value[0] != 0 {
			return errors.New("a text is compressed in an unknown way")
		}
		if value, err = r.inflate(value[1:]); err != nil {
			return err
		}
	case "iTXt":
		if value, err = r.international(value); err != nil || value == nil {
			return err
		}
	}
	if r.texts += len(value); r.texts > pngTexts {
		return fmt.Errorf("a PNG with more than %d bytes of text: %w", pngTexts, fault.TooLarge)
	}
	switch string(key) {
	case "exif":
		if c.kind == "tEXt" {
			r.head.exif = value
		}
	case "Raw profile type exif":
		r.head.rawExif = string(value)
	case "XML:com.adobe.xmp":
		r.head.xmp = value
	}
	return nil
}

// international gives the text of an iTXt chunk, whose key is taken off; nil: it has none that can be read.
func (r *pngReader) international(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, nil
	}
	parts := bytes.SplitN(b[2:], []byte{0}, 3) // language, key in it, text
	switch {
	case len(parts) < 3 || b[0] != 0 && b[1] != 0:
		return nil, nil
	case b[0] == 0:
		return parts[2], nil
	}
	return r.inflate(parts[2])
}

// inflate undoes the compression of a text; what cannot be read is empty.
func (r *pngReader) inflate(b []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(z, pngText+1))
	if r.inflated += len(text); r.inflated > pngTexts {
		return nil, fmt.Errorf("a PNG with more than %d bytes of compressed text: %w", pngTexts, fault.TooLarge)
	}
	switch {
	case len(text) > pngText:
		return nil, fmt.Errorf("a PNG with a text of more than %d bytes: %w", pngText, fault.TooLarge)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, nil
	}
	return text, nil
}
