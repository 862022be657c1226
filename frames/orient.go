package frames

// upright turns p as an EXIF orientation of 1 to 8 says; any other leaves it.
func (p Picture) upright(orientation int) Picture {
	w, h := p.Width, p.Height
	// Where the upright picture's first pixel lies in p, and the steps from it along
	// a row and down a column, counted in pixels.
	turns := [...]struct{ first, right, down int }{
		2: {w - 1, -1, w},
		3: {w*h - 1, -1, -w},
		4: {(h - 1) * w, 1, -w},
		5: {0, w, 1},
		6: {(h - 1) * w, -w, 1},
		7: {w*h - 1, -w, -1},
		8: {w - 1, w, -1},
	}
	if orientation < 2 || orientation > 8 {
		return p
	}
	if orientation >= 5 {
		w, h = h, w
	}
	out, turn := blank(w, h, p.PTS), turns[orientation]
	for y := range h {
		for x := range w {
			from := turn.first + x*turn.right + y*turn.down
			copy(out.Pix[3*(y*w+x):][:3], p.Pix[3*from:])
		}
	}
	return out
}

// turnedBy gives the degrees clockwise that upright turns by; 2, 4, 5 and 7 mirror
// as well.
func turnedBy(orientation int) int {
	switch orientation {
	case 3, 4:
		return 180
	case 5, 6:
		return 90
	case 7, 8:
		return 270
	}
	return 0
}
