package bitstream

import "bytes"

// A Codec is how a video is encoded, as far as this package tells codecs apart.
type Codec uint8

const (
	OtherCodec Codec = iota // not read here: packets are what the container says
	H264
	HEVC
	VP8
	VP9
	MPEG1
	MPEG2
)

// Roles is a set of what a packet is for, as far as its own first bytes tell.
type Roles uint8

const (
	Clean      Roles = 1 << iota // decoding may start here: no earlier picture is needed by any shown at or after it
	Disposable                   // no other picture needs it
	Hidden                       // it shows nothing of its own
)

// A Classifier reads the packets of one stream in decoding order. It keeps the parameter sets and picture numbers that
// it met, so a stream that is read from another place needs a new one.
type Classifier struct {
	codec      Codec
	prefix     int               // bytes of a NAL unit's length; 0: start codes
	numbers    frameNumbers      // H.264
	references referencePictures // HEVC
}

// A Packet is what a packet's own bytes say of it.
type Packet struct {
	Roles   Roles
	Layer   uint8 // temporal layer, of HEVC only
	Lost    bool  // a picture that this one may refer to is missing before it, of H.264 and HEVC
	Emptied bool  // zeros are where none may be, of H.264 and HEVC
}

// NewClassifier reads packets of a codec. extra is the configuration that the container keeps beside them (avcC, hvcC,
// or parameter sets with start codes); it is borrowed until NewClassifier returns, and may be nil.
func NewClassifier(codec Codec, extra []byte) *Classifier {
	c := &Classifier{codec: codec}
	c.Configure(extra)
	return c
}

// Configure reads a configuration that replaces the one before: how many bytes the lengths of NAL units take, and
// parameter sets. What it cannot read it passes over. extra is borrowed until it returns.
func (c *Classifier) Configure(extra []byte) {
	switch {
	case c.codec == H264 && len(extra) > 6 && extra[0] == 1:
		c.prefix = int(extra[4]&3) + 1
		rest := c.sets(extra[6:], int(extra[5]&31))
		if len(rest) > 0 {
			c.sets(rest[1:], int(rest[0]))
		}
	case c.codec == HEVC && len(extra) > 22 && extra[0] == 1:
		c.prefix = int(extra[21]&3) + 1
		rest := extra[23:]
		for range extra[22] {
			if len(rest) < 3 {
				return
			}
			rest = c.sets(rest[3:], int(rest[1])<<8|int(rest[2]))
		}
	case c.codec == H264, c.codec == HEVC:
		for nal := range startCodeUnits(extra) {
			c.parameters(nal)
		}
	}
}

// sets reads n parameter sets, each after its length in two bytes, and returns
// what follows them.
func (c *Classifier) sets(data []byte, n int) []byte {
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
func (c *Classifier) parameters(nal []byte) {
	switch {
	case c.codec == H264 && len(nal) > 1 && nal[0]&31 > 5:
		c.numbers.unit(nal)
	case c.codec == HEVC && len(nal) > 2 && nal[0]>>1&63 > 31:
		c.references.unit(nal)
	}
}

// Classify reads the next packet, whose data it borrows until it returns. key is
// whether the container calls the packet a key. That counts only for codecs
// without NAL units: files mark recovery points of periodic intra refresh as keys,
// and a decoder that starts there shows wrong pictures for a while. Damaged data is
// no error: what cannot be read has no roles.
func (c *Classifier) Classify(data []byte, key bool) Packet {
	switch c.codec {
	case H264:
		return c.h264(data)
	case HEVC:
		return c.hevc(data)
	}
	var r Roles
	if key {
		r |= Clean
	}
	switch {
	case c.codec == VP8 && len(data) > 0 && data[0]&0x10 == 0,
		c.codec == VP9 && !showsVP9(data):
		r |= Hidden
	}
	return Packet{Roles: r}
}

// h264 finds an IDR picture, or a recovery point that is exact at once (open
// groups of pictures; ITU-T H.264, D.2.8), and pictures that no other refers to.
func (c *Classifier) h264(data []byte) (r Packet) {
	coded, referred := false, false
	for nal := range c.units(data) {
		r.Emptied = r.Emptied || c.emptied(nal)
		switch kind := nal[0] & 31; {
		case kind >= 1 && kind <= 5:
			if kind == 5 {
				r.Roles |= Clean
			}
			if !coded {
				r.Lost = c.numbers.unit(nal)
			}
			coded, referred = true, referred || kind == 5 || nal[0]&0x60 != 0
		case kind == 6 && exactRecovery(nal[1:]):
			r.Roles |= Clean
		default:
			c.parameters(nal)
		}
	}
	if coded && !referred {
		r.Roles |= Disposable
	}
	return r
}

// emptied reports whether part of a NAL unit was overwritten with zeros, as a disk or
// a download leaves what it never wrote. A unit has no three of them on end, nor a
// last one (ITU-T H.264 and H.265, 7.4.1); but some are joined or padded badly, and
// any number may lie before a start code. HEVC's decoder makes pictures of zeros
// and says nothing.
func (c *Classifier) emptied(nal []byte) bool {
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
func (c *Classifier) hevc(data []byte) (r Packet) {
	coded, referred := false, false
	for nal := range c.units(data) {
		kind := nal[0] >> 1 & 63
		r.Emptied = r.Emptied || c.emptied(nal)
		if len(nal) < 3 || nal[0]&1 != 0 || nal[1]>>3 != 0 {
			continue
		}
		if kind > 31 {
			c.parameters(nal)
			continue
		}
		if !coded {
			r.Lost = c.references.unit(nal)
		}
		coded, r.Layer = true, nal[1]&7-1
		if kind >= 16 && kind <= 21 {
			r.Roles |= Clean
		}
		if kind > 14 || kind%2 == 1 {
			referred = true
		}
	}
	if coded && !referred {
		r.Roles |= Disposable
	}
	return r
}

// showsVP9 reports whether a packet shows a picture: a superframe always does; a
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
