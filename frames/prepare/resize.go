package prepare

import "fmt"

// A Filter is one of the two kernels that the image processors of GIT
// checkpoints name, as Pillow defines them. Both widen with the scale when they
// make a picture smaller, so every source pixel counts.
type Filter int

const (
	Bilinear Filter = iota // a triangle of radius 1; "resample": 2
	Bicubic                // Keys' cubic with a = -1/2, radius 2; "resample": 3
)

// String gives f's name as Pillow spells it, in lower case.
func (f Filter) String() string {
	switch f {
	case Bilinear:
		return "bilinear"
	case Bicubic:
		return "bicubic"
	}
	return fmt.Sprintf("Filter(%d)", int(f))
}

// Resize returns p scaled to width x height pixels, byte for byte as Pillow's
// Image.resize((width, height), resample=f) does on an RGB picture: weights in
// fixed point of 22 bits, rounded away from zero; along rows first, rounded and
// clipped to a byte, then along columns. Pillow 13 goes the other way round where
// the height shrinks by more than twice as many pixels as the width, and so does
// Resize; older ones (12.1 and before) do not, and differ there, mostly by one
// level. A picture that has that size already is copied. The result never shares
// memory with p.
//
// Resize panics if a size is not positive or p holds no pixels: sizes are
// checked where they come from.
func Resize(p Image, width, height int, f Filter) Image {
	return resizeRegion(p, width, height, region{0, 0, width, height}, f)
}

// A region is a rectangle of a picture, half open: columns x0 to x1, rows y0 to y1.
type region struct{ x0, y0, x1, y1 int }

// resizeRegion returns the part r of Resize(p, width, height, f) without
// computing the rest: a centre crop to a square saves nearly half of the work on
// a 16:9 picture, and a picture one pixel wide cannot ask for a huge one.
func resizeRegion(p Image, width, height int, r region, f Filter) Image {
	if p.Width <= 0 || p.Height <= 0 || len(p.Pix) != 3*p.Width*p.Height {
		panic(fmt.Sprintf("prepare: resize: a picture of %dx%d has %d bytes", p.Width, p.Height, len(p.Pix)))
	}
	if r.x0 < 0 || r.y0 < 0 || r.x1 > width || r.y1 > height || r.x0 >= r.x1 || r.y0 >= r.y1 {
		panic(fmt.Sprintf("prepare: resize to %dx%d: no region %+v", width, height, r))
	}
	columns := newKernel(p.Width, width, r.x0, r.x1, f)
	rows := newKernel(p.Height, height, r.y0, r.y1, f)
	if alongColumnsFirst(p, width, height) {
		left, right := columns.span()
		return resizeRows(resizeColumns(p, rows, left, right), columns.from(left), 0, r.y1-r.y0)
	}
	top, bottom := rows.span()
	return resizeColumns(resizeRows(p, columns, top, bottom), rows.from(top), 0, r.x1-r.x0)
}

// alongColumnsFirst is Pillow's rule for the order of the two passes, which shows
// in the last bit because the first pass is rounded.
func alongColumnsFirst(p Image, width, height int) bool {
	shorter := p.Height - height
	return shorter > 0 && shorter > 2*(p.Width-width)
}
