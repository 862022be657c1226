package live_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"videoqa/answers/live"
)

func question(id string) live.Question { return live.Question{ID: id, Request: "r"} }

func TestWordsReachWhoListensToTheirQuestion(t *testing.T) {
	hub := live.NewHub()
	one, stopOne := hub.Listen(question("q-1"), question("q-2"))
	two, stopTwo := hub.Listen(question("q-2"))
	defer stopTwo()
	hub.Say(question("q-1"), 0, "a")
	hub.Say(question("q-2"), 0, "b")
	hub.Say(question("q-3"), 0, "c")
	hub.Say(live.Question{ID: "q-1", Request: "another"}, 0, "d")
	if a, b, c := <-one, <-one, <-two; a.Text+b.Text+c.Text != "abb" || len(one)+len(two) != 0 {
		t.Errorf("heard %v, %v and %v, and %d words more", a, b, c, len(one)+len(two))
	}
	stopOne()
	hub.Say(question("q-1"), 1, "d")
	if len(one) != 0 || hub.Heard(question("q-1")) || !hub.Heard(question("q-1"), question("q-2")) {
		t.Errorf("after it stopped, one heard %d words; q-1 is heard %v", len(one), hub.Heard(question("q-1")))
	}
}

// Who is slow holds nobody up, and hears a beginning without gaps.
func TestASlowListenerHearsABeginning(t *testing.T) {
	hub := live.NewHub()
	words, stop := hub.Listen(question("q-1"))
	defer stop()
	var saying sync.WaitGroup
	saying.Go(func() {
		for n := range 10_000 {
			hub.Say(question("q-1"), n, fmt.Sprint(n%10))
		}
	})
	saying.Wait()
	hub.Say(question("q-1"), 10_000, "end")
	var heard strings.Builder
	for len(words) > 0 {
		w := <-words
		if w.At != heard.Len() {
			t.Fatalf("behind %d words comes the one at %d", heard.Len(), w.At)
		}
		heard.WriteString(w.Text)
	}
	if heard.Len() == 0 || strings.Contains(heard.String(), "end") {
		t.Errorf("heard %q", heard.String())
	}
}
