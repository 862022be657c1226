package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/internal/fault"
)

const inLog = 12 // outcomes that are only in the log

// killed returns what a process leaves that is killed: the file, its log and the log's
// index, by their endings.
func killed(t *testing.T) map[string][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	for i := range inLog {
		if _, _, err := s.Settle(t.Context(), store.Outcome{QuestionID: fmt.Sprint("q-", i), Request: "h", State: store.Answered, Message: bytes.Repeat([]byte{byte('a' + i)}, 3000)}); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	for _, ending := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(path + ending)
		if err != nil {
			t.Fatal(err)
		}
		files[ending] = content
	}
	return files
}

// restart opens a store on files, and returns how many of the outcomes are as they were.
func restart(t *testing.T, files map[string][]byte) (whole int, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	for ending, content := range files {
		if err := os.WriteFile(path+ending, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	for i := range inLog {
		o, found, err := s.Outcome(t.Context(), fmt.Sprint("q-", i))
		if err != nil || found && !bytes.Equal(o.Message, bytes.Repeat([]byte{byte('a' + i)}, 3000)) {
			t.Errorf("outcome %d is %.20q (%v)", i, o.Message, err)
		}
		if found {
			whole++
		}
	}
	return whole, nil
}

func TestALogThatWasCutOffIsAnError(t *testing.T) {
	files := killed(t)
	if n, err := restart(t, files); n != inLog || err != nil {
		t.Fatalf("whole, %d outcomes are there (%v)", n, err)
	}
	wal := files["-wal"]
	for size := 0; size < len(wal); size += 1 + len(wal)/60 {
		cut := maps.Clone(files)
		cut["-wal"] = wal[:size]
		if n, err := restart(t, cut); !errors.Is(err, fault.Damaged) {
			t.Errorf("with %d of %d bytes of its log, %d outcomes are there (%v)", size, len(wal), n, err)
		}
	}
	for _, gone := range []string{"-wal", ""} {
		cut := maps.Clone(files)
		delete(cut, gone)
		if n, err := restart(t, cut); !errors.Is(err, fault.Damaged) {
			t.Errorf("without store.db%s, %d outcomes are there (%v)", gone, n, err)
		}
	}
	cut := maps.Clone(files)
	delete(cut, "-shm")
	if n, err := restart(t, cut); n != inLog || err != nil {
		t.Errorf("without the log's index, %d outcomes are there (%v)", n, err)
	}
}

func TestABitFlippedInALogIsPutRight(t *testing.T) {
	files := killed(t)
	for seed := range uint64(30) {
		for _, indexed := range []bool{true, false} {
			random, spoilt := rand.New(rand.NewPCG(seed, 1)), maps.Clone(files)
			spoilt["-wal"] = bytes.Clone(files["-wal"])
			at := random.IntN(len(spoilt["-wal"]))
			if seed < 4 {
				at = int(seed) * 9 // its head
			}
			spoilt["-wal"][at] ^= 1 << random.IntN(8)
			if !indexed {
				delete(spoilt, "-shm")
			}
			if n, err := restart(t, spoilt); n != inLog || err != nil {
				t.Errorf("bit of byte %d, index %v: %d outcomes are there (%v)", at, indexed, n, err)
			}
		}
	}
}

func TestALogThatIsDamagedInItsMiddleIsAnError(t *testing.T) {
	files := killed(t)
	for _, indexed := range []bool{true, false} {
		spoilt := maps.Clone(files)
		spoilt["-wal"] = bytes.Clone(files["-wal"])
		clear(spoilt["-wal"][len(spoilt["-wal"])/2:][:512])
		copy(spoilt["-wal"][len(spoilt["-wal"])/2:], "damage")
		if !indexed {
			delete(spoilt, "-shm")
		}
		if n, err := restart(t, spoilt); !errors.Is(err, fault.Damaged) {
			t.Errorf("index %v: %d outcomes are there (%v)", indexed, n, err)
		}
	}
}

// A copy of a file and its log that was made while a process wrote is an error, or all of it.
func TestACopyMadeWhileAProcessWritesIsWholeOrAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	older := map[string][]byte{}
	put := func(from, to int) {
		for i := from; i < to; i++ {
			if _, _, err := s.Settle(t.Context(), store.Outcome{QuestionID: fmt.Sprint("q-", i%inLog), Request: fmt.Sprint(i), State: store.Answered, Message: bytes.Repeat([]byte{byte('a' + i%inLog)}, 3000)}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Claim(t.Context(), fmt.Sprint(rand.Uint64()), string(bytes.Repeat([]byte("x"), 9000))); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(0, inLog)
	for _, ending := range []string{"", "-wal", "-shm"} {
		older[ending], _ = os.ReadFile(path + ending)
	}
	put(inLog, 30*inLog) // more than one log takes
	newer := map[string][]byte{}
	for _, ending := range []string{"", "-wal", "-shm"} {
		newer[ending], _ = os.ReadFile(path + ending)
	}
	for _, tc := range []struct {
		name               string
		file, log, indexed map[string][]byte
	}{
		{"the file first", older, newer, newer},
		{"the log first", newer, older, newer},
		{"log and index first", newer, older, older},
		{"the file and its index first", older, newer, older},
	} {
		for _, indexed := range []bool{true, false} {
			files := map[string][]byte{"": tc.file[""], "-wal": tc.log["-wal"], "-shm": tc.indexed["-shm"]}
			if !indexed {
				delete(files, "-shm")
			}
			if n, err := restart(t, files); err == nil && n != inLog || err != nil && !errors.Is(err, fault.Damaged) {
				t.Errorf("%s, index %v: %d outcomes are there (%v)", tc.name, indexed, n, err)
			}
		}
	}
}
