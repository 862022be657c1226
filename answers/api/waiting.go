package api

import (
	"context"
	"time"

	"videoqa/ingest"
)

// whyWaiting says why a question has no outcome yet. One that has no row in the
// deferred queue is on its topic, or in progress in a worker; accepted is when that was
// claimed, if it came over HTTP.
func (a *API) whyWaiting(ctx context.Context, id, accepted string) (*ingest.Waiting, error) {
	q, found, err := a.cfg.Store.WaitingFor(ctx, id)
	if err != nil {
		return nil, err
	}
	if found {
		waiting := q.Waiting(time.Now())
		return &waiting, nil
	}
	waiting := ingest.Waiting{For: ingest.ForWorker, Reason: "its event is on topic " + a.cfg.Asked + ", and no worker has accounted for it yet"}
	if t, err := time.Parse(time.RFC3339Nano, accepted); err == nil {
		since := ingest.NewTime(t)
		waiting.Since = &since
	}
	return &waiting, nil
}
