package features

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// A stored value is
//
//	magic "VQF1" | type, 1 byte: 1 is float32, little-endian | 3 bytes zero | count, uint32 | payload | sha256
//
// where the checksum goes over the key and all that stands before it. The type
// follows the precision, and values are rounded to it before their first use, so
// that a hit never changes an answer: fp32, the only precision so far, keeps
// float32.
const (
	magic      = "VQF1"
	typeFP32   = 1
	headerSize = 12
)

// seal returns vector as a stored value under key.
func seal(key string, vector []float32) []byte {
	b := make([]byte, 0, headerSize+4*len(vector)+sha256.Size)
	b = append(b, magic...)
	b = append(b, typeFP32, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vector)))
	for _, v := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	sum := checksum(key, b)
	return append(b, sum[:]...)
}

// open returns the vector of a value that was sealed under key, and false for
// anything else.
func open(key string, value []byte) ([]float32, bool) {
	if len(value) < headerSize+sha256.Size || string(value[:4]) != magic || value[4] != typeFP32 {
		return nil, false
	}
	body, sum := value[:len(value)-sha256.Size], value[len(value)-sha256.Size:]
	if count := binary.LittleEndian.Uint32(body[8:]); uint64(count)*4 != uint64(len(body)-headerSize) {
		return nil, false
	}
	if want := checksum(key, body); !bytes.Equal(sum, want[:]) {
		return nil, false
	}
	vector := make([]float32, (len(body)-headerSize)/4)
	for i := range vector {
		vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[headerSize+4*i:]))
	}
	return vector, true
}

func checksum(key string, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(key))
	h.Write([]byte{0})
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}
