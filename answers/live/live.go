// Package live carries the words of an answer from where they are generated to the client that
// asked, within one process. Nothing of it is kept: the stored outcome is the truth.
//
//	hub := live.NewHub()
//	words, stop := hub.Listen(live.Question{"q-1", request})     // who asked
//	hub.Say(live.Question{"q-1", request}, 0, "a dog")           // where the answer is generated
package live

import "sync"

// A Word is text that belongs at code point At of the answer to a question, and
// replaces whatever was there. An attempt that begins anew begins at 0.
type Word struct {
	QuestionID string `json:"question_id"`
	At         int    `json:"at"`
	Text       string `json:"text"`
}

// A Question is one that is listened to: its id, and the hash of what is asked, since
// another may be asked under the same id, and is refused.
type Question struct{ ID, Request string }

// waiting is how many words may wait for a listener. One that is slower misses those
// that follow.
const waiting = 256

// A Hub knows who listens to which question. Its methods may be called by many
// goroutines.
type Hub struct {
	mu        sync.Mutex
	listeners map[Question]map[chan Word]bool
}

// NewHub returns a hub without listeners.
func NewHub() *Hub { return &Hub{listeners: map[Question]map[chan Word]bool{}} }

// Listen returns the words of the answers to questions, from now until stop is called.
// The channel is never closed.
func (h *Hub) Listen(questions ...Question) (words <-chan Word, stop func()) {
	c := make(chan Word, waiting)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range questions {
		if h.listeners[q] == nil {
			h.listeners[q] = map[chan Word]bool{}
		}
		h.listeners[q][c] = true
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, q := range questions {
			if delete(h.listeners[q], c); len(h.listeners[q]) == 0 {
				delete(h.listeners, q)
			}
		}
	}
}

// Heard reports whether anybody listens to one of the questions.
func (h *Hub) Heard(questions ...Question) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range questions {
		if len(h.listeners[q]) > 0 {
			return true
		}
	}
	return false
}

// Say sends the listeners of a question the text at code point at of its answer. It
// never waits.
func (h *Hub) Say(q Question, at int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.listeners[q] {
		select {
		case c <- Word{q.ID, at, text}:
		default: // a gap would garble what follows
			delete(h.listeners[q], c)
		}
	}
}
