package bitstream

import (
	"bytes"
	"testing"
)

func TestPaddingIsNoDamage(t *testing.T) {
	slice := []byte{0x65, 0x88, 0x84, 0, 0, 3, 0, 0, 3, 0x80, 1}
	for _, tc := range []struct {
		name    string
		prefix  int
		nal     []byte
		emptied bool
	}{
		{"as it is", 4, slice, false},
		{"padded to 32 bytes", 4, append(bytes.Clone(slice), make([]byte, 31)...), false},
		{"the rest is zeros", 4, append(bytes.Clone(slice), make([]byte, 33)...), true},
		{"zeros before a start code", 0, append(bytes.Clone(slice), make([]byte, 188)...), false},
		{"joined with a start code", 4, append(append(bytes.Clone(slice), 0, 0, 0, 1), slice...), false},
		{"zeros within", 4, append(append(bytes.Clone(slice), make([]byte, 8)...), slice...), true},
		{"zeros within, between start codes", 0, append(append(bytes.Clone(slice), make([]byte, 8)...), slice...), true},
		{"nothing but zeros", 4, make([]byte, 40), true},
		{"nothing", 4, nil, false},
	} {
		if got := (&Classifier{prefix: tc.prefix}).emptied(tc.nal); got != tc.emptied {
			t.Errorf("%s: emptied is %v", tc.name, got)
		}
	}
}
