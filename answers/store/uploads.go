package store

import (
	"context"
	"strings"
	"time"
)

// Uploads knows who uses media that were uploaded, by the URIs that events name
// them by, so that an upload can go when nobody uses it any more. Users are named
// by [ClipUser], [QuestionUser] and [RequestUser].
//
// A clip that is there uses the upload that its URI names: [Clips.PutClip] and
// [Clips.DeleteClip] see to that, and DeleteClip ends the use of a clip that was
// never put, too. All other users are told of here.
type Uploads interface {
	// UseUpload notes who uses an upload: for good, or, if until is not zero, until
	// then; whoever does so for good already goes on. Clips that are deleted are
	// left out. false, and nothing is noted: it is being removed just now.
	UseUpload(ctx context.Context, uri string, until time.Time, users ...string) (noted bool, err error)
	// LeaveUpload notes that they use it no more.
	LeaveUpload(ctx context.Context, uri string, users ...string) error
	// TakeUnused lends at most n uploads that nothing uses any more, to be removed,
	// until lease: nobody else gets them before, and UseUpload notes nothing.
	TakeUnused(ctx context.Context, now, lease time.Time, n int) (uris []string, err error)
	// Lent lists those that are lent at now.
	Lent(ctx context.Context, now time.Time) (uris []string, err error)
	// GiveBack ends the loan of an upload, which is gone, or is still there.
	GiveBack(ctx context.Context, uri string, gone bool) error
}

const clipUser = "clip "

// ClipUser is a clip that uses an upload.
func ClipUser(id string) string { return clipUser + id }

// UsingClip is what [ClipUser] made a user of; false: it is no clip.
func UsingClip(user string) (id string, is bool) { return strings.CutPrefix(user, clipUser) }

// QuestionUser is a question that names an upload and is not settled yet. One that
// was asked twice with different requests is two users.
func QuestionUser(id, request string) string { return "question " + id + " " + request }

// RequestUser is a request over HTTP that brought an upload.
func RequestUser(id string) string { return "request " + id }
