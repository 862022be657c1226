package worker

import (
	"context"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
)

// useUpload notes that j's question uses the upload that it names, if it names
// one, until it is settled; and that the clip does that the answer will name, until
// it is deleted. If the upload is being removed just now, its media will not be
// found.
func (w *Worker) useUpload(ctx context.Context, j *job) error {
	digest, is := ingest.UploadDigest(j.question.URI)
	if !is || j.row != nil && j.row.Replaces == "" { // noted when it came first
		return nil
	}
	return w.insist(ctx, "note who uses an upload", func() error {
		_, err := w.cfg.Store.UseUpload(ctx, j.question.URI, time.Time{}, store.QuestionUser(j.question.ID, j.request), store.ClipUser(ingest.NamelessClip(digest)))
		return err
	})
}

// leaveUpload notes that j's question, being settled, uses no upload any more.
func (w *Worker) leaveUpload(ctx context.Context, j *job) error {
	if _, is := ingest.UploadDigest(j.question.URI); !is {
		return nil
	}
	defer signal(w.deleted) // it may have been the last
	return w.insist(ctx, "note who leaves an upload", func() error {
		return w.cfg.Store.LeaveUpload(ctx, j.question.URI, store.QuestionUser(j.question.ID, j.request))
	})
}
