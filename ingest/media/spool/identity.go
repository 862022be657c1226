package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"videoqa/internal/fault"
)

func (f *Folder) identity() string { return filepath.Join(f.cfg.Dir, "identity") }

// Identity names the folder: all processes that see it get the same name, by whichever
// path they do, and those that see another one get another. The process that asks first gives
// the name. It returns [fault.Unavailable] if the disk fails.
func (f *Folder) Identity() (string, error) {
	text, err := os.ReadFile(f.identity())
	if errors.Is(err, fs.ErrNotExist) {
		if err = f.name(); err == nil {
			text, err = os.ReadFile(f.identity())
		}
	}
	if err != nil {
		return "", fmt.Errorf("spool: read the folder's identity: %w: %w", err, fault.Unavailable)
	}
	return strings.TrimSpace(string(text)), nil
}

// IdentityOf is the name that [Folder.Identity] gave to the folder dir; "": it has none yet.
// Nothing is made.
func IdentityOf(dir string) (string, error) {
	text, err := os.ReadFile((&Folder{cfg: Config{Dir: dir}}).identity())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("spool: read the folder's identity: %w: %w", err, fault.Unavailable)
	}
	return strings.TrimSpace(string(text)), nil
}

// name gives the folder a name, unless another process does so first. The file gets its
// own name when it is whole.
func (f *Folder) name() error {
	part, err := os.CreateTemp(f.parts(), "*")
	if err != nil {
		return err
	}
	_, err = part.WriteString(strings.ToLower(rand.Text()) + "\n")
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		if err = os.Link(part.Name(), f.identity()); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	return errors.Join(err, forget(part.Name()))
}
