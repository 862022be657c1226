package sqlite

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"math/bits"
	"sync"
)

// A page of the file ends in a checksum over its number and all that precedes the
// checksum (CRC-64, ECMA-182). A CRC is linear: what a flipped bit changes about it
// depends on the bit's place alone. So the difference between the checksum that a page
// carries and the one that it should carry tells which bits are wrong, if they are few.

const (
	pageSize    = 4096
	sumSize     = 8
	contentSize = pageSize - sumSize
)

// pageSum is the checksum of page n; the first page of a file is 1.
func pageSum(n int64, page []byte) uint64 {
	table := crc64.MakeTable(crc64.ECMA)
	number := binary.BigEndian.AppendUint64(nil, uint64(n))
	return crc64.Update(crc64.Checksum(number, table), table, page[:contentSize])
}

// sealPage writes a page's checksum into it.
func sealPage(n int64, page []byte) {
	binary.BigEndian.PutUint64(page[contentSize:], pageSum(n, page))
}

// pageFits reports whether a page is what was written. A page of zeros was never written:
// SQLite leaves out what it does not need, and the file system fills the hole.
func pageFits(n int64, page []byte) bool {
	return binary.BigEndian.Uint64(page[contentSize:]) == pageSum(n, page) || allZero(page)
}

func allZero(page []byte) bool { return bytes.Count(page, []byte{0}) == len(page) }

// mendPage puts a page right of which one or two bits are flipped, or one byte is
// another. It changes nothing and returns false if no such change makes the checksum
// fit, or more than one does.
func mendPage(n int64, page []byte) bool {
	wrong := pageSum(n, page) ^ binary.BigEndian.Uint64(page[contentSize:])
	if wrong == 0 {
		return true
	}
	found := append(wrongByte(wrong), wrongBits(wrong)...)
	if len(found) != 1 {
		return false
	}
	for _, at := range found[0] {
		page[at/8] ^= 1 << (at % 8)
	}
	return true
}

// A change is the bits that are flipped: bit i%8 of byte i/8.
type change []int

// wrongByte returns every change of one byte that makes up for wrong.
func wrongByte(wrong uint64) (found []change) {
	effects := flips().effect
	var sum [256]uint64
	for at := range pageSize {
		for pattern := 1; pattern < 256; pattern++ {
			sum[pattern] = sum[pattern&(pattern-1)] ^ effects[8*at+bits.TrailingZeros(uint(pattern))]
			if sum[pattern] != wrong {
				continue
			}
			var c change
			for bit := range 8 {
				if pattern>>bit&1 == 1 {
					c = append(c, 8*at+bit)
				}
			}
			found = append(found, c)
		}
	}
	return found
}

// wrongBits returns every pair of bits of different bytes that makes up for wrong.
func wrongBits(wrong uint64) (found []change) {
	known := flips()
	for i, effect := range known.effect {
		if j, is := known.bit[wrong^effect]; is && i/8 < j/8 {
			found = append(found, change{i, j})
		}
	}
	return found
}

// flipTable tells what the flip of each bit of a page changes about the difference
// between the two checksums, and which bit changes it so.
type flipTable struct {
	effect []uint64
	bit    map[uint64]int
}

// flips is made when the first damaged page is met: 800 KB.
var flips = sync.OnceValue(func() flipTable {
	table := crc64.MakeTable(crc64.ECMA)
	t := flipTable{make([]uint64, 8*pageSize), make(map[uint64]int, 8*pageSize)}
	for bit := range 8 {
		effect := table[1<<bit]
		for at := contentSize - 1; at >= 0; at-- {
			t.effect[8*at+bit] = effect
			effect = table[byte(effect)] ^ effect>>8
		}
		for at := range sumSize {
			t.effect[8*(contentSize+at)+bit] = 1 << (8*(sumSize-1-at) + bit)
		}
	}
	for i, effect := range t.effect {
		t.bit[effect] = i
	}
	return t
})
