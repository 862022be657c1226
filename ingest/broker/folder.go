package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"videoqa/internal/fault"
)

// A broker that finds no meta.json begins anew, over whatever else lies in its folder;
// without topics.json it has no topics, and without a segment no records. So the folder
// also holds what it should hold:
//
//	identity.json  which broker this is, and with which store it belongs together
//	files.json     the segments of all partitions and their sizes, as of some seconds ago
//	sums.json      and the checksums of that much of them

const (
	identityFile = "identity.json"
	filesFile    = "files.json"
	sumsFile     = "sums.json"
)

// An Identity says which broker a folder belongs to.
type Identity struct {
	Broker string `json:"broker_id"`
	Store  string `json:"store_id,omitempty"` // the store that its questions' outcomes are in; "": not known
	Made   bool   `json:"made"`               // whether it ever ran: before, nothing of it can have been acknowledged
}

// Look returns the identity of the broker in a folder; known is false if the folder
// does not tell. used says whether a broker ever ran there.
func Look(dir string) (id Identity, known, used bool, err error) {
	known, err = readJSON(filepath.Join(dir, identityFile), &id)
	if err != nil {
		return id, false, false, err
	}
	if known {
		return id, true, id.Made, nil
	}
	for _, name := range []string{"meta.json", "topics.json", "groups.log", "partitions"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return id, false, true, nil
		}
	}
	return id, false, false, nil
}

// checkFolder returns [fault.Damaged] if something is missing of what was there when
// the broker ended, or is not what was there. A group is not to have read more records
// than there are.
func checkFolder(dir, group string) error {
	missing, err := missingFrom(dir)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("it has no %s any more, and with that records are lost: %w", strings.Join(missing, ", "), fault.Damaged)
	}
	if err == nil {
		err = checkWritable(dir)
	}
	if err == nil {
		err = checkSettings(dir)
	}
	if err == nil {
		err = checkSegments(dir, group)
	}
	if err != nil {
		return fmt.Errorf("broker: open %s: %w", dir, err)
	}
	return nil
}

// checkWritable returns an error if something in a folder may not be written to. kfake
// acknowledges records all the same, and keeps them in memory.
func checkWritable(dir string) error {
	const write = 2 // W_OK of access(2)
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = syscall.Access(path, write)
		}
		if err != nil {
			return fmt.Errorf("this process has to be able to write to %s: look at its owner, its permissions and its disk: %w", path, err)
		}
		return nil
	})
}

// checkSettings returns [fault.Damaged] if a file of settings cannot be read. Of a broker
// that never ran it may be half written: its first start was cut short, and goes on.
func checkSettings(dir string) error {
	var id Identity
	if known, err := readJSON(filepath.Join(dir, identityFile), &id); err != nil || known && !id.Made {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, err := readJSON(path, new(any)); err != nil {
			return err
		}
	}
	return nil
}

// checkSegments reads all segments of a folder.
func checkSegments(dir, group string) error {
	var sums map[string]sum
	if _, err := readJSON(filepath.Join(dir, sumsFile), &sums); err != nil {
		return err
	}
	replaced, err := replacedIn(dir, sums)
	if err != nil {
		return err
	}
	if len(replaced) > 0 {
		slices.Sort(replaced)
		return fmt.Errorf("%s is damaged, or that of another partition or broker: %w", strings.Join(replaced, ", "), fault.Damaged)
	}
	files, err := segments(dir)
	if err != nil {
		return err
	}
	ends := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s, err := readSegment(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if lacks := s.lacks(); lacks != "" {
			return fmt.Errorf("%s lacks %s: %w", name, lacks, fault.Damaged)
		}
		partition := filepath.Base(filepath.Dir(name))
		ends[partition] = max(ends[partition], s.next)
	}
	offsets, err := committed(dir, group)
	if err != nil {
		return err
	}
	for partition, offset := range offsets {
		end, err := endOf(dir, partition, ends[partition])
		if err != nil {
			return err
		}
		if offset > end {
			return fmt.Errorf("group %s has read %s up to offset %d, and it ends at %d: %w", group, partition, offset, end, fault.Damaged)
		}
	}
	return nil
}

// endOf is where a partition ends whose segments end at end. One of which all records
// were too old ends where kfake noted it.
func endOf(dir, partition string, end int64) (int64, error) {
	var noted struct {
		HighWatermark int64 `json:"high_watermark"`
	}
	_, err := readJSON(filepath.Join(dir, "partitions", partition, "snapshot.json"), &noted)
	if end > 0 || errors.Is(err, fault.Damaged) { // kfake reads on without it
		return end, nil
	}
	return noted.HighWatermark, err
}

func missingFrom(dir string) (missing []string, err error) {
	_, _, used, err := Look(dir)
	if err != nil || !used {
		return nil, err
	}
	for _, name := range []string{"meta.json", "topics.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
		}
	}
	var files map[string]int64
	if _, err := readJSON(filepath.Join(dir, filesFile), &files); err != nil || len(missing) > 0 {
		return missing, err
	}
	topics, err := topicsOf(dir)
	if err != nil {
		return nil, err
	}
	for name, size := range files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, err
		case info.Size() < size:
			missing = append(missing, fmt.Sprintf("end of %s (%d of %d bytes)", name, info.Size(), size))
		case !topics[filepath.Base(filepath.Dir(name))]:
			missing = append(missing, "entry in topics.json for "+name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// topicsOf lists the folders of the partitions that topics.json tells of.
func topicsOf(dir string) (folders map[string]bool, err error) {
	var listed struct {
		Topics []struct {
			Name       string
			Partitions int
		}
	}
	if _, err := readJSON(filepath.Join(dir, "topics.json"), &listed); err != nil {
		return nil, err
	}
	folders = map[string]bool{}
	for _, t := range listed.Topics {
		for p := range t.Partitions {
			folders[t.Name+"-"+strconv.Itoa(p)] = true
		}
	}
	return folders, nil
}

// segments lists the segments of all partitions and their sizes.
func segments(dir string) (files map[string]int64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "partitions", "*", "*.dat"))
	if err != nil {
		return nil, err
	}
	files = map[string]int64{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its records are too old
		}
		if err != nil {
			return nil, err
		}
		files["partitions/"+filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] = info.Size()
	}
	return files, nil
}

// readJSON reads a file, if it is there.
func readJSON(path string, into any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("read %s: %w: %w", filepath.Base(path), err, fault.Damaged)
	}
	return true, nil
}

// writeJSON writes a file so that after a crash it holds this or what it held before.
func writeJSON(path string, content any) (err error) {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder has the names in a folder on the disk.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
