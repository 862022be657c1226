package bitstream

import "encoding/binary"

// What FFmpeg makes of an AVI file's index: so many bytes of an entry, and an entry of
// each piece of sound of that size.
const (
	riffEntry = 24
	riffPiece = 1 << 10

	riffDeepest = 8
)

// A aviCost goes through the chunks of an AVI file to its indices.
type aviCost struct {
	*cost
	window *window
}

func (r *aviCost) walk(at, end int64, depth int) {
	for at+8 <= end && r.err == nil {
		head := r.window.get(at, 12)
		if len(head) < 8 {
			return
		}
		kind, length := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		stop := min(end, at+8+length)
		switch {
		case (kind == "RIFF" || kind == "LIST") && len(head) == 12:
			if inner := string(head[8:]); inner == "strl" {
				r.streams++
			} else if inner != "movi" && inner != "rec " && depth < riffDeepest {
				r.walk(at+12, stop, depth+1)
			}
		case kind == "idx1":
			r.index(at+8, stop)
		}
		at = stop + length&1
	}
}

// index counts the cost of an index by its entries.
func (r *aviCost) index(at, end int64) {
	for ; at+16 <= end && r.err == nil; at += 16 {
		entry := r.window.get(at, 16)
		if len(entry) < 16 {
			return
		}
		r.add(1+int64(binary.LittleEndian.Uint32(entry[12:]))/riffPiece, riffEntry, "the entries of its index")
	}
}
