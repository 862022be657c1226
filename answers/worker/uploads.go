package worker

import (
	"context"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
)

// useUpload stores that j's question uses the upload that it names, if it names one, until
// the question has its outcome, and that the clip named by the answer uses it until the
// clip is deleted. If the upload is being removed just now, its media will not be found.
func (w *Worker) useUpload(ctx context.Context, j *job) error {
	digest, is := ingest.UploadDigest(j.question.URI)
	if !is || j.row != nil && j.row.Replaces == "" { // stored when it came first
		return nil
	}
	return w.retryUnavailable(ctx, "store that an upload is used", func() error {
		_, err := w.cfg.Store.UseUpload(ctx, j.question.URI, time.Time{}, store.QuestionUser(j.question.ID, j.request), store.ClipUser(ingest.NamelessClip(digest)))
		return err
	})
}

// leaveUpload stores that j's question, which has its outcome, uses no upload any more.
func (w *Worker) leaveUpload(ctx context.Context, j *job) error {
	if _, is := ingest.UploadDigest(j.question.URI); !is {
		return nil
	}
	defer signal(w.deleted) // it may have been the last user
	return w.retryUnavailable(ctx, "store that an upload is not used any more", func() error {
		return w.cfg.Store.LeaveUpload(ctx, j.question.URI, store.QuestionUser(j.question.ID, j.request))
	})
}
