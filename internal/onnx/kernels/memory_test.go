package kernels_test

import (
	"bytes"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A memory gives slices that end where a page begins that nobody may touch, so that a kernel
// which reads or writes behind one ends the test at once, be it written in assembly.
type memory struct {
	t     testing.TB
	pages [][]byte // with the page that nobody may touch
	sizes []int
}

const canary = 0xa5

// fenced is a copy of values at the end of pages of its own.
func fenced[T any](m *memory, values []T) []T {
	m.t.Helper()
	size, page := len(values)*int(unsafe.Sizeof(*new(T))), unix.Getpagesize()
	whole := (size + page - 1) / page * page
	all, err := unix.Mmap(-1, 0, whole+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := unix.Mprotect(all[whole:], unix.PROT_NONE); err != nil {
		m.t.Fatal(err)
	}
	m.pages, m.sizes = append(m.pages, all), append(m.sizes, size)
	for i := range whole - size {
		all[i] = canary
	}
	if size == 0 {
		return []T{}
	}
	s := unsafe.Slice((*T)(unsafe.Pointer(&all[whole-size])), len(values))
	copy(s, values)
	return s
}

// unwritten is room for n results, each of which reads as NaN until it is written.
func unwritten(m *memory, n int) []float32 {
	m.t.Helper()
	s := make([]float32, n)
	for i := range s {
		s[i] = nan
	}
	return fenced(m, s)
}

// free gives all slices back. What lies before them must be as it was.
func (m *memory) free() {
	m.t.Helper()
	for i, all := range m.pages {
		before := all[:len(all)-unix.Getpagesize()-m.sizes[i]]
		if bytes.Count(before, []byte{canary}) != len(before) {
			m.t.Errorf("something was written before slice %d, of %d bytes", i, m.sizes[i])
		}
		if err := unix.Munmap(all); err != nil {
			m.t.Error(err)
		}
	}
	m.pages, m.sizes = nil, nil
}

// with runs test with memory, which it frees.
func with(t *testing.T, test func(m *memory)) {
	t.Helper()
	m := &memory{t: t}
	defer m.free()
	test(m)
}

func TestFencedSlicesAreAtTheEndOfTheirPages(t *testing.T) {
	with(t, func(m *memory) {
		for _, n := range []int{1, 1023, 1024, 1025} {
			s := fenced(m, make([]float32, n))
			if end := uintptr(unsafe.Pointer(&s[0])) + uintptr(4*n); end%uintptr(unix.Getpagesize()) != 0 {
				t.Errorf("%d numbers end at %#x, inside a page", n, end)
			}
		}
	})
}
