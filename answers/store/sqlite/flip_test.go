package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/ingest"
	"videoqa/internal/fault"
)

const rowsOfEach = 40

// furnished makes a store with rows of every kind and returns the bytes of its file.
func furnished(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	ctx, began := t.Context(), time.UnixMilli(1_700_000_000_000)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range rowsOfEach {
		at := began.Add(time.Duration(i) * time.Second)
		start, end := ingest.NewTime(at), ingest.NewTime(at.Add(time.Second))
		clip := ingest.Clip{ID: fmt.Sprint("c-", i), URI: fmt.Sprint("file:///", i), Camera: fmt.Sprint("x-", i%7), Start: &start, End: &end}
		check(s.PutClip(ctx, clip, at))
		o := store.Outcome{QuestionID: fmt.Sprint("q-", i), Request: "h", State: store.Answered, Message: bytes.Repeat([]byte(fmt.Sprint(i)), 700),
			About: store.About{AnswerID: fmt.Sprint("a-", i), Camera: clip.Camera, ClipIDs: []string{clip.ID}, Start: at, End: at.Add(time.Second)}}
		if i%5 == 0 {
			o.State, o.About = store.Dead, store.About{}
		}
		_, _, err := s.Settle(ctx, o)
		check(err)
		_, _, err = s.Wait(ctx, store.Row{QuestionID: fmt.Sprint("w-", i), Request: "h", Record: ingest.Record{Value: []byte("what is it?")}, For: store.ForClip("c"), Due: at, Until: at, FirstSeen: at})
		check(err)
		check(s.KeepLetter(ctx, store.Letter{ID: fmt.Sprint("t/0/", i), Message: []byte("a letter")}))
		_, err = s.Claim(ctx, fmt.Sprint("n-", i), "first")
		check(err)
		_, err = s.UseUpload(ctx, fmt.Sprint("videoqa-media:", i), time.Time{}, store.QuestionUser(fmt.Sprint("q-", i), "h"))
		check(err)
	}
	check(s.Close())
	whole, err := os.ReadFile(path)
	check(err)
	return whole
}

// A found is what one question to a store has for a reply.
type found struct {
	what  string
	value any
	err   error
}

// readAll asks a store for all that furnished put there.
func readAll(ctx context.Context, s *sqlite.Store) (all []found) {
	note := func(what string, err error, value ...any) { all = append(all, found{what, value, err}) }
	for i := range rowsOfEach {
		o, there, err := s.Outcome(ctx, fmt.Sprint("q-", i))
		note(fmt.Sprint("outcome ", i), err, o, there)
		if i%5 != 0 {
			o, there, err = s.Answer(ctx, fmt.Sprint("a-", i))
			note(fmt.Sprint("answer ", i), err, o, there)
		}
		c, state, err := s.Clip(ctx, fmt.Sprint("c-", i))
		note(fmt.Sprint("clip ", i), err, c.URI, state)
		w, there, err := s.WaitingFor(ctx, fmt.Sprint("w-", i))
		note(fmt.Sprint("waiting ", i), err, string(w.Record.Value), there)
		l, there, err := s.Letter(ctx, fmt.Sprint("t/0/", i))
		note(fmt.Sprint("letter ", i), err, string(l.Message), there)
		content, there, err := s.Claimed(ctx, fmt.Sprint("n-", i))
		if err != nil {
			there = true
		}
		note(fmt.Sprint("claim ", i), err, content, there)
	}
	answers, err := s.Answers(ctx, store.AnswerQuery{Limit: 1000})
	note("answers", err, answers)
	dead, err := s.Dead(ctx, "", 1000)
	note("dead letters", err, dead)
	clips, err := s.ListClips(ctx, store.ClipQuery{Limit: 1000})
	note("clips", err, clips)
	waiting, _, err := s.WaitingList(ctx, "", 1000)
	note("waiting list", err, len(waiting))
	letters, _, err := s.Letters(ctx, "", 1000)
	note("letters", err, letters)
	for camera := range 7 {
		at, known, err := s.Reached(ctx, fmt.Sprint("x-", camera))
		note(fmt.Sprint("camera ", camera), err, at, known)
	}
	n, err := s.Waiting(ctx)
	note("how many wait", err, n)
	return all
}

// tellsWhatIsMissing reports whether got is a list like want but for rows that it calls
// damaged.
func tellsWhatIsMissing(got, want any) bool {
	switch want := want.([]any)[0].(type) {
	case store.Page:
		got := got.([]any)[0].(store.Page)
		left := slices.DeleteFunc(slices.Clone(want.Outcomes), func(o store.Outcome) bool { return slices.Contains(got.Damaged, o.QuestionID) })
		return len(got.Damaged) > 0 && slices.EqualFunc(got.Outcomes, left, func(a, b store.Outcome) bool { return reflect.DeepEqual(a, b) })
	case store.ClipPage:
		got := got.([]any)[0].(store.ClipPage)
		left := slices.DeleteFunc(slices.Clone(want.Clips), func(c ingest.Clip) bool { return slices.Contains(got.Damaged, c.ID) })
		return len(got.Damaged) > 0 && slices.EqualFunc(got.Clips, left, func(a, b ingest.Clip) bool { return reflect.DeepEqual(a, b) })
	}
	return false
}

// openSpoilt opens a store on the bytes of a file.
func openSpoilt(t *testing.T, file []byte) (*sqlite.Store, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

func TestBitsFlippedInEveryPageArePutRight(t *testing.T) {
	whole := furnished(t)
	s, err := openSpoilt(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t.Context(), s)
	for seed := range uint64(4) {
		random, spoilt := rand.New(rand.NewPCG(seed, 1)), bytes.Clone(whole)
		for page := 0; page < len(spoilt); page += 4096 {
			for range 1 + seed%2 {
				spoilt[page+random.IntN(4096)] ^= 1 << random.IntN(8)
			}
		}
		s, err := openSpoilt(t, spoilt)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		var mended, pages int // a page that was written before is right already
		advice, err := s.Health(t.Context())
		if _, scanned := fmt.Sscanf(advice, "%d of the %d pages", &mended, &pages); scanned != nil || err != nil || pages != len(whole)/4096 || mended < pages-9 {
			t.Errorf("seed %d: it says %q (%v)", seed, advice, err)
		}
		for i, got := range readAll(t.Context(), s) {
			if got.err != nil || !reflect.DeepEqual(got.value, want[i].value) {
				t.Errorf("seed %d: %s is %.200v (%v)", seed, got.what, got.value, got.err)
			}
		}
	}
}

func TestWhatIsDamagedBeyondThatIsNeverServedAndNeverMissing(t *testing.T) {
	whole := furnished(t)
	s, err := openSpoilt(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t.Context(), s)
	told, refused, unopened := 0, 0, 0
	for page := 0; page < len(whole); page += 4096 {
		random, spoilt := rand.New(rand.NewPCG(uint64(page), 1)), bytes.Clone(whole)
		if at := page + 512*random.IntN(8); random.IntN(2) == 0 {
			for i := range 512 {
				spoilt[at+i] = byte(random.Uint32())
			}
		} else {
			for range 5 {
				spoilt[page+random.IntN(4096)] ^= byte(1 + random.IntN(255))
			}
		}
		s, err := openSpoilt(t, spoilt)
		if err != nil {
			if unopened++; !errors.Is(err, fault.Damaged) {
				t.Errorf("page %d: it does not open: %v", page/4096+1, err)
			}
			continue
		}
		if advice, err := s.Health(t.Context()); !errors.Is(err, fault.Damaged) && !strings.Contains(advice, "all that they hold fits") { // where nothing is
			t.Errorf("page %d: the store's health is %q, %v", page/4096+1, advice, err)
		}
		for i, got := range readAll(t.Context(), s) {
			switch {
			case errors.Is(got.err, fault.Damaged):
				refused++
			case got.err != nil || !reflect.DeepEqual(got.value, want[i].value) && !tellsWhatIsMissing(got.value, want[i].value):
				t.Errorf("page %d: %s is %.200v (%v)", page/4096+1, got.what, got.value, got.err)
			default:
				told++
			}
		}
	}
	if told < 1000 || refused < 100 {
		t.Errorf("%d replies were as stored, %d refused, %d files did not open: the test shows little", told, refused, unopened)
	}
}

// SQLite compares the sums of its log only when it opens it first.
func TestADamagedLogIsNoticedWhileItIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	for i := range 9 {
		if _, err := s.Claim(t.Context(), fmt.Sprint("n-", i), "first"); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for frame := 32; frame < len(log); frame += 24 + 4096 {
		log[frame+24+4000] ^= 4
	}
	if err := os.WriteFile(path+"-wal", log, 0); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.Join(t.Context(), path)
	if err == nil {
		defer other.Close()
		_, _, err = other.Claimed(t.Context(), "n-1")
	}
	if !errors.Is(err, fault.Damaged) {
		t.Errorf("what is in the damaged log reads with %v", err)
	}
}

// As the sqlite3 program does when it looks at what a killed process left.
func TestPagesThatAnotherProgramWroteAreBelievedIfTheirRowsFit(t *testing.T) {
	files := killed(t)
	path := filepath.Join(t.TempDir(), "store.db")
	for ending, content := range files {
		if err := os.WriteFile(path+ending, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = other.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if err = errors.Join(err, other.Close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if advice, err := s.Health(t.Context()); !strings.Contains(advice, "another program") || err != nil {
		t.Errorf("it says %q (%v)", advice, err)
	}
	for i := range inLog {
		if o, found, err := s.Outcome(t.Context(), fmt.Sprint("q-", i)); !found || err != nil || len(o.Message) != 3000 {
			t.Errorf("outcome %d: %v, %v", i, found, err)
		}
	}
}

// A list goes on past a page that is damaged, where its index is not.
func TestAListGoesOnPastADamagedPage(t *testing.T) {
	file := furnished(t)
	whole, err := openSpoilt(t, file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := whole.Answers(t.Context(), store.AnswerQuery{Limit: 1000, Camera: "x-1"})
	if err != nil {
		t.Fatal(err)
	}
	spoilt := 0
	for page := 4096; page < len(file); page += 4096 {
		damaged := bytes.Clone(file)
		copy(damaged[page+1000:], bytes.Repeat([]byte("damage"), 300))
		s, err := openSpoilt(t, damaged)
		if err != nil {
			continue
		}
		got, err := s.Answers(t.Context(), store.AnswerQuery{Limit: 1000, Camera: "x-1"})
		if err != nil || len(got.Damaged) == 0 {
			continue
		}
		spoilt++
		for _, o := range want.Outcomes {
			if !slices.Contains(got.Damaged, o.QuestionID) && !slices.ContainsFunc(got.Outcomes, func(g store.Outcome) bool { return reflect.DeepEqual(g, o) }) {
				t.Errorf("page %d: %s is missing from a list of %d, %v damaged", page/4096+1, o.QuestionID, len(got.Outcomes), got.Damaged)
			}
		}
		var pieces store.Page
		for q := (store.AnswerQuery{Limit: 2, Camera: "x-1"}); ; q.Cursor = pieces.Next {
			if pieces, err = s.Answers(t.Context(), q); err != nil || len(pieces.Outcomes)+len(pieces.Damaged) > 2 {
				t.Fatalf("page %d: %+v (%v)", page/4096+1, pieces, err)
			}
			if pieces.Next == "" {
				break
			}
		}
	}
	if spoilt < 3 {
		t.Errorf("%d pages hold answers of the camera: the test shows little", spoilt)
	}
}
