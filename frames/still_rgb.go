package frames

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// decodePNG reads a PNG; of an animated one, the picture that other readers show.
func decodePNG(r *boundReader, _ []byte) (Picture, error) {
	m, err := png.Decode(r)
	if err != nil {
		return Picture{}, err
	}
	return rgbOf(m)
}

// rgbOf takes the colours out of a decoded picture and leaves its alpha. The
// types are those that image/png and image/jpeg give; RGBA and RGBA64 are theirs
// for pictures without transparency.
func rgbOf(m image.Image) (Picture, error) {
	b := m.Bounds()
	p := blank(b.Dx(), b.Dy(), 0)
	switch m := m.(type) {
	case *image.Gray:
		p.fill(m.Pix, m.Stride, 1, 0, 0, 0)
	case *image.Gray16:
		p.fill(m.Pix, m.Stride, 2, 0, 0, 0)
	case *image.RGBA:
		p.fill(m.Pix, m.Stride, 4, 0, 1, 2)
	case *image.NRGBA:
		p.fill(m.Pix, m.Stride, 4, 0, 1, 2)
	case *image.RGBA64:
		p.fill(m.Pix, m.Stride, 8, 0, 2, 4)
	case *image.NRGBA64:
		p.fill(m.Pix, m.Stride, 8, 0, 2, 4)
	case *image.Paletted:
		p.paint(m.Pix, m.Stride, m.Palette)
	case *image.CMYK:
		p.mix(m.Pix, m.Stride)
	default:
		return Picture{}, fmt.Errorf("pixels of type %T", m)
	}
	return p, nil
}

// fill sets p from rows of pixels of the given width in bytes, whose colours lie
// at r, g and b within.
func (p Picture) fill(pix []byte, stride, width, r, g, b int) {
	for y := range p.Height {
		row := pix[y*stride:]
		for x := range p.Width {
			to, from := p.Pix[3*(y*p.Width+x):], row[x*width:]
			to[0], to[1], to[2] = from[r], from[g], from[b]
		}
	}
}

// paint sets p from indexes into a palette; one beyond its end is black.
func (p Picture) paint(pix []byte, stride int, palette color.Palette) {
	var colours [256][3]byte
	for i, c := range palette {
		c := color.NRGBAModel.Convert(c).(color.NRGBA)
		colours[i] = [3]byte{c.R, c.G, c.B}
	}
	for y := range p.Height {
		for x, index := range pix[y*stride:][:p.Width] {
			copy(p.Pix[3*(y*p.Width+x):], colours[index][:])
		}
	}
}

// mix sets p from cyan, magenta, yellow and black as Pillow does, which knows no
// ink: each colour is what the black leaves of it.
func (p Picture) mix(pix []byte, stride int) {
	for y := range p.Height {
		for x := range p.Width {
			to, from := p.Pix[3*(y*p.Width+x):], pix[y*stride+4*x:]
			light := 255 - int(from[3])
			for c := range 3 {
				ink := int(from[c])*light + 128
				to[c] = byte(max(light-(ink>>8+ink)>>8, 0))
			}
		}
	}
}
