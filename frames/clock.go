package frames

import (
	"math"

	"github.com/asticode/go-astiav"
)

// A clock lets the time of a stream go on where the file's own restarts or jumps:
// recordings that were joined, a camera that was started again. It does what the
// ffmpeg program does (7.1, fftools/ffmpeg_demux.c, ts_discontinuity_detect), to
// the same formats and to FLV: where the decoding time steps back by more than a
// tenth of a second, or lies more than ten seconds from where the packet before
// ends, the packet follows that one at once, and so do all later ones. A gap in
// which nothing was recorded looks the same as a jump and is closed as well.
//
// Matroska files and the fragments of MP4 have one time for the whole file, and the
// ffmpeg program leaves it alone; but such files are joined as well. There only a
// step back to what was there before counts. A leap ahead may be a pause, or damage
// from which the time comes back.
//
// The 33 bits of MPEG's clock run over every 26.5 hours. FFmpeg makes up for that once, and
// only if the first picture has a time of a minute or more; where it does not, the packet
// and all later ones are moved by as much, and that is no jump.
//
// It has to see every packet from the first on, in the order of the file.
type clock struct {
	base   astiav.Rational // of the stream's ticks
	usual  int64           // how long a packet lasts that does not say, in microseconds
	offset int64           // added to all times, in microseconds
	last   int64           // decoding time of the packet before, or where it should be
	next   int64           // where that packet ends
	shown  int64           // where the picture shown last ends
	begun  bool
	jumps  int

	turn  int64 // ticks after which the file's times begin anew; 0: never
	raw   int64 // decoding time of the packet before, as the file has it
	turns int   // how often they have

	one  bool  // the file should have one time
	calm int64 // where that was before it last leapt ahead
}

const (
	mostAhead = 10e6 // microseconds; ffmpeg's dts_delta_threshold
	mostBack  = 1e5

	mostReordered = 17 // pictures: H.264 and HEVC hold back 16 at most
)

// microseconds is FFmpeg's AV_TIME_BASE_Q.
func microseconds() astiav.Rational { return astiav.NewRational(1, 1e6) }

// clockFor returns the clock of a stream; nil where its times always ascend.
func clockFor(in *input, s *astiav.Stream) *clock {
	c := &clock{base: s.TimeBase(), shown: noTime, calm: math.MaxInt64}
	switch in.format {
	case "mpegts", "mpeg":
		c.turn = 1 << 33
	case "flv":
	case "matroska":
		c.one = true
	case "mov":
		if c.one = true; !in.source.file().IsFragmented() {
			return nil
		}
	default:
		return nil
	}
	if rate := s.AvgFrameRate(); rate.Num() > 0 && rate.Den() > 0 {
		c.usual = 1e6 * int64(rate.Den()) / int64(rate.Num())
	}
	return c
}

// set gives a packet the time at which it follows those before.
func (c *clock) set(p *astiav.Packet) {
	length := c.usual
	if d := p.Duration(); d > 0 {
		length = c.micro(d)
	}
	raw := p.Dts()
	c.shift(p, c.offset)
	if raw != noTime {
		at := c.micro(p.Dts())
		if c.runsOver(raw) {
			c.turns++
		}
		at, c.raw = c.turned(p, at), raw
		if c.begun && c.hasJumped(at) {
			at = c.join(p, c.next-at, length)
		}
		c.next, c.begun = at, true
	}
	c.last = c.next
	c.next += length
	if p.Pts() != noTime {
		c.shown = max(c.shown, c.micro(p.Pts())+length)
	}
}

// runsOver reports whether the clock has run over between the packet before and one of a time
// in the file's ticks, and FFmpeg has made up for it.
func (c *clock) runsOver(raw int64) bool {
	return c.begun && c.turn > 0 && raw>>33 != c.raw>>33
}

// turned moves a packet, and all that follow, by what the clock counts to, if that is why
// its decoding time does not follow. It returns the time.
func (c *clock) turned(p *astiav.Packet, at int64) int64 {
	if !c.begun || c.turn == 0 || !c.hasJumped(at) {
		return at
	}
	for _, by := range []int64{c.micro(c.turn), -c.micro(c.turn)} {
		if !c.hasJumped(at + by) {
			c.offset += by
			c.shift(p, by)
			c.turns++
			return c.micro(p.Dts())
		}
	}
	return at
}

// hasJumped reports whether a packet that would be decoded at a time does not follow
// the one before.
func (c *clock) hasJumped(at int64) bool {
	ahead, back := at-c.next > mostAhead, at-c.next < -mostAhead || at+mostBack < c.last
	if !c.one {
		return ahead || back
	}
	returned := at > c.calm
	if ahead {
		c.calm = c.last
	} else if back {
		c.calm = math.MaxInt64
	}
	return back && !returned
}

// join shifts a packet, and all that follow, so that it is decoded next; and not
// shown before the pictures of the packets that were before it, as it would be if
// those were reordered and these are not. It returns the packet's decoding time.
func (c *clock) join(p *astiav.Packet, by, length int64) int64 {
	if p.Pts() != noTime {
		if early := c.shown - (c.micro(p.Pts()) + by); early > length/2 && early < mostReordered*length {
			by += early
		}
	}
	c.offset += by
	c.shift(p, by)
	c.jumps++
	return c.micro(p.Dts())
}

func (c *clock) micro(ticks int64) int64 { return astiav.RescaleQ(ticks, c.base, microseconds()) }

func (c *clock) shift(p *astiav.Packet, by int64) {
	ticks := astiav.RescaleQ(by, microseconds(), c.base)
	if p.Dts() != noTime {
		p.SetDts(p.Dts() + ticks)
	}
	if p.Pts() != noTime {
		p.SetPts(p.Pts() + ticks)
	}
}
