package broker

import (
	"errors"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A sum is the checksum of the first bytes of a segment (CRC-64, ECMA-182), which never
// change. It tells a segment of another partition, or of another broker, from the
// segment that was there.
type sum struct {
	Size int64  `json:"size"`
	CRC  uint64 `json:"crc64,string"`
}

// goOn adds what the file at path holds from s.Size up to size.
func (s sum) goOn(path string, size int64) (sum, error) {
	if size <= s.Size {
		return s, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer file.Close()
	table, part := crc64.MakeTable(crc64.ECMA), make([]byte, 64<<10)
	for s.Size < size {
		n, err := file.ReadAt(part[:min(int64(len(part)), size-s.Size)], s.Size)
		s.CRC = crc64.Update(s.CRC, table, part[:n])
		s.Size += int64(n)
		if err != nil && (!errors.Is(err, io.EOF) || s.Size < size) {
			return s, err
		}
	}
	return s, nil
}

// replacedIn lists the segments of a folder that do not begin with what they began with.
func replacedIn(dir string, sums map[string]sum) (replaced []string, err error) {
	for name, want := range sums {
		path := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < want.Size {
			continue // that is said of it already, or it was too old
		}
		if err != nil {
			return nil, err
		}
		got, err := sum{}.goOn(path, want.Size)
		if err != nil {
			return nil, err
		}
		if got != want {
			replaced = append(replaced, name)
		}
	}
	return replaced, nil
}
