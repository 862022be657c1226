package features

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/x448/float16"
)

// A Type is how numbers are kept. It follows the precision that they were computed
// in: float32 for fp32, half precision for the others.
type Type uint8

// The types, as a stored value names them.
const (
	Float32 Type = 1
	Float16 Type = 2
)

// A stored value is
//
//	magic "VQF1" | type, 1 byte | 3 bytes zero | count, uint32 | numbers, little-endian | sha256
//
// where the checksum goes over the key and all that stands before it. Values are
// rounded to their type before their first use, so that a hit never changes an
// answer. Those that half precision cannot hold are kept as float32.
const (
	magic      = "VQF1"
	headerSize = 12
)

// seal returns vector as a value stored under key, and as it will be read back.
func seal(key string, vector []float32, kind Type) (value []byte, rounded []float32) {
	if kind == Float16 {
		halves, rounded, ok := halve(vector)
		if ok {
			b := header(Float16, len(vector), 2)
			for _, h := range halves {
				b = binary.LittleEndian.AppendUint16(b, uint16(h))
			}
			return sign(key, b), rounded
		}
	}
	b := header(Float32, len(vector), 4)
	for _, v := range vector {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return sign(key, b), vector
}

// halve rounds to half precision, to the nearest and ties to even; false: a number
// is too large.
func halve(vector []float32) (halves []float16.Float16, rounded []float32, ok bool) {
	halves, rounded = make([]float16.Float16, len(vector)), make([]float32, len(vector))
	for i, v := range vector {
		halves[i] = float16.Fromfloat32(v)
		rounded[i] = halves[i].Float32()
		if halves[i].IsInf(0) {
			return nil, nil, false
		}
	}
	return halves, rounded, true
}

func header(kind Type, count, size int) []byte {
	b := make([]byte, 0, headerSize+size*count+sha256.Size)
	b = append(b, magic...)
	b = append(b, byte(kind), 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, uint32(count))
}

func sign(key string, body []byte) []byte {
	sum := checksum(key, body)
	return append(body, sum[:]...)
}

// open returns the vector of a value that was sealed under key, and false for
// anything else.
func open(key string, value []byte) ([]float32, bool) {
	if len(value) < headerSize+sha256.Size || string(value[:4]) != magic {
		return nil, false
	}
	body, sum := value[:len(value)-sha256.Size], value[len(value)-sha256.Size:]
	if want := checksum(key, body); !bytes.Equal(sum, want[:]) {
		return nil, false
	}
	count, numbers := int(binary.LittleEndian.Uint32(body[8:])), body[headerSize:]
	vector := make([]float32, 0, min(count, len(numbers)/2))
	switch kind := Type(value[4]); {
	case kind == Float32 && len(numbers) == 4*count:
		for ; len(numbers) > 0; numbers = numbers[4:] {
			vector = append(vector, math.Float32frombits(binary.LittleEndian.Uint32(numbers)))
		}
	case kind == Float16 && len(numbers) == 2*count:
		for ; len(numbers) > 0; numbers = numbers[2:] {
			vector = append(vector, float16.Frombits(binary.LittleEndian.Uint16(numbers)).Float32())
		}
	default:
		return nil, false
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
