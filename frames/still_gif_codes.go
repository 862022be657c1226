package frames

import "errors"

var (
	errGIFCodes = errors.New("its compressed data are damaged")
	errGIFBits  = errors.New("its codes are of an impossible size")
)

const (
	gifCodes    = 4096 // a table's entries
	gifCodeBits = 12
)

// A gifDecoder undoes a GIF's compression. It judges what is damaged, cut off or too long as Pillow's GifDecode.c does, of
// which it keeps the order of steps.
type gifDecoder struct {
	pix                   []byte // of the picture's first row on the screen
	width, height, stride int
	x, y, step, pass      int // pass: 0 is the last or only one

	bits, count int // read and not used yet
	block       int // bytes left of the block

	least, size, next int // bits of the smallest code and of the next one; the first free entry
	state             gifState
	code              int  // the last one
	first             byte // of the last string
	link              [gifCodes]uint16
	data              [gifCodes]byte
	text              [gifCodes]byte // strings are written from its end
}

type gifState int

const (
	gifCleared gifState = iota // the table is to be emptied
	gifFresh                   // it is, and no code came since
	gifRunning
)

func newGIFDecoder(least int, interlaced bool, pix []byte, width, height, stride int) (*gifDecoder, error) {
	if least > gifCodeBits {
		return nil, errGIFBits
	}
	d := &gifDecoder{pix: pix, width: width, height: height, stride: stride, least: least, step: 1}
	if interlaced {
		d.step, d.pass = 8, 1
	}
	return d, nil
}

// feed decodes from b, which begins where the one before left off. It tells how much of b it used and whether the picture is
// complete; if not, it wants more, as after the code that ends the data.
func (d *gifDecoder) feed(b []byte) (used int, whole bool, err error) {
	for {
		if d.state == gifCleared {
			d.next, d.size, d.state = 1<<d.least+2, d.least+1, gifFresh
		}
		code, n, ok := d.read(b[used:])
		used += n
		if !ok {
			return used, false, nil
		}
		switch code {
		case 1 << d.least:
			if d.state != gifFresh {
				d.state = gifCleared
			}
			continue
		case 1<<d.least + 1:
			return used, false, nil
		}
		from, err := d.expand(code)
		if err != nil {
			return used, false, err
		}
		if d.write(d.first) || d.write(d.text[from:]...) {
			return used, true, nil
		}
	}
}

// read takes the next code, and begins a block only when all of it is there.
func (d *gifDecoder) read(b []byte) (code, used int, ok bool) {
	for d.count < d.size {
		if d.block == 0 {
			if used >= len(b) || used+1+int(b[used]) > len(b) {
				return 0, used, false
			}
			d.block = int(b[used])
			used++
			continue
		}
		d.bits |= int(b[used]) << d.count
		d.count += 8
		d.block--
		used++
	}
	code = d.bits & (1<<d.size - 1)
	d.bits >>= d.size
	d.count -= d.size
	return code, used, true
}

// expand finds the string of a code, remembers the one that it makes with the last, and gives the place in text where all but
// the string's first byte begin.
func (d *gifDecoder) expand(code int) (from int, err error) {
	clear := 1 << d.least
	if d.state == gifFresh {
		if code > clear {
			return 0, errGIFCodes
		}
		d.first, d.code, d.state = byte(code), code, gifRunning
		return gifCodes, nil
	}
	if code > d.next {
		return 0, errGIFCodes
	}
	from = gifCodes
	at := code
	if code == d.next { // the last string and its own first byte
		from--
		d.text[from] = d.first
		at = d.code
	}
	for at >= clear {
		if from == 0 || at >= gifCodes {
			return 0, errGIFCodes
		}
		from--
		d.text[from] = d.data[at]
		at = int(d.link[at])
	}
	d.first = byte(at)
	if d.next < gifCodes {
		d.data[d.next], d.link[d.next] = d.first, uint16(d.code)
		if d.next == 1<<d.size-1 && d.size < gifCodeBits {
			d.size++
		}
		d.next++
	}
	d.code = code
	return from, nil
}

// write puts pixels into the picture and tells whether it is complete.
func (d *gifDecoder) write(pixels ...byte) (whole bool) {
	for len(pixels) > 0 {
		n := copy(d.pix[d.y*d.stride+d.x:][:d.width-d.x], pixels)
		pixels = pixels[n:]
		if d.x += n; d.x == d.width && d.newLine() {
			return true
		}
	}
	return false
}

// newLine goes to the next line, of an interlaced picture in its four passes, and tells whether there is none.
func (d *gifDecoder) newLine() (end bool) {
	d.x = 0
	d.y += d.step
	for d.y >= d.height {
		switch d.pass {
		case 1:
			d.y, d.pass = 4, 2
		case 2:
			d.y, d.step, d.pass = 2, 4, 3
		case 3:
			d.y, d.step, d.pass = 1, 2, 0
		default:
			return true
		}
	}
	return false
}
