package onnx

// #include <stdlib.h>
// #include "custom.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/unix"

	"videoqa/internal/native"
)

// Weights are a data file, mapped once for all sessions of the CPU provider that are
// given it: ONNX Runtime would map the file for each of them, and what several read
// would be in memory as often.
type Weights struct {
	path  string
	bytes []byte

	closing sync.Once
	mu      sync.Mutex
	holders int // sessions, and the opener until Close
}

// OpenWeights maps the data file at path. Close it; sessions that use it keep it until
// they are closed as well.
func OpenWeights(path string) (*Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: open weights: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("onnx: open weights: %w", err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("onnx: map weights %s: %w", path, err)
	}
	return &Weights{path: path, bytes: b, holders: 1}, nil
}

// Close lets the file go once no session reads it. It may be called again.
func (w *Weights) Close() (err error) {
	w.closing.Do(func() { err = w.release() })
	return err
}

// rest gives the memory of what was read back to the system; what is read again comes
// from the file again.
func (w *Weights) rest() { _ = unix.Madvise(w.bytes, unix.MADV_DONTNEED) } // a failure leaves memory where it is

func (w *Weights) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holders++
}

func (w *Weights) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holders--; w.holders > 0 {
		return nil
	}
	b := w.bytes
	w.bytes = nil
	return unix.Munmap(b)
}

// held are the weights that one session has been given.
type held struct {
	from   *Weights
	values []unsafe.Pointer
	leak   runtime.Cleanup
}

// give lets a session with options read refs where they are mapped.
func (w *Weights) give(o *ort.SessionOptions, refs []Ref) (*held, error) {
	w.hold()
	h := &held{from: w}
	h.leak = native.Track(h, "weights of a session", 1)
	for _, r := range refs {
		if err := h.add(o, r); err != nil {
			return nil, errors.Join(fmt.Errorf("give weight %s of %s: %w", r.Name, w.path, err), h.close())
		}
	}
	return h, nil
}

func (h *held) add(o *ort.SessionOptions, r Ref) error {
	at := h.from.bytes
	if r.offset < 0 || r.Bytes() < 1 || r.offset+r.Bytes() > int64(len(at)) {
		return fmt.Errorf("its %d bytes from %d on do not lie in a file of %d", r.Bytes(), r.offset, len(at))
	}
	options, err := pointer(o)
	if err != nil {
		return err
	}
	name := C.CString(r.Name)
	defer C.free(unsafe.Pointer(name))
	dims := append([]int64{}, r.Shape...)
	var value unsafe.Pointer
	message := C.videoqa_add_weight(options, name, unsafe.Pointer(&at[r.offset]), C.size_t(r.Bytes()), (*C.int64_t)(unsafe.SliceData(dims)), C.size_t(len(dims)), C.int(r.DType), &value)
	if value != nil {
		h.values = append(h.values, value)
	}
	return taken(message)
}

// close gives the values up, once no session reads them.
func (h *held) close() error {
	if h == nil {
		return nil
	}
	for _, v := range h.values {
		C.videoqa_drop_weight(v)
	}
	h.values = nil
	native.Untrack(h.leak, 1)
	return h.from.release()
}

// taken makes an error of a message from C, and frees it.
func taken(message *C.char) error {
	if message == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(message))
	return errors.New(C.GoString(message))
}
