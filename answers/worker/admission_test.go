package worker

import (
	"fmt"
	"strings"
	"testing"

	"videoqa/ingest"
)

// waits returns a question of a camera about a clip; an id that ends in ! stands for
// on_overload: drop.
func waits(camera, clip, id string) *job {
	q := ingest.Question{ID: strings.TrimSuffix(id, "!"), Camera: camera, ClipID: clip}
	if q.ID != id {
		q.OnOverload = ingest.Drop
	}
	return &job{question: q, target: target{clip: ingest.Clip{ID: clip, Camera: camera}}}
}

func newAdmission(most int) *admission {
	q := &admission{}
	q.init(most, 1<<20)
	return q
}

func take(q *admission) (names []string) {
	for _, j := range q.take().jobs {
		names = append(names, j.question.ID)
	}
	return names
}

func TestSlotsGoToTheCamerasInTurn(t *testing.T) {
	q := newAdmission(1000)
	for i := range 100 {
		q.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
	}
	var order []string
	order = append(order, take(q)...)
	q.put(waits("quiet", "q-0", "q0"))
	q.put(waits("quiet", "q-1", "q1"))
	q.put(waits("", "alone", "a0"))
	q.put(waits("quiet", "q-0", "q2")) // joins the batch of its clip
	for range 7 {
		order = append(order, strings.Join(take(q), "+"))
	}
	if got, want := strings.Join(order, " "), "f0 f1 q0+q2 a0 f2 q1 f3 f4"; got != want {
		t.Errorf("asked in the order %s; want %s", got, want)
	}
}

func TestOneCameraNeverHasAllSlots(t *testing.T) {
	q := &admission{}
	q.init(100, 3)
	for i := range 9 {
		q.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
	}
	first := q.take()
	if got := take(q); got[0] != "f1" {
		t.Errorf("the second slot is %v's; want f1's", got)
	}
	third := make(chan string)
	go func() {
		for range 2 {
			third <- take(q)[0]
		}
	}()
	q.put(waits("quiet", "q-0", "q0"))
	if got := <-third; got != "q0" {
		t.Errorf("the third slot is %s's; want the other camera's", got)
	}
	q.done(first)
	if got := <-third; got != "f2" {
		t.Errorf("the slot that was given back is %s's; want f2's", got)
	}
}

func TestAFullQueueIsFullForAKeyThatHasItsShare(t *testing.T) {
	q := newAdmission(8)
	for i := range 7 {
		q.put(waits("flood", "f", fmt.Sprint("f", i)))
	}
	q.put(waits("quiet", "q", "q"))
	for line, want := range map[string]bool{"flood": true, "quiet": false, "new": false} {
		if q.full(line) != want {
			t.Errorf("for %s the queue's being full is %v", line, !want)
		}
	}
	take(q)
	if q.full("flood") || q.free() != 7 {
		t.Errorf("with room for %d it is still full", q.free())
	}
}

func TestOverTheLimitTheOldestDroppableQuestionGoesFirst(t *testing.T) {
	q := newAdmission(3)
	var gone []string
	for _, id := range []string{"a!", "b", "c!", "d", "e!", "f", "g!", "h"} {
		dropped, ok := q.put(waits("x", "c-"+id, id))
		if !ok {
			t.Fatal("closed")
		}
		for _, j := range dropped {
			gone = append(gone, j.question.ID+" for "+strings.TrimSuffix(id, "!"))
		}
	}
	if got, want := strings.Join(gone, ", "), "a for d, c for e, e for f, g for g"; got != want {
		t.Errorf("dropped %s; want %s", got, want)
	}
	var left []string
	for q.busy() {
		left = append(left, take(q)...)
	}
	if got := strings.Join(left, " "); got != "b d f h" {
		t.Errorf("left are %s; those that wait are never dropped", got)
	}
}

func TestAClosedQueueReturnsWhatWaited(t *testing.T) {
	q := newAdmission(10)
	for i := range 5 {
		q.put(waits(fmt.Sprint("camera-", i%2), fmt.Sprint("c-", i), fmt.Sprint(i)))
	}
	take(q)
	if left := q.close(); len(left) != 4 || q.busy() {
		t.Errorf("%d are given back; want 4", len(left))
	}
	if _, ok := q.put(waits("x", "c", "late")); ok || q.take() != nil {
		t.Error("a closed queue takes questions")
	}
}

// A camera floods; how long another one's question waits, as batches asked before
// it, in relation to a queue of its own.
func BenchmarkAFloodedQueue(b *testing.B) {
	before := 0
	for b.Loop() {
		q := newAdmission(1 << 20)
		for i := range 1000 {
			q.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
		}
		q.put(waits("quiet", "q", "q"))
		for n := 1; ; n++ {
			if take(q)[0] == "q" {
				before = n
				break
			}
		}
	}
	b.ReportMetric(float64(before), "batches/solo")
}
