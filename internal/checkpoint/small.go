package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer/files"
)

// maxSmall is the most that a file other than the weights may hold. Large
// vocabularies' tokenizer.json reach some 20 MB.
const maxSmall = 64 << 20

// readSmall reads a whole file that is not weights.
func readSmall(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, missing(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, err, fault.BadModel)
	}
	if len(b) > maxSmall {
		return nil, fmt.Errorf("%s is over %d bytes: %w", name, maxSmall, fault.BadModel)
	}
	return b, refuseStandIn(name, b)
}

// readOptional is readSmall, but a file that is not there is nil.
func readOptional(fsys fs.FS, name string) ([]byte, error) {
	if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readSmall(fsys, name)
}

// readTokenizer fills in c.Tokenizer.
func (c *Checkpoint) readTokenizer(fsys fs.FS) (err error) {
	c.Tokenizer, err = files.Read(func(name string) ([]byte, error) { return readOptional(fsys, name) })
	return err
}
