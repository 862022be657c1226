package worker

import (
	"errors"
	"time"

	"videoqa/ingest/media"
	"videoqa/internal/fault"
	"videoqa/internal/strictjson"
)

// mostAbsent is for how long absent media are tried again: a producer that writes a file
// beside its event needs moments, and a misspelt name stays wrong.
const mostAbsent = time.Minute

// nextTry returns when j would be asked again if it failed now with err, or false if it
// would not. A nil err stands for an error that may pass.
func (w *Worker) nextTry(j *job, err error) (time.Time, bool) {
	n := j.attempts()
	if n >= len(w.cfg.Retries) {
		return time.Time{}, false
	}
	pause := w.cfg.Retries[n]
	if errors.Is(err, media.ErrAbsent) {
		left := mostAbsent
		for _, before := range w.cfg.Retries[:n] {
			left -= before
		}
		if left <= 0 {
			return time.Time{}, false
		}
		pause = min(pause, left)
	}
	return time.Now().Add(pause), true
}

// allTryAgain reports whether every question of a batch about a range would be asked again in
// time if it failed now with err.
func (w *Worker) allTryAgain(b *batch, err error) bool {
	for _, j := range b.jobs {
		next, some := w.nextTry(j, err)
		if !some || !j.replayed() && !next.Before(w.patientUntil(j)) {
			return false
		}
	}
	return true
}

// publicReason returns the part of an error that may leave the process; internal errors
// stay in the log.
func publicReason(err error) string {
	switch fault.Judge(err).Name {
	case "internal", "unavailable":
		return "something went wrong here; the log says what"
	}
	return strictjson.Shorten(err.Error(), longestReason)
}
