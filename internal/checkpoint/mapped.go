package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"videoqa/internal/fault"
)

// A mapped is one weights file in memory: mapped if the operating system holds
// it, else read. Its bytes are read-only and valid until Close.
type mapped struct {
	name   string // base name, for messages
	bytes  []byte
	unmap  bool  // bytes came from mmap
	stamp  stamp // which file it was; zero if it was read
	closed bool
}

// openMapped maps the file name of fsys, or reads it if fsys is not the
// operating system's.
func openMapped(fsys fs.FS, name string) (*mapped, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, missing(name, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w: %w", name, err, fault.BadModel)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: %w", name, fault.BadModel)
	}
	if file, ok := f.(*os.File); ok && st.Size() > 0 {
		return mapFile(file, st, name)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
	}
	return &mapped{name: name, bytes: b}, nil
}

// mapFile maps the whole of f, privately and read-only. The mapping outlives f.
func mapFile(f *os.File, st fs.FileInfo, name string) (*mapped, error) {
	if int64(int(st.Size())) != st.Size() {
		return nil, fmt.Errorf("map %s: %d bytes do not fit this machine's addresses: %w", name, st.Size(), fault.TooLarge)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w: %w", name, err, fault.BadModel)
	}
	return &mapped{name: name, bytes: b, unmap: true, stamp: stampOf(f)}, nil
}

// Close unmaps the bytes. It may be called again.
func (m *mapped) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	b := m.bytes
	m.bytes = nil
	if !m.unmap {
		return nil
	}
	return unix.Munmap(b)
}

// rest gives the memory of what was read of a mapping back to the system; what is read
// again comes from the file.
func (m *mapped) rest() error {
	if !m.unmap || m.closed {
		return nil
	}
	return unix.Madvise(m.bytes, unix.MADV_DONTNEED)
}

// A stamp tells one state of a file from another without reading it. Change time
// and inode stand beside size and modification time because cp -p, rsync -t and
// touch can put other bytes under the same two.
type stamp struct {
	Path         string
	Size         int64
	Mtime, Ctime int64 // nanoseconds since 1970
	Inode        uint64
}

// stampOf returns the stamp of f, or the zero stamp if it cannot be had, which
// only means that nothing is remembered.
func stampOf(f *os.File) stamp {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return stamp{}
	}
	path, err := filepath.EvalSymlinks(f.Name())
	if err != nil {
		return stamp{}
	}
	if path, err = filepath.Abs(path); err != nil {
		return stamp{}
	}
	return stamp{Path: path, Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Inode: st.Ino}
}

// missing turns the error of opening name into one that says what is wrong.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: %w", name, fault.BadModel)
	}
	return fmt.Errorf("open %s: %w: %w", name, err, fault.BadModel)
}
