package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// committed returns up to which offset a group has read each partition, by the names of
// the partitions' folders. kfake notes it in groups.log, entry after entry: length,
// CRC, version, JSON.
func committed(dir, group string) (offsets map[string]int64, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "groups.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	offsets = map[string]int64{}
	for len(raw) >= 10 {
		size := int64(binary.LittleEndian.Uint32(raw))
		if size < 2 || size > int64(len(raw)-8) {
			break
		}
		entry := raw[8 : 8+size]
		if crc32.Checksum(entry, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(raw[4:]) {
			break // kfake reads no further: what follows is read again
		}
		var said struct {
			Type   string `json:"type"`
			Group  string `json:"g"`
			Topic  string `json:"t"`
			Part   int    `json:"p"`
			Offset int64  `json:"o"`
		}
		if json.Unmarshal(entry[2:], &said) == nil && said.Type == "commit" && said.Group == group {
			offsets[said.Topic+"-"+strconv.Itoa(said.Part)] = said.Offset
		}
		raw = raw[8+size:]
	}
	return offsets, nil
}
