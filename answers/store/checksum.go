package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"videoqa/internal/fault"
)

// Every row that is read and acted upon carries a checksum over what it holds, so
// that a damaged row is noticed before it is served, published or asked. The
// stores compute it when they write a row and compare it when they read one.

// checksum is over values of the types that rows hold: text, bytes, and numbers
// that may be absent. Each is preceded by its type and length, so that nothing can
// move from one to the next unnoticed.
func checksum(table string, values ...any) []byte {
	sum := sha256.New()
	part := func(kind byte, content []byte) {
		var head [9]byte
		head[0] = kind
		binary.BigEndian.PutUint64(head[1:], uint64(len(content)))
		sum.Write(head[:])
		sum.Write(content)
	}
	part('t', []byte(table))
	for _, v := range values {
		switch v := v.(type) {
		case string:
			part('s', []byte(v))
		case []byte:
			part('b', v)
		case *int64:
			if v == nil {
				part('n', nil)
				continue
			}
			part('i', binary.BigEndian.AppendUint64(nil, uint64(*v)))
		default:
			panic(fmt.Sprintf("store: checksum of a %T", v))
		}
	}
	return sum.Sum(nil)
}

// check compares the checksum of a row with what it should be.
func check(what string, stored, want []byte) error {
	if bytes.Equal(stored, want) {
		return nil
	}
	return fmt.Errorf("store: check %s: its checksum does not match its content: %w", what, fault.Damaged)
}
