package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/media"
)

// handOverAfter is how soon a question about an upload that is not here is looked at
// again, by whichever process; longer by up to as much, so that not always the same
// one is first.
const handOverAfter = time.Second

// heldElsewhere tells whether j failed because its upload is not here, while another
// process may have it and j may still wait.
func (w *Worker) heldElsewhere(j *job, err error) bool {
	uri := j.question.URI
	if uri == "" {
		uri = j.target.clip.URI
	}
	_, upload := ingest.UploadDigest(uri)
	return upload && errors.Is(err, media.ErrAbsent) && w.cfg.Elsewhere != nil && w.cfg.Elsewhere() && time.Now().Before(w.patientUntil(j))
}

// handOver leaves j to the process that has its upload.
func (w *Worker) handOver(ctx context.Context, j *job, err error) error {
	row := w.rowOf(j)
	row.Due, row.For, row.Reason = time.Now().Add(handOverAfter+rand.N(handOverAfter)), "", tellable(err)
	w.cfg.Log.Info("a question is left to a process that has its upload", "question", j.question.ID, "error", err)
	return w.keep(ctx, j, row)
}
