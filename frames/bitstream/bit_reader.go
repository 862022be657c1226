package bitstream

import "bytes"

// A bitReader reads the syntax elements of a NAL unit's payload, most significant bit
// first (ITU-T H.264 and H.265, clause 7.2 and 9.2). Past the end it gives zeros
// and remembers that it did.
type bitReader struct {
	data []byte
	at   int // bits read
}

// unescaped returns at most n bytes of a NAL unit's payload without the bytes
// that keep start codes out of it (emulation_prevention_three_byte). Where there
// are none, as mostly, that is the payload itself.
func unescaped(payload []byte, n int) []byte {
	if head := payload[:min(n, len(payload))]; !bytes.Contains(head, []byte{0, 0, 3}) {
		return head
	}
	out, zeros := make([]byte, 0, min(n, len(payload))), 0
	for _, b := range payload {
		if len(out) == n {
			break
		}
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if zeros++; b != 0 {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}

// over reports whether more was read than there is.
func (b *bitReader) over() bool { return b.at > 8*len(b.data) }

// u reads an unsigned number of n bits, at most 32 of them.
func (b *bitReader) u(n int) (v uint32) {
	for range n {
		v <<= 1
		if i := b.at >> 3; i < len(b.data) {
			v |= uint32(b.data[i]>>(7-b.at&7)) & 1
		}
		b.at++
	}
	return v
}

func (b *bitReader) flag() bool { return b.u(1) == 1 }

func (b *bitReader) skip(n int) { b.at += n }

// ue reads an unsigned Exp-Golomb code.
func (b *bitReader) ue() uint32 {
	zeros := 0
	for !b.over() && zeros < 32 && !b.flag() {
		zeros++
	}
	if zeros == 32 {
		b.at = 8*len(b.data) + 1 // no number of ours is that large
		return 0
	}
	return 1<<zeros - 1 + b.u(zeros)
}

// se reads a signed Exp-Golomb code.
func (b *bitReader) se() int32 {
	v := b.ue()
	if v%2 == 1 {
		return int32(v/2 + 1)
	}
	return -int32(v / 2)
}

// ues skips n unsigned Exp-Golomb codes.
func (b *bitReader) ues(n int) {
	for i := 0; i < n && !b.over(); i++ {
		b.ue()
	}
}

func ifElse[T any](holds bool, yes, no T) T {
	if holds {
		return yes
	}
	return no
}
