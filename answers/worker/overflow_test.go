package worker_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
)

// flood runs a worker of two slots and a queue of four, lets its asker hang, and
// asks n questions of one camera, each about a clip of its own.
func (b *bubble) flood(n int, change func(*ingest.Question)) (release func()) {
	b.stop()
	hold := make(chan struct{})
	b.house.asker.hold = hold
	b.run(func(c *worker.Config) { c.Slots, c.Queue, c.Ahead = 2, 4, -1 })
	for i := range n {
		b.sendOf("flood", i)
	}
	b.sendOf("quiet", 0)
	for i := range n {
		q := ingest.Question{ID: fmt.Sprint("f-", i), Text: "a?", Camera: "flood", ClipID: fmt.Sprint("flood-", i)}
		if change != nil {
			change(&q)
		}
		b.ask(q)
	}
	return func() { close(hold) }
}

func (b *bubble) sendOf(camera string, i int) {
	c := b.house.clip(fmt.Sprintf("%s-%d", camera, i), camera)
	c.Camera = camera
	b.send(ingest.TopicClips, c)
}

// outcomes are what was published, without their times, in the order of their names.
func (b *bubble) outcomes() (list []string) {
	for _, letter := range b.got(b.start) {
		text, _, _ := strings.Cut(letter, " after ")
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func (b *bubble) wantAll(n int, outcome string, more ...string) {
	b.t.Helper()
	want := more
	for i := range n {
		want = append(want, fmt.Sprintf("f-%d %s", i, outcome))
	}
	slices.Sort(want)
	if got := b.outcomes(); !slices.Equal(got, want) {
		b.t.Errorf("published %q\nwant      %q", got, want)
	}
}

func TestACameraThatFloodsDelaysOnlyItself(t *testing.T) {
	inBubble(t, func(b *bubble) {
		const n = 50
		release := b.flood(n, nil)
		if done, want := b.finished(), n+1+n-5; done != want {
			t.Errorf("%d records are done; want %d, all but one in a slot and four in the queue", done, want)
		}
		if calls := b.house.asker.count(); calls != 1 {
			t.Errorf("the camera has %d slots of two", calls)
		}
		b.ask(ingest.Question{ID: "q", Text: "a?", Camera: "quiet", ClipID: "quiet-0"})
		if calls := b.house.asker.count(); calls != 2 {
			t.Errorf("%d calls: the other camera's question is not being asked", calls)
		}
		release()
		b.pass(time.Minute)
		b.wantAll(n, "flood 0", "q quiet 0")
		if done := b.finished(); done != n+1+n+1 {
			t.Errorf("%d records are done of %d", done, n+1+n+1)
		}
	})
}

func TestAnOverflowedQuestionSurvivesARestart(t *testing.T) {
	inBubble(t, func(b *bubble) {
		const n = 20
		release := b.flood(n, nil)
		go release()
		b.stop()
		read := b.finished() - n - 1
		b.run(nil)
		b.pass(time.Minute)
		answered := b.outcomes()
		if len(answered) != read {
			t.Errorf("%d questions were read and %d answered: %q", read, len(answered), answered)
		}
		b.house.asker.hold = nil
		for i := range n { // what was not done is read again, and what was, too
			b.ask(ingest.Question{ID: fmt.Sprint("f-", i), Text: "a?", Camera: "flood", ClipID: fmt.Sprint("flood-", i)})
		}
		b.pass(time.Minute)
		got := b.outcomes()
		if got = slices.Compact(got); len(got) != n {
			t.Errorf("%d questions have outcomes: %q", len(got), got)
		}
	})
}

func TestAnOverflowedQuestionHasOneOutcome(t *testing.T) {
	inBubble(t, func(b *bubble) {
		const n = 20
		release := b.flood(n, nil)
		again := ingest.Question{ID: "f-15", Text: "a?", Camera: "flood", ClipID: "flood-15"}
		b.ask(again)
		b.want()
		again.Text = "another?"
		b.ask(again)
		release()
		b.pass(time.Minute)
		b.wantAll(n, "flood 0", "f-15 conflict 0")
	})
}

func TestADeadlineEndsAnOverflowedQuestion(t *testing.T) {
	inBubble(t, func(b *bubble) {
		const n = 20
		release := b.flood(n, func(q *ingest.Question) { q.Deadline = later(b.start, time.Minute) })
		b.pass(2 * time.Minute)
		release()
		b.pass(time.Minute)
		got := strings.Join(b.outcomes(), ", ")
		if late, answered := strings.Count(got, " deadline 0"), strings.Count(got, " flood 0"); late != n-5 || answered != 5 {
			t.Errorf("%d were late and %d answered; want the five that were in a slot or in the queue: %s", late, answered, got)
		}
	})
}

func TestDroppableQuestionsOfAFloodAreDroppedNotStored(t *testing.T) {
	inBubble(t, func(b *bubble) {
		const n = 20
		release := b.flood(n, func(q *ingest.Question) { q.OnOverload = ingest.Drop })
		release()
		b.pass(time.Minute)
		got := strings.Join(b.outcomes(), ", ")
		if dropped, answered := strings.Count(got, " overload 0"), strings.Count(got, " flood 0"); dropped != n-5 || answered != 5 {
			t.Errorf("%d were dropped and %d answered; want five answered: %s", dropped, answered, got)
		}
	})
}

func TestAQuestionIsNotTakenInPlaceOfAnother(t *testing.T) {
	inBubble(t, func(b *bubble) {
		release := b.flood(20, nil)
		db, err := sqlite.Join(context.Background(), filepath.Join(b.house.dir, "store.db"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := db.TakeTurns(context.Background(), time.Now(), time.Now().Add(time.Minute), 100)
		if err != nil || len(rows) != 15 || rows[0].For != store.ForTurn {
			t.Errorf("%d wait for their turn (%v); want 15", len(rows), err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		release()
		b.pass(30 * time.Second)
		if got := b.outcomes(); len(got) != 5 {
			t.Errorf("%d are answered while another process has the others: %q", len(got), got)
		}
		b.pass(time.Minute) // its lease is over
		b.wantAll(20, "flood 0")
	})
}
