package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// kfake reads a segment up to the first batch of records that does not fit, and cuts
// off the rest, which after a kill is right for what was being written, and hides
// damage. So segments are read here first.

const (
	batchHead  = 61 // bytes of a batch before its records (kafka.apache.org, message format)
	indexEntry = 15 // bytes that kfake notes of each batch in the segment's .idx file, behind the batch
)

// A segment is what is in a file of a partition's records.
type segment struct {
	next    int64 // the offset behind its last whole batch
	batches int   // that are whole
	whole   int64 // bytes of them
	size    int64
	indexed int  // batches that the index knows of
	behind  bool // something follows the first batch that is not whole
}

// readSegment reads a segment and its index. A batch that is out of order is not whole.
func readSegment(path string) (s segment, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	base, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(path), ".dat"), 10, 64)
	if err != nil {
		return s, err
	}
	s.next, s.size = base, int64(len(raw))
	for rest := raw; ; {
		size := batchSize(rest)
		if size == 0 || !batchFits(rest[:size], s.next) {
			s.behind = size > 0 && size < len(rest)
			break
		}
		s.next += int64(binary.BigEndian.Uint32(rest[23:])) + 1
		s.batches++
		s.whole += int64(size)
		rest = rest[size:]
	}
	info, err := os.Stat(strings.TrimSuffix(path, ".dat") + ".idx")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, err
	}
	s.indexed = int(info.Size() / indexEntry)
	return s, nil
}

// batchSize is the size of the batch that raw begins with; 0: it is not all there.
func batchSize(raw []byte) int {
	if len(raw) < batchHead {
		return 0
	}
	size := 12 + int64(binary.BigEndian.Uint32(raw[8:]))
	if size < batchHead || size > int64(len(raw)) {
		return 0
	}
	return int(size)
}

// batchFits reports whether a batch is whole and begins at an offset. Its sum leaves out
// the epoch of the partition's leader, which has no meaning here.
func batchFits(batch []byte, offset int64) bool {
	sum := crc32.Checksum(batch[21:], crc32.MakeTable(crc32.Castagnoli))
	return int64(binary.BigEndian.Uint64(batch)) == offset && batch[16] == 2 && binary.BigEndian.Uint32(batch[17:]) == sum
}

// lacks says in words what s lacks that was there; "": nothing. One batch may have been
// half written when the machine ended, and was then never acknowledged.
func (s segment) lacks() string {
	switch missing := s.indexed - s.batches; {
	case missing > 1:
		return fmt.Sprintf("%d of %d batches of records", missing, s.indexed)
	case s.behind:
		return fmt.Sprintf("all records from its byte %d on, where it is damaged", s.whole)
	}
	return ""
}
