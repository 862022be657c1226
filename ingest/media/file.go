package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"videoqa/internal/fault"
)

// A File is media that was opened. It may be read by many goroutines until it is
// closed.
type File struct {
	f      *os.File
	size   int64
	digest string
	was    identity // of a file that others may write to; zero of one that is ours alone
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

// Size is in bytes.
func (f *File) Size() int64 { return f.size }

// Digest is "sha256:" and 64 hex digits, of the bytes that were read.
func (f *File) Digest() string { return f.digest }

// Unchanged returns [fault.UnreachableURI] if somebody has written to the file since
// its digest was taken: what was seen in it since may not be what the digest names.
func (f *File) Unchanged() error {
	if f.was == (identity{}) {
		return nil
	}
	info, err := f.f.Stat()
	if err != nil {
		return plain(err)
	}
	if info.Size() != f.was.size || !info.ModTime().Equal(f.was.modified) { // a rename or a removal changes no bytes
		return fmt.Errorf("media: it changed while it was looked at: %w", fault.UnreachableURI)
	}
	return nil
}

// Close lets the file go.
func (f *File) Close() error { return f.f.Close() }

// expect returns [fault.DigestMismatch] unless the bytes are those announced.
func (f *File) expect(digest string) error {
	if digest != "" && digest != f.digest {
		return fmt.Errorf("its bytes are %s, announced were %s: %w", f.digest, digest, fault.DigestMismatch)
	}
	return nil
}

func digestOf(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), n, err
}
