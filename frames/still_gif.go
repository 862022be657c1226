package frames

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// A gifImage is where a picture lies in a GIF, on its screen, and what its pixels mean.
type gifImage struct {
	colours                   []byte // a table of them; nil: pixels are grey
	fill                      byte   // what the screen has beside the picture
	left, top, width, height  int
	screenWidth, screenHeight int // which a picture that goes beyond makes larger
	interlaced                bool
	least                     int // bits of the smallest code
	data                      int // where the compressed data begin
}

// readGIFHead goes through a GIF to its first picture, as Pillow's GifImagePlugin does.
func readGIFHead(file []byte) (head stillHead, err error) {
	g, err := firstOfGIF(file)
	if err != nil {
		return head, err
	}
	more := &gifReader{file: file, at: g.data}
	more.skipBlocks()
	return stillHead{width: g.screenWidth, height: g.screenHeight, gif: g, animated: more.toNextImage()}, nil
}

// A gifReader walks through a GIF. What is asked for beyond the end is short or empty.
type gifReader struct {
	file        []byte
	at          int
	transparent int // the index that is, in the next picture; -1: none
}

func (r *gifReader) take(n int) []byte {
	b := r.file[r.at:min(r.at+n, len(r.file))]
	r.at += len(b)
	return b
}

// takeBlock takes a block behind its length; empty: it is the last, or nothing is left.
func (r *gifReader) takeBlock() []byte {
	if n := r.take(1); len(n) == 1 {
		return r.take(int(n[0]))
	}
	return nil
}

func (r *gifReader) skipBlocks() {
	for len(r.takeBlock()) > 0 {
	}
}

// toNextImage goes behind the comma that begins the next picture and tells whether there is one.
func (r *gifReader) toNextImage() bool {
	r.transparent = -1
	for {
		switch kind := r.take(1); {
		case len(kind) == 0 || kind[0] == ';':
			return false
		case kind[0] == ',':
			return true
		case kind[0] == '!' && !r.extension():
			return false
		}
	}
}

// extension reads what may stand before a picture; it is false for one that is cut off.
func (r *gifReader) extension() bool {
	kind := r.take(1)
	block := r.takeBlock()
	switch {
	case len(kind) == 0:
		return false
	case kind[0] == 0xF9 && len(block) > 0:
		if len(block) < 3 || block[0]&1 != 0 && len(block) < 4 {
			return false
		}
		if block[0]&1 != 0 {
			r.transparent = int(block[3])
		}
	case kind[0] == 0xFE:
		for len(block) > 0 {
			block = r.takeBlock()
		}
		return true
	case kind[0] == 0xFF && bytes.HasPrefix(block, []byte("NETSCAPE2.0")):
		r.takeBlock()
	}
	r.skipBlocks()
	return true
}

// firstOfGIF finds the first picture.
func firstOfGIF(file []byte) (*gifImage, error) {
	if len(file) < 13 {
		return nil, errCut
	}
	g := &gifImage{screenWidth: int(binary.LittleEndian.Uint16(file[6:])), screenHeight: int(binary.LittleEndian.Uint16(file[8:]))}
	r := &gifReader{file: file, at: 13}
	if err := r.colours(file[10], &g.colours); err != nil {
		return nil, err
	}
	if !r.toNextImage() {
		return nil, errors.New("it holds no picture")
	}
	place := r.take(9)
	if len(place) < 9 {
		return nil, errCut
	}
	g.place(place)
	if place[8]&0x80 != 0 { // a grey table of its own leaves the screen's, where there is one, as in Pillow
		if err := r.colours(place[8], &g.colours); err != nil {
			return nil, err
		}
	}
	least := r.take(1)
	if len(least) == 0 {
		return nil, errCut
	}
	g.least, g.data = int(least[0]), r.at
	g.fill = byte(max(r.transparent, 0))
	return g, nil
}

// place reads an image descriptor.
func (g *gifImage) place(b []byte) {
	g.left, g.top = int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
	g.width, g.height = int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	g.screenWidth, g.screenHeight = max(g.screenWidth, g.left+g.width), max(g.screenHeight, g.top+g.height)
	g.interlaced = b[8]&0x40 != 0
}

// colours takes the table that flags announce, if they do. One that counts from black to white says nothing: pixels are grey.
func (r *gifReader) colours(flags byte, table *[]byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	all := r.take(6 << (flags & 7))
	for i := range len(all) / 3 {
		if c := all[3*i:]; c[0] != byte(i) || c[1] != byte(i) || c[2] != byte(i) {
			*table = all
			return nil
		}
	}
	if len(all)%3 != 0 {
		return errCut
	}
	return nil
}

// gifPiece is how many bytes Pillow decodes at a time; it matters for data that end before their picture.
const gifPiece = 64 << 10

// decodeGIF reads the first picture of a GIF onto its screen.
func decodeGIF(ctx context.Context, file []byte, head stillHead) (Picture, error) {
	g := head.gif
	if g.width == 0 || g.height == 0 {
		return Picture{}, errors.New("its first picture has no pixels")
	}
	pix := bytes.Repeat([]byte{g.fill}, head.width*head.height)
	d, err := newGIFDecoder(g.least, g.interlaced, pix[g.top*head.width+g.left:], g.width, g.height, head.width)
	if err != nil {
		return Picture{}, err
	}
	if err := d.decode(ctx, bytes.NewReader(file[g.data:])); err != nil {
		return Picture{}, err
	}
	p := blank(head.width, head.height, 0)
	if g.colours == nil {
		p.fill(pix, head.width, 1, 0, 0, 0)
		return p, nil
	}
	p.paint(pix, head.width, g.colours)
	return p, nil
}

// decode reads until the picture is complete.
func (d *gifDecoder) decode(ctx context.Context, data io.Reader) error {
	var left []byte
	piece := make([]byte, gifPiece)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, _ := io.ReadFull(data, piece)
		if n == 0 {
			return errCut
		}
		left = append(left, piece[:n]...)
		used, whole, err := d.feed(left)
		if whole || err != nil {
			return err
		}
		left = left[used:]
	}
}
