package frames

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

// paint sets p from indexes into a palette of RGB; one beyond its end is black.
func (p Picture) paint(pix []byte, stride int, palette []byte) {
	var colours [256][3]byte
	for i := range len(palette) / 3 {
		colours[i] = [3]byte(palette[3*i:])
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
