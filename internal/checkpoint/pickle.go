package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// maxPickle is the longest state dict's pickle; that of git-large has some 60 kB.
// The unpickler needs up to 256 bytes of memory for one byte of pickle.
const maxPickle = 1 << 20

// checkPickle walks a pickle without running it. It refuses what no state dict
// needs, and any length beyond the pickle's end: the unpickler would first
// allocate that much.
func checkPickle(p []byte) error {
	if len(p) > maxPickle {
		return fmt.Errorf("%d bytes are over the limit of %d for a state dict", len(p), maxPickle)
	}
	for at := 0; at < len(p); {
		op := p[at]
		if op == '.' {
			return nil
		}
		n, err := argument(op, p[at+1:])
		if err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		at += 1 + n
	}
	return fmt.Errorf("it has no end")
}

// argument returns how many bytes follow the opcode op as its argument.
func argument(op byte, rest []byte) (int, error) {
	var n int // bytes of the argument, or of the length before it
	switch op {
	case 0x93, '}', ')', ']', 0x94, 'N', 0x88, 0x89, 0x85, 0x86, 0x87, 't', '(', 'R', 'Q', 's', 'u', 'b', 'a', 'e':
		return 0, nil
	case 'c':
		return global(rest)
	case 0x80, 'q', 'h', 'K', 0x8c, 0x8a, 'U':
		n = 1
	case 'M':
		n = 2
	case 'r', 'j', 'J', 'X':
		n = 4
	case 0x95:
		n = 8
	default:
		return 0, fmt.Errorf("opcode %#x has no place in a state dict", op)
	}
	if len(rest) < n {
		return 0, fmt.Errorf("it ends inside opcode %#x", op)
	}
	var length uint64
	switch op {
	case 0x8c, 0x8a, 'U':
		length = uint64(rest[0])
	case 'X':
		length = uint64(binary.LittleEndian.Uint32(rest))
	case 0x95: // the frame's bytes are opcodes themselves: checked, not skipped
		if frame := binary.LittleEndian.Uint64(rest); frame > uint64(len(rest)-n) {
			return 0, fmt.Errorf("a frame of %d bytes goes beyond the end", frame)
		}
	}
	if length > uint64(len(rest)-n) {
		return 0, fmt.Errorf("a text of %d bytes goes beyond the end", length)
	}
	return n + int(length), nil
}

// global checks the class that the opcode c names in two lines. This comes before
// the unpickler, which knows a few more classes than a state dict needs.
func global(rest []byte) (int, error) {
	module, after, ok1 := bytes.Cut(rest, []byte("\n"))
	name, _, ok2 := bytes.Cut(after, []byte("\n"))
	if !ok1 || !ok2 {
		return 0, fmt.Errorf("it ends inside a class's name")
	}
	if string(module) != "collections" || string(name) != "OrderedDict" {
		if _, err := findClass(string(module), string(name)); err != nil {
			return 0, err
		}
	}
	return len(module) + len(name) + 2, nil
}
