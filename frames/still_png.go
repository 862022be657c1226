package frames

/*
#cgo LDFLAGS: -lz
#include "png.h"
*/
import "C"

import (
	"context"
	"errors"
)

// A pngForm is how a PNG keeps its pixels.
type pngForm struct {
	depth, colour int // bits of a sample, and PNG's colour type
	interlaced    bool
	colours       []byte // of a palette
	box           pngBox // what the data cover: all, or of an animation's first picture a part
	data          []byte // compressed
}

type pngBox struct{ left, top, width, height int }

// samples is how many a pixel of a colour type has.
func (f *pngForm) samples() int {
	switch f.colour {
	case 2:
		return 3
	case 4:
		return 2
	case 6:
		return 4
	}
	return 1
}

// A pngPass is the pixels of an interlaced picture that come together, or all pixels of another.
type pngPass struct{ left, top, across, down int }

func (f *pngForm) passes() []pngPass {
	if !f.interlaced {
		return []pngPass{{0, 0, 1, 1}}
	}
	return []pngPass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
}

// size is how many pixels of a picture a pass has across and down; no rows if it has no columns.
func (p pngPass) size(width, height int) (columns, rows int) {
	columns, rows = (width-p.left+p.across-1)/p.across, (height-p.top+p.down-1)/p.down
	if columns <= 0 || rows <= 0 {
		return 0, 0
	}
	return columns, rows
}

// decodePNG reads a PNG; of an animated one the picture that is shown first.
func decodePNG(ctx context.Context, _ []byte, head stillHead) (Picture, error) {
	f := head.png
	box := f.box
	if box.width <= 0 || box.height <= 0 {
		return Picture{}, errors.New("its first picture has no pixels")
	}
	bits := f.depth * f.samples()
	var passes []C.videoqa_pass
	total := 0
	for _, pass := range f.passes() {
		columns, rows := pass.size(box.width, box.height)
		bytes := (columns*bits + 7) / 8
		passes = append(passes, C.videoqa_pass{rows: C.int32_t(rows), bytes: C.int32_t(bytes)})
		total += rows * bytes
	}
	if len(f.data) == 0 {
		return Picture{}, errCut
	}
	rows := make([]byte, 1+total)
	switch C.videoqa_png((*C.uint8_t)(&f.data[0]), C.size_t(len(f.data)), &passes[0], C.int(len(passes)), C.int((bits+7)/8), (*C.uint8_t)(&rows[1])) {
	case C.VIDEOQA_PNG_WHOLE:
		return f.picture(head, rows[1:]), ctx.Err()
	case C.VIDEOQA_PNG_CUT:
		return Picture{}, errCut
	case C.VIDEOQA_PNG_FILTER:
		return Picture{}, errors.New("a row has a filter that there is not")
	}
	return Picture{}, errors.New("its compressed data are damaged")
}

// picture puts the pixels of all passes in their places.
func (f *pngForm) picture(head stillHead, rows []byte) Picture {
	p := blank(head.width, head.height, 0)
	paint := f.painter()
	if f.box != (pngBox{0, 0, head.width, head.height}) {
		zero := make([]byte, 8)
		for i := 0; i < len(p.Pix); i += 3 {
			paint(p.Pix[i:], zero, 0)
		}
	}
	bits := f.depth * f.samples()
	for _, pass := range f.passes() {
		columns, lines := pass.size(f.box.width, f.box.height)
		for y := range lines {
			row := rows[:(columns*bits+7)/8]
			rows = rows[len(row):]
			to := ((f.box.top+pass.top+y*pass.down)*head.width + f.box.left + pass.left) * 3
			for x := range columns {
				paint(p.Pix[to+3*x*pass.across:], row, x)
			}
		}
	}
	return p
}

// painter gives what sets one pixel from the x-th of a row: RGB without alpha, and of 16 bits the upper 8.
func (f *pngForm) painter() func(to, row []byte, x int) {
	step := f.depth / 8 // bytes of a sample
	switch {
	case f.colour == 2 || f.colour == 6:
		width := step * f.samples()
		return func(to, row []byte, x int) {
			from := row[x*width:]
			to[0], to[1], to[2] = from[0], from[step], from[2*step]
		}
	case f.depth >= 8 && f.colour != 3:
		width := step * f.samples()
		return func(to, row []byte, x int) {
			v := row[x*width]
			to[0], to[1], to[2] = v, v, v
		}
	}
	var palette [256][3]byte
	if f.colour == 3 {
		for i := range len(f.colours) / 3 {
			palette[i] = [3]byte(f.colours[3*i:])
		}
	} else {
		for i := range 1 << f.depth {
			v := byte(i * 255 / (1<<f.depth - 1))
			palette[i] = [3]byte{v, v, v}
		}
	}
	each, mask := 8/f.depth, byte(1<<f.depth-1)
	return func(to, row []byte, x int) {
		index := row[x/each] >> (8 - f.depth*(x%each+1)) & mask
		copy(to, palette[index][:])
	}
}
