package frames

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
)

// decodeGIF reads the first picture of a GIF onto its screen, whose rest has the
// transparent colour, or else the first: what Pillow shows.
func decodeGIF(r *boundReader, file []byte) (Picture, error) {
	m, err := gif.Decode(r)
	if err != nil {
		return Picture{}, err
	}
	screen, err := gif.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return Picture{}, err
	}
	first, ok := m.(*image.Paletted)
	if !ok {
		return rgbOf(m)
	}
	palette, fill := gifColours(file)
	whole := image.NewPaletted(image.Rect(0, 0, screen.Width, screen.Height), palette)
	for i := range whole.Pix {
		whole.Pix[i] = fill
	}
	for y := first.Rect.Min.Y; y < first.Rect.Max.Y; y++ {
		copy(whole.Pix[whole.PixOffset(first.Rect.Min.X, y):], first.Pix[first.PixOffset(first.Rect.Min.X, y):][:first.Rect.Dx()])
	}
	return rgbOf(whole)
}

// gifColours walks a file that image/gif has read to its first picture and gives
// the colours of that, and the index of the transparent one or 0. image/gif
// itself forgets the transparent one's colour, which Pillow shows.
func gifColours(file []byte) (color.Palette, byte) {
	palette, at := gifTable(file, 10, 13)
	var transparent byte
	for at+1 < len(file) && file[at] != 0x2C { // an image descriptor
		if file[at] != 0x21 { // an extension
			return palette, transparent
		}
		if control := file[at:]; control[1] == 0xF9 && len(control) > 6 && control[3]&1 != 0 {
			transparent = control[6]
		}
		for at += 2; at < len(file) && file[at] != 0; at += 1 + int(file[at]) {
		}
		at++
	}
	if local, _ := gifTable(file, at+9, at+10); local != nil {
		palette = local
	}
	return palette, transparent
}

// gifTable reads the colour table at the given place, if the flags announce one,
// and gives the place behind it.
func gifTable(file []byte, flags, at int) (color.Palette, int) {
	if flags >= len(file) || file[flags]&0x80 == 0 {
		return nil, at
	}
	n := 2 << (file[flags] & 7)
	if at+3*n > len(file) {
		return nil, at
	}
	palette := make(color.Palette, n)
	for i := range palette {
		c := file[at+3*i:]
		palette[i] = color.NRGBA{c[0], c[1], c[2], 255}
	}
	return palette, at + 3*n
}
