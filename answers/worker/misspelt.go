package worker

import (
	"sync"
	"time"

	"videoqa/ingest"
)

// misspeltEvery is how often clips' events are told of whose fields may be misspelt: a
// producer that misspells one field does so in all its events.
const misspeltEvery = time.Minute

// misspellings counts such events between two lines of the log.
type misspellings struct {
	mu     sync.Mutex
	told   time.Time // when it was told last
	untold int       // events since then
}

// tell says in the log, once a minute, that fields of a clip's event were ignored which may
// be misspelt. A question's are told in its answer. Such a clip is registered without its
// camera, say, and no question about that camera's time finds it.
func (w *Worker) tellMisspelt(event ingest.Event, d *ingest.Delivery) {
	if _, question := event.Data.(ingest.Question); question || len(event.Misspelt) == 0 {
		return
	}
	if more, now := w.misspelt.note(time.Now()); now {
		w.cfg.Log.Warn("fields of a clip's event were ignored, and may be misspelt", "event", d.Place(), "type", event.Type, "fields", event.Misspelt, "other_events", more)
	}
}

// note counts an event; tell says that a line is due, and more how many other events there
// were since the last one.
func (m *misspellings) note(now time.Time) (more int, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.told.IsZero() && now.Sub(m.told) < misspeltEvery {
		m.untold++
		return 0, false
	}
	more, m.told, m.untold = m.untold, now, 0
	return more, true
}
