package worker

import (
	"sync"
	"time"

	"videoqa/ingest"
)

// misspeltEvery is how often the log names misspelt fields of clips' events: a producer that
// misspells a field does so in all its events.
const misspeltEvery = time.Minute

// misspellings counts the events with misspelt fields between two lines of the log.
type misspellings struct {
	mu     sync.Mutex
	logged time.Time // when a line was written last
	since  int       // events since then
}

// logMisspelt logs, once a minute, fields of a clip's event that were ignored and may be
// misspelt: a clip registered without its camera, say, is in no range of that camera. A
// question's misspelt fields are named in its answer.
func (w *Worker) logMisspelt(event ingest.Event, d *ingest.Delivery) {
	if _, question := event.Data.(ingest.Question); question || len(event.Misspelt) == 0 {
		return
	}
	if more, now := w.misspelt.note(time.Now()); now {
		w.cfg.Log.Warn("fields of a clip's event were ignored, and may be misspelt", "event", d.Place(), "type", event.Type, "fields", event.Misspelt, "other_events", more)
	}
}

// note counts an event. due says that a line is due, and more how many other events came
// since the last one.
func (m *misspellings) note(now time.Time) (more int, due bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.logged.IsZero() && now.Sub(m.logged) < misspeltEvery {
		m.since++
		return 0, false
	}
	more, m.logged, m.since = m.since, now, 0
	return more, true
}
