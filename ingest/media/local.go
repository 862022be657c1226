package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"videoqa/internal/fault"
)

// A root is a folder that files are opened under. os.Root follows links, but
// never out of it.
type root struct {
	dir string // absolute, as it was given
	*os.Root
}

func openRoot(dir string) (root, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return root{}, err
	}
	r, err := os.OpenRoot(absolute)
	return root{absolute, r}, err
}

func (f *Fetcher) openFile(ctx context.Context, u *url.URL) (*File, error) {
	path := u.Path // decoded, once
	switch {
	case u.Host != "" && u.Host != "localhost":
		return nil, fmt.Errorf("it names another machine, and file: is for this one's paths, as file:///srv/clips/a.mp4: %w", fault.RefusedURI)
	case u.User != nil:
		return nil, errNamesUser
	case u.RawQuery != "" || u.Fragment != "" || u.Opaque != "":
		return nil, fmt.Errorf("it is more than an absolute path; ? and # of a file's name are written as %%3F and %%23: %w", fault.RefusedURI)
	case !filepath.IsAbs(path) || path != filepath.Clean(path) || strings.ContainsRune(path, 0):
		return nil, fmt.Errorf("its path is not absolute and plain, without . and .. and empty parts, as file:///srv/clips/a.mp4: %w", fault.RefusedURI)
	}
	for _, r := range f.roots {
		if name, err := filepath.Rel(r.dir, path); err == nil && filepath.IsLocal(name) {
			return f.openUnder(ctx, r, name)
		}
	}
	if len(f.roots) == 0 {
		return nil, fmt.Errorf("no folder may be read, because --media-roots is not set: %w", fault.RefusedURI)
	}
	return nil, fmt.Errorf("it is under no folder of --media-roots: %w", fault.RefusedURI)
}

// openUnder opens a regular file. Without blocking: a FIFO that takes its place
// between the two looks would hang us. Nothing is read from anything else.
func (f *Fetcher) openUnder(ctx context.Context, r root, name string) (*File, error) {
	info, err := r.Stat(name)
	switch {
	case err != nil:
		return nil, plain(err)
	case info.IsDir():
		return nil, fmt.Errorf("it is a folder, not a file: %w", fault.RefusedURI)
	case !info.Mode().IsRegular():
		return nil, errIrregular
	}
	file, err := r.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, plain(err)
	}
	opened, err := f.known(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return opened, nil
}

var errIrregular = fmt.Errorf("it is not a regular file: %w", fault.RefusedURI)

// plain tells apart what is not there from what is not allowed, without where a link
// leads.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent{fmt.Errorf("no such file on the machine that looked: %w", fault.UnreachableURI)}
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		return fmt.Errorf("%w: %w", err, fault.UnreachableURI)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the service's user may not read it (%w): %w", err, fault.RefusedURI)
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w", err, fault.RefusedURI)
	}
	return fmt.Errorf("a link on its way leads out of the folder of --media-roots that it is under: %w", fault.RefusedURI)
}

// known returns file with its digest, read now unless this very file was before.
func (f *Fetcher) known(ctx context.Context, file *os.File) (*File, error) {
	before, err := file.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if !before.Mode().IsRegular() {
		return nil, errIrregular
	}
	key, steady := identify(before)
	if digest, ok := f.digests.get(key); ok {
		return &File{file, before.Size(), digest, key}, nil
	}
	digest, n, err := digestOf(reading{ctx, io.NewSectionReader(file, 0, before.Size())})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, fault.UnreachableURI)
	}
	after, err := file.Stat()
	if err != nil {
		return nil, plain(err)
	}
	if now, _ := identify(after); now != key || n != before.Size() {
		return nil, fmt.Errorf("it changed while it was read: %w", fault.UnreachableURI)
	}
	if steady {
		f.digests.put(key, digest)
	}
	return &File{file, n, digest, key}, nil
}

// An identity is equal only for the same file with the same bytes.
type identity struct {
	device, inode uint64
	size          int64
	modified      time.Time
	changed       syscall.Timespec
}

// settled is how long after a change a file's times can be trusted to show the
// next one: their clock ticks slower than writes come.
const settled = 2 * time.Second

func identify(info fs.FileInfo) (key identity, steady bool) {
	key = identity{size: info.Size(), modified: info.ModTime()}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok {
		key.device, key.inode, key.changed = uint64(stat.Dev), stat.Ino, stat.Ctim
	}
	return key, ok && time.Since(info.ModTime()) > settled
}

// digests remembers what was read before: long footage is asked about often, and
// reading it all again costs more than the answer.
type digests struct {
	mu   sync.Mutex
	byID map[identity]string
}

const mostDigests = 4096

func (d *digests) get(key identity) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	digest, ok := d.byID[key]
	return digest, ok
}

func (d *digests) put(key identity, digest string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.byID) >= mostDigests || d.byID == nil {
		d.byID = map[identity]string{}
	}
	d.byID[key] = digest
}

// reading is a reader that ends with ctx.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
