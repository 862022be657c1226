package worker

import (
	"fmt"
	"strings"
	"testing"

	"videoqa/ingest"
)

// waits is a question of a camera about a clip; a name that ends in ! prefers to
// be dropped.
func waits(camera, clip, id string) *job {
	q := ingest.Question{ID: strings.TrimSuffix(id, "!"), Camera: camera, ClipID: clip}
	if q.ID != id {
		q.OnOverload = ingest.Drop
	}
	return &job{question: q, target: target{clip: ingest.Clip{ID: clip, Camera: camera}}}
}

func deskOf(most int) *desk {
	d := &desk{}
	d.init(most, 1<<20)
	return d
}

func take(d *desk) (names []string) {
	for _, j := range d.take().jobs {
		names = append(names, j.question.ID)
	}
	return names
}

func TestSlotsGoRoundAmongCameras(t *testing.T) {
	d := deskOf(1000)
	for i := range 100 {
		d.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
	}
	var order []string
	order = append(order, take(d)...)
	d.put(waits("quiet", "q-0", "q0"))
	d.put(waits("quiet", "q-1", "q1"))
	d.put(waits("", "alone", "a0"))
	d.put(waits("quiet", "q-0", "q2")) // joins the batch of its clip
	for range 7 {
		order = append(order, strings.Join(take(d), "+"))
	}
	if got, want := strings.Join(order, " "), "f0 f1 q0+q2 a0 f2 q1 f3 f4"; got != want {
		t.Errorf("asked in the order %s; want %s", got, want)
	}
}

func TestOneCameraNeverHasAllSlots(t *testing.T) {
	d := &desk{}
	d.init(100, 3)
	for i := range 9 {
		d.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
	}
	first := d.take()
	if got := take(d); got[0] != "f1" {
		t.Errorf("the second slot is %v's; want f1's", got)
	}
	third := make(chan string)
	go func() {
		for range 2 {
			third <- take(d)[0]
		}
	}()
	d.put(waits("quiet", "q-0", "q0"))
	if got := <-third; got != "q0" {
		t.Errorf("the third slot is %s's; want the other camera's", got)
	}
	d.done(first)
	if got := <-third; got != "f2" {
		t.Errorf("the slot that was given back is %s's; want f2's", got)
	}
}

func TestADeskIsFullForWhoHasAShareOfIt(t *testing.T) {
	d := deskOf(8)
	for i := range 7 {
		d.put(waits("flood", "f", fmt.Sprint("f", i)))
	}
	d.put(waits("quiet", "q", "q"))
	for line, want := range map[string]bool{"flood": true, "quiet": false, "new": false} {
		if d.full(line) != want {
			t.Errorf("for %s the desk's being full is %v", line, !want)
		}
	}
	take(d)
	if d.full("flood") || d.room() != 7 {
		t.Errorf("with room for %d it is still full", d.room())
	}
}

func TestWhoPrefersThatIsDroppedOldestFirst(t *testing.T) {
	d := deskOf(3)
	var gone []string
	for _, id := range []string{"a!", "b", "c!", "d", "e!", "f", "g!", "h"} {
		dropped, ok := d.put(waits("x", "c-"+id, id))
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
	for d.busy() {
		left = append(left, take(d)...)
	}
	if got := strings.Join(left, " "); got != "b d f h" {
		t.Errorf("left are %s; those that wait are never dropped", got)
	}
}

func TestADeskThatClosesGivesEverythingBack(t *testing.T) {
	d := deskOf(10)
	for i := range 5 {
		d.put(waits(fmt.Sprint("camera-", i%2), fmt.Sprint("c-", i), fmt.Sprint(i)))
	}
	take(d)
	if left := d.close(); len(left) != 4 || d.busy() {
		t.Errorf("%d are given back; want 4", len(left))
	}
	if _, ok := d.put(waits("x", "c", "late")); ok || d.take() != nil {
		t.Error("a closed desk takes questions")
	}
}

// A camera floods; how long another one's question waits, as batches asked before
// it, in relation to a desk of its own.
func BenchmarkAFloodedDesk(b *testing.B) {
	before := 0
	for b.Loop() {
		d := deskOf(1 << 20)
		for i := range 1000 {
			d.put(waits("flood", fmt.Sprint("f-", i), fmt.Sprint("f", i)))
		}
		d.put(waits("quiet", "q", "q"))
		for n := 1; ; n++ {
			if take(d)[0] == "q" {
				before = n
				break
			}
		}
	}
	b.ReportMetric(float64(before), "batches/solo")
}
