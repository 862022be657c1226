package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"

	"videoqa/internal/fault"
)

// SQLite reads a write-ahead log up to the first frame that does not fit, and takes the
// rest for what a process was writing when it ended. So a log that was damaged or cut
// off loses transactions without a word. But its index, which outlives a process that
// is killed, tells how many frames were committed; and where there is no index, frames
// that fit behind one that does not tell that it was not the last.

// checkLog returns [fault.Damaged] if the log of the file at path lacks something that
// was committed. It puts frames right of which a bit is flipped. used says whether the
// log holds anything. No process may have the file open.
func checkLog(path string) (used bool, err error) {
	index, err := readIndex(path + "-shm")
	if err != nil {
		return false, err
	}
	log, err := os.ReadFile(path + "-wal")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case len(log) < logHead && index.committed > index.copied:
		return false, fmt.Errorf("the write-ahead log %s-wal is gone, and with it what was stored last: bring it back; to go on without, move %s-shm aside: %w", path, path, fault.Damaged)
	case len(log) < logHead:
		return false, nil
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return true, fmt.Errorf("%[1]s is gone or empty, and its write-ahead log is there: bring it back; to begin a new store, move %[1]s-wal and %[1]s-shm aside: %[2]w", path, fault.Damaged)
	}
	mended := false
	if !logHeadFits(log) {
		if mended = mendLogHead(log); !mended {
			return true, lostLog(path, "its first bytes are damaged")
		}
	}
	if binary.BigEndian.Uint32(log[8:]) != pageSize {
		return true, nil // no file of ours
	}
	read, there, some := readFrames(log)
	if bytes.Equal(index.salts, log[16:24]) {
		there = index.committed
		if read < there && index.copied == there { // all of it is in the file
			return false, os.Truncate(path+"-wal", 0)
		}
	}
	switch {
	case read < there:
		return true, lostLog(path, fmt.Sprintf("of %d frames that were committed it has the first %d", there, read))
	case mended || some:
		return true, writeOver(path+"-wal", log)
	}
	return true, nil
}

func lostLog(path, why string) error {
	return fmt.Errorf("the write-ahead log %s-wal is damaged or cut off (%s), so what was stored last is lost: bring back %s with its -wal and -shm from one backup; to go on with what can still be read, move the -shm aside, and if that does not help the -wal too: %w", path, why, path, fault.Damaged)
}

// writeOver writes content over a file's own.
func writeOver(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	return errors.Join(err, file.Sync(), file.Close())
}

// A logIndex is what the head of a log's index says (sqlite.org/walformat.html); the
// zero value knows nothing.
type logIndex struct {
	salts     []byte // of the log that it is about
	committed int    // frames
	copied    int    // of them, those that are in the file
}

// readIndex reads the head of an index. It is there twice, and not believed unless both
// are alike.
func readIndex(path string) (index logIndex, err error) {
	const head = 48
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return index, nil
	}
	if err != nil || len(content) < 2*head+4 || !bytes.Equal(content[:head], content[head:2*head]) || content[12] == 0 {
		return index, err
	}
	number := func(at int) uint32 { return binary.NativeEndian.Uint32(content[at:]) }
	a, b := logSum(nativeOrder(), 0, 0, content[:40])
	if a != number(40) || b != number(44) {
		return index, nil
	}
	return logIndex{content[32:40], int(number(16)), int(number(2 * head))}, nil
}

func nativeOrder() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// logOrder is the order of bytes in which a log's sums are made.
func logOrder(log []byte) binary.ByteOrder {
	if log[3]&1 == 1 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func logHeadFits(log []byte) bool {
	if binary.BigEndian.Uint32(log)&^1 != 0x377f0682 {
		return false
	}
	a, b := logSum(logOrder(log), 0, 0, log[:24])
	return a == binary.BigEndian.Uint32(log[24:]) && b == binary.BigEndian.Uint32(log[28:])
}

// mendLogHead puts the head of a log right in which one bit is wrong.
func mendLogHead(log []byte) bool {
	for bit := range 8 * logHead {
		log[bit/8] ^= 1 << (bit % 8)
		if logHeadFits(log) {
			return true
		}
		log[bit/8] ^= 1 << (bit % 8)
	}
	return false
}

// readFrames returns how many frames of a log SQLite reads: those that fit, up to the
// last of them that ends a transaction; and how many there were as far as frames tell
// that fit behind one that does not. mended says whether some were put right.
func readFrames(log []byte) (read, there int, mended bool) {
	n := (len(log) - logHead) / frameSize
	frame := func(i int) (head, page []byte) {
		at := logHead + i*frameSize
		return log[at : at+frameHead], log[at+frameHead : at+frameSize]
	}
	salts, before, i := log[16:24], log[24:32], 0
	for ; i < n; i++ {
		head, page := frame(i)
		if !bytes.Equal(head[8:16], salts) || !frameFits(before, head, page) {
			if !mendFrame(logOrder(log), salts, before, head, page) {
				break
			}
			mended = true
		}
		if ends(head) {
			read = i + 1
		}
		before = head[16:24]
	}
	there = read
	for i++; i < n; i++ {
		last, _ := frame(i - 1)
		head, page := frame(i)
		if bytes.Equal(head[8:16], salts) && ends(head) && frameFits(last[16:24], head, page) {
			there = i + 1
		}
	}
	return read, there, mended
}

// ends reports whether a frame is the last of a transaction.
func ends(head []byte) bool { return binary.BigEndian.Uint32(head[4:]) != 0 }

// mendFrame puts a frame right in which one bit is wrong. A frame of an earlier log has
// other salts, which differ in many bits.
func mendFrame(order binary.ByteOrder, salts, before, head, page []byte) bool {
	if wrong := differ(head[8:16], salts); wrong > 1 {
		return false
	} else if wrong == 1 {
		copy(head[8:16], salts)
		return frameFits(before, head, page)
	}
	first, second := binary.BigEndian.Uint32(before), binary.BigEndian.Uint32(before[4:])
	a, b := logSum(order, first, second, head[:8])
	a, b = logSum(order, a, b, page)
	sums := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, a), b)
	if differ(sums, head[16:24]) == 1 {
		copy(head[16:24], sums)
		return true
	}
	for bit := range 8 * (8 + pageSize) {
		part, at := head, bit/8
		if at >= 8 {
			part, at = page, at-8
		}
		part[at] ^= 1 << (bit % 8)
		if frameFitsIn(order, before, head, page) {
			return true
		}
		part[at] ^= 1 << (bit % 8)
	}
	return false
}

// differ counts the bits in which two texts of one length differ.
func differ(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}
