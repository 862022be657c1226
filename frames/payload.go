package frames

import (
	"bytes"

	"github.com/asticode/go-astiav"
)

// A role is what a packet is for, as far as its own first bytes tell.
type role uint8

const (
	clean      role = 1 << iota // decoding may start here: no earlier picture is needed by any shown at or after it
	disposable                  // no other picture needs it
	hidden                      // it shows nothing of its own
)

// A classifier reads one stream's packets, in order.
type classifier struct {
	codec   astiav.CodecID
	prefix  int        // bytes of a NAL unit's length; 0: start codes
	numbers numbering  // H.264
	decoded decodedSet // HEVC
}

// A reading is what a packet's own bytes say of it.
type reading struct {
	roles   role
	layer   uint8 // temporal layer, HEVC
	lost    bool  // a picture that this one may refer to is missing before it
	emptied bool  // zeros are where none may be, H.264 and HEVC
}

func newClassifier(p *astiav.CodecParameters) *classifier {
	c := &classifier{codec: p.CodecID()}
	c.configure(p.ExtraData())
	return c
}

// configure reads what a container keeps beside the packets: how long the
// lengths of NAL units are, and parameter sets.
func (c *classifier) configure(extra []byte) {
	switch {
	case c.codec == astiav.CodecIDH264 && len(extra) > 6 && extra[0] == 1:
		c.prefix = int(extra[4]&3) + 1
		rest := c.sets(extra[6:], int(extra[5]&31))
		if len(rest) > 0 {
			c.sets(rest[1:], int(rest[0]))
		}
	case c.codec == astiav.CodecIDHevc && len(extra) > 22 && extra[0] == 1:
		c.prefix = int(extra[21]&3) + 1
		rest := extra[23:]
		for range extra[22] {
			if len(rest) < 3 {
				return
			}
			rest = c.sets(rest[3:], int(rest[1])<<8|int(rest[2]))
		}
	case c.codec == astiav.CodecIDH264, c.codec == astiav.CodecIDHevc:
		for nal := range startCodeUnits(extra) {
			c.parameters(nal)
		}
	}
}

// sets reads n parameter sets, each after its length in two bytes, and returns
// what follows them.
func (c *classifier) sets(data []byte, n int) []byte {
	for range n {
		if len(data) < 2 {
			return nil
		}
		size := min(int(data[0])<<8|int(data[1]), len(data)-2)
		c.parameters(data[2 : 2+size])
		data = data[2+size:]
	}
	return data
}

// parameters takes note of a NAL unit that is no slice.
func (c *classifier) parameters(nal []byte) {
	switch {
	case c.codec == astiav.CodecIDH264 && len(nal) > 1 && nal[0]&31 > 5:
		c.numbers.unit(nal)
	case c.codec == astiav.CodecIDHevc && len(nal) > 2 && nal[0]>>1&63 > 31:
		c.decoded.unit(nal)
	}
}

// of reads a packet. key is what the container says, which is believed only for
// codecs without NAL units: files mark recovery points of periodic intra refresh
// as keys, from where a decoder shows wrong pictures for a while.
func (c *classifier) of(data []byte, key bool) reading {
	switch c.codec {
	case astiav.CodecIDH264:
		return c.h264(data)
	case astiav.CodecIDHevc:
		return c.hevc(data)
	}
	var r role
	if key {
		r |= clean
	}
	switch {
	case c.codec == astiav.CodecIDVp8 && len(data) > 0 && data[0]&0x10 == 0,
		c.codec == astiav.CodecIDVp9 && !showsVP9(data):
		r |= hidden
	}
	return reading{roles: r}
}

// h264 finds an IDR picture, or a recovery point that is exact at once (open
// groups of pictures; ITU-T H.264, D.2.8), and pictures that no other refers to.
func (c *classifier) h264(data []byte) (r reading) {
	coded, referred := false, false
	for nal := range c.units(data) {
		r.emptied = r.emptied || c.emptied(nal)
		switch kind := nal[0] & 31; {
		case kind >= 1 && kind <= 5:
			if kind == 5 {
				r.roles |= clean
			}
			if !coded {
				r.lost = c.numbers.unit(nal)
			}
			coded, referred = true, referred || kind == 5 || nal[0]&0x60 != 0
		case kind == 6 && exactRecovery(nal[1:]):
			r.roles |= clean
		default:
			c.parameters(nal)
		}
	}
	if coded && !referred {
		r.roles |= disposable
	}
	return r
}

// emptied tells whether part of a NAL unit was overwritten with zeros, as a disk or
// a download leaves what it never wrote. A unit has no three of them on end, nor a
// last one (ITU-T H.264 and H.265, 7.4.1); but some are joined or padded badly, and
// any number may lie before a start code. HEVC's decoder makes pictures of zeros
// and says nothing.
func (c *classifier) emptied(nal []byte) bool {
	const joined, padding = 8, 32
	end := len(nal)
	for end > 0 && nal[end-1] == 0 {
		end--
	}
	return c.prefix > 0 && len(nal)-end > padding || bytes.Contains(nal[:end], make([]byte, joined))
}

// exactRecovery finds a recovery point message with recovery_frame_cnt 0 in an
// SEI unit. ue(v) 0 is a single 1 bit.
func exactRecovery(sei []byte) bool {
	for len(sei) > 2 {
		kind, size := 0, 0
		for len(sei) > 0 && sei[0] == 0xff {
			kind, sei = kind+255, sei[1:]
		}
		if len(sei) < 2 {
			return false
		}
		kind, sei = kind+int(sei[0]), sei[1:]
		for len(sei) > 0 && sei[0] == 0xff {
			size, sei = size+255, sei[1:]
		}
		if len(sei) < 1 {
			return false
		}
		size, sei = size+int(sei[0]), sei[1:]
		if kind == 6 {
			return size > 0 && len(sei) > 0 && sei[0]&0x80 != 0
		}
		if size > len(sei) {
			return false
		}
		sei = sei[size:]
	}
	return false
}

// hevc finds intra random access points (types 16 to 21) and sub-layer
// non-reference pictures (even types up to 14); ITU-T H.265, table 7-1. What is
// not of the base layer (a second eye's view) is passed over.
func (c *classifier) hevc(data []byte) (r reading) {
	coded, referred := false, false
	for nal := range c.units(data) {
		kind := nal[0] >> 1 & 63
		r.emptied = r.emptied || c.emptied(nal)
		if len(nal) < 3 || nal[0]&1 != 0 || nal[1]>>3 != 0 {
			continue
		}
		if kind > 31 {
			c.parameters(nal)
			continue
		}
		if !coded {
			r.lost = c.decoded.unit(nal)
		}
		coded, r.layer = true, nal[1]&7-1
		if kind >= 16 && kind <= 21 {
			r.roles |= clean
		}
		if kind > 14 || kind%2 == 1 {
			referred = true
		}
	}
	if coded && !referred {
		r.roles |= disposable
	}
	return r
}

// units yields the NAL units of a packet, none of them empty.
func (c *classifier) units(data []byte) func(func([]byte) bool) {
	if c.prefix == 0 {
		return startCodeUnits(data)
	}
	return func(yield func([]byte) bool) {
		for len(data) > c.prefix {
			n := 0
			for _, b := range data[:c.prefix] {
				n = n<<8 | int(b)
			}
			data = data[c.prefix:]
			n = min(n, len(data))
			if n > 0 && !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func startCodeUnits(data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		begin := -1
		for i := 0; i+2 < len(data); i++ {
			if data[i+2] > 1 {
				i += 2
				continue
			}
			if data[i] != 0 || data[i+1] != 0 || data[i+2] != 1 {
				continue
			}
			if begin >= 0 && i > begin && !yield(data[begin:i]) {
				return
			}
			begin, i = i+3, i+2
		}
		if begin >= 0 && begin < len(data) {
			yield(data[begin:])
		}
	}
}

// showsVP9 tells whether a packet shows a picture: a superframe always does; a
// single frame says so in its header (VP9 specification, section 6.2).
func showsVP9(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	if data[len(data)-1]&0xe0 == 0xc0 {
		return true
	}
	bits := data[0] << 2 // after the frame marker
	profile := bits>>7 | bits>>5&2
	bits <<= 2
	if profile == 3 {
		bits <<= 1
	}
	showExisting, shown := bits&0x80 != 0, bits&0x20 != 0
	return showExisting || shown
}
