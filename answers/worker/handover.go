package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/media"
)

// leaveToOthersAfter is after how long some process takes a question about an upload that
// this process cannot reach. A random part of the same length is added, so that not
// always the same process comes first.
const leaveToOthersAfter = time.Second

// uploadElsewhere reports whether j failed because this process cannot reach its upload, while
// another process may have it and j may still wait.
func (w *Worker) uploadElsewhere(j *job, err error) bool {
	uri := j.question.URI
	if uri == "" {
		uri = j.target.clip.URI
	}
	_, upload := ingest.UploadDigest(uri)
	return upload && errors.Is(err, media.ErrAbsent) && w.cfg.Elsewhere != nil && w.cfg.Elsewhere() && time.Now().Before(w.patientUntil(j))
}

// leaveToOthers defers j, for a process that has its upload.
func (w *Worker) leaveToOthers(ctx context.Context, j *job, err error) error {
	row := w.rowOf(j)
	row.Due, row.For, row.Reason = time.Now().Add(leaveToOthersAfter+rand.N(leaveToOthersAfter)), "", publicReason(err)
	w.cfg.Log.Info("a question is left to a process that has its upload", "question", j.question.ID, "error", err)
	return w.deferRow(ctx, j, row)
}
