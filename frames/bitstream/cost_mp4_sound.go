package bitstream

import "encoding/binary"

// mp4Piece is how many samples of uncompressed sound FFmpeg lists as one, or more.
const mp4Piece = 160

// pieces counts what FFmpeg lists of a track of sound whose samples last one tick each,
// which are single values of PCM: pieces of chunks. It is not ok for other tracks, and
// where the tables do not tell.
func (m *mp4Cost) pieces(t *mp4Track) (sum int64, ok bool) {
	if !t.sound || t.pictures || t.twice || t.stts.count != 1 || t.ctts.count > 0 {
		return 0, false
	}
	if each := m.window.get(t.stts.at+4, 4); len(each) < 4 || binary.BigEndian.Uint32(each) != 1 {
		return 0, false
	}
	chunk, length := int64(0), int64(0)
	for i := range t.stsc.count {
		entry := m.window.get(t.stsc.at+12*i, 8)
		if len(entry) < 8 {
			return 0, false
		}
		first := int64(binary.BigEndian.Uint32(entry)) - 1
		if first < chunk || first > t.stco.count || i == 0 && first > 0 {
			return 0, false
		}
		sum += (first - chunk) * length
		chunk, length = first, int64(binary.BigEndian.Uint32(entry[4:]))/mp4Piece+1
	}
	return sum + (t.stco.count-chunk)*length, t.stsc.count > 0
}
