package frames

import (
	"image"
	"image/jpeg"
)

// decodeJPEG reads a JPEG in grey, YCbCr, RGB, CMYK or YCCK.
func decodeJPEG(r *boundReader, _ []byte) (Picture, error) {
	m, err := jpeg.Decode(r)
	if err != nil {
		return Picture{}, err
	}
	if m, ok := m.(*image.YCbCr); ok {
		return jpegColours(m), nil
	}
	return rgbOf(m)
}

// jpegColours converts with the arithmetic of libjpeg, which Pillow reads JPEG
// with: chroma is interpolated between its samples ("fancy upsampling"), then
// colours are computed with 16 bits of fraction.
func jpegColours(m *image.YCbCr) Picture {
	p := blank(m.Rect.Dx(), m.Rect.Dy(), 0)
	blue, red := make([]byte, p.Width), make([]byte, p.Width)
	up := newUpsampler(m)
	for y := range p.Height {
		up.row(blue, m.Cb, y)
		up.row(red, m.Cr, y)
		for x := range p.Width {
			to := p.Pix[3*(y*p.Width+x):]
			light := int32(m.Y[y*m.YStride+x])
			cb, cr := int32(blue[x])-128, int32(red[x])-128
			to[0] = clip(light + (91881*cr+1<<15)>>16)
			to[1] = clip(light + (-22554*cb-46802*cr+1<<15)>>16)
			to[2] = clip(light + (116130*cb+1<<15)>>16)
		}
	}
	return p
}

// An upsampler widens chroma planes to the picture's size as libjpeg-turbo does
// (jdsample.c).
type upsampler struct {
	width, height int // of a chroma plane
	stride        int
	across, down  int  // pixels a sample
	between       bool // interpolated; else samples are repeated
	sums          []int32
}

func newUpsampler(m *image.YCbCr) upsampler {
	u := upsampler{stride: m.CStride, across: 1, down: 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		u.across = 2
	case image.YCbCrSubsampleRatio420:
		u.across, u.down = 2, 2
	case image.YCbCrSubsampleRatio440:
		u.down = 2
	case image.YCbCrSubsampleRatio411:
		u.across = 4
	case image.YCbCrSubsampleRatio410:
		u.across, u.down = 4, 2
	}
	u.width = (m.Rect.Dx() + u.across - 1) / u.across
	u.height = (m.Rect.Dy() + u.down - 1) / u.down
	u.between = u.across == 2 && u.width > 2 || u.across == 1 && u.down == 2
	u.sums = make([]int32, u.width)
	return u
}

// row gives the plane's samples for the picture's row y, one a pixel.
func (u upsampler) row(to, plane []byte, y int) {
	near := plane[y/u.down*u.stride:][:u.width]
	if !u.between {
		for x := range to {
			to[x] = near[x/u.across]
		}
		return
	}
	if u.down == 1 {
		for x, v := range near {
			u.sums[x] = int32(v)
		}
		u.widen(to, 1, 2, 2)
		return
	}
	other := min(max(y/2+2*(y%2)-1, 0), u.height-1) // the row above, or below for the lower half
	for x, v := range plane[other*u.stride:][:u.width] {
		u.sums[x] = 3*int32(near[x]) + int32(v)
	}
	if u.across == 2 {
		u.widen(to, 8, 7, 4)
		return
	}
	for x, sum := range u.sums {
		to[x] = byte((sum + 1 + int32(y%2)) >> 2)
	}
}

// widen doubles a row of sums: a pixel is three parts the nearer one and one part
// the next, which at an edge is the nearer one again; left and right round the
// left and the right pixel of a sample.
func (u upsampler) widen(to []byte, left, right int32, shift int) {
	last := len(u.sums) - 1
	for x := range to {
		i := x / 2
		if x%2 == 0 {
			to[x] = byte((3*u.sums[i] + u.sums[max(i-1, 0)] + left) >> shift)
		} else {
			to[x] = byte((3*u.sums[i] + u.sums[min(i+1, last)] + right) >> shift)
		}
	}
}
