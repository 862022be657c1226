package prepare_test

import "videoqa/frames/prepare"

// testPicture makes the picture of that pattern and size that
// testdata/pillow/pictures.py makes too, byte for byte.
func testPicture(pattern string, width, height int) prepare.Image {
	p := prepare.Image{Width: width, Height: height, Pix: make([]byte, 0, 3*width*height)}
	for y := range uint32(height) {
		for x := range uint32(width) {
			for c := range uint32(3) {
				p.Pix = append(p.Pix, sample(pattern, x, y, c, uint32(width)))
			}
		}
	}
	return p
}

func sample(pattern string, x, y, c, width uint32) byte {
	switch pattern {
	case "noise": // a hash of each sample's place
		v := ((y*width+x)*3 + c + 1) * 2654435761
		v ^= v >> 15
		v *= 2246822519
		v ^= v >> 13
		return byte(v >> 24)
	case "rings": // ever finer towards the bottom right, with a gradient in the blue
		if c == 2 {
			return byte(x + y)
		}
		return byte((x*x+y*y)>>4 + c*85)
	case "board": // black and white squares of 3 pixels: every edge overshoots
		return byte((x/3 + y/3 + c/2) % 2 * 255)
	}
	panic("no pattern " + pattern)
}
