package sqlite

import "encoding/binary"

// The write-ahead log (sqlite.org/fileformat2.html#walformat): a head, then frames, each
// a head and a page. A frame's sums go on from those of the frame before.

const (
	logHead   = 32
	frameHead = 24
	frameSize = frameHead + pageSize
)

// frameFits reports whether a frame is what was written; before holds the sums of what
// precedes it.
func frameFits(before, head, page []byte) bool {
	return frameFitsIn(binary.LittleEndian, before, head, page) || frameFitsIn(binary.BigEndian, before, head, page)
}

// frameFitsIn tells it of sums that are made in an order of bytes: that of the machine
// which wrote the log, which the log's head tells.
func frameFitsIn(order binary.ByteOrder, before, head, page []byte) bool {
	a, b := logSum(order, binary.BigEndian.Uint32(before), binary.BigEndian.Uint32(before[4:]), head[:8])
	a, b = logSum(order, a, b, page)
	return a == binary.BigEndian.Uint32(head[16:]) && b == binary.BigEndian.Uint32(head[20:])
}

// logSum adds content, of a multiple of eight bytes, to two sums.
func logSum(order binary.ByteOrder, a, b uint32, content []byte) (uint32, uint32) {
	if order == binary.ByteOrder(binary.LittleEndian) { // no call for each number
		for ; len(content) >= 8; content = content[8:] {
			a += binary.LittleEndian.Uint32(content) + b
			b += binary.LittleEndian.Uint32(content[4:]) + a
		}
		return a, b
	}
	for ; len(content) >= 8; content = content[8:] {
		a += binary.BigEndian.Uint32(content) + b
		b += binary.BigEndian.Uint32(content[4:]) + a
	}
	return a, b
}
