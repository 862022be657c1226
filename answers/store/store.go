// Package store says what is kept about clips and questions; the folders beneath
// it keep it.
//
//	o, fresh, err := s.Settle(ctx, store.Outcome{QuestionID: "q-17", Request: hash, State: store.Answered, Message: bytes})
//	// o is what is stored now; publish o.Message, whichever process stored it
//
// A question has one outcome. It may be waiting first; once it is answered or
// dead it never changes again. A question that waits also has a row in the
// deferred queue, which stays until its outcome has been published: so whatever is
// lost in a crash is found there again.
//
// A dead question may be asked again by [WaitingRoom.Replay]; its outcome then
// changes once more, by compare-and-set. A clip that is deleted takes what was
// answered from it along: those outcomes are [Erased].
//
// A clip is what the latest event about it says, by the events' own times, in
// whatever order they come; at equal times a deletion wins. Every method is one
// transaction, is on the disk when it returns, and fails with
// [fault.Unavailable] when the store cannot be used.
//
// Rows carry a checksum, which is compared whenever one is read. A row that is not
// what was written is [fault.Damaged]: nothing of it is returned, and nothing takes
// its place.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"videoqa/ingest"
)

// A Store keeps clips, outcomes and the deferred queue. It may be used by many
// goroutines.
type Store interface {
	Clips
	Outcomes
	WaitingRoom
	Claims
	Uploads
	Letters
	Processes
	Properties
	Health
	Close() error
}

// Clips is the registry.
type Clips interface {
	// PutClip registers c as of at, the time of its event, and makes the
	// questions that wait for it, or for footage of its camera, due. An older
	// event than the last changes nothing.
	PutClip(ctx context.Context, c ingest.Clip, at time.Time) error
	// CloseClip notes that the recording of c's clip is complete.
	CloseClip(ctx context.Context, c ingest.ClosedClip, at time.Time) error
	// DeleteClip erases a clip and leaves a tombstone; the questions that wait
	// for it are made due.
	DeleteClip(ctx context.Context, id string, at time.Time) error
	// Clip returns a clip; Unknown when no event about it was seen.
	Clip(ctx context.Context, id string) (ingest.Clip, ClipState, error)
	// DeletedSince returns the clips that an event deleted which was seen since
	// then, whether they have come again or not; the earliest first, at most n.
	DeletedSince(ctx context.Context, since time.Time, n int) ([]Deletion, error)
	// Overlapping returns the clips of camera that show something of [from, to),
	// by their start; at most [MostClips]. Clips whose start or end is not known
	// are not among them.
	Overlapping(ctx context.Context, camera string, from, to time.Time) ([]ingest.Clip, error)
	// ListClips lists clips that are there, by their start and then their id.
	ListClips(ctx context.Context, q ClipQuery) (ClipPage, error)
	// Reached returns up to when camera's recording has come: the latest end that
	// an event told, of a clip or of its closing, deleted since or not. false: none.
	Reached(ctx context.Context, camera string) (at time.Time, known bool, err error)
}

// MostClips is how many clips [Clips.Overlapping] returns at most.
const MostClips = 10_000

// A Deletion is a clip that was deleted, and when that was seen.
type Deletion struct {
	ClipID string
	Seen   time.Time
}

// A ClipState says whether there is a clip.
type ClipState int

// The states of a clip.
const (
	Unknown ClipState = iota
	Known
	Deleted
)

// A State is how far a question is.
type State string

// The states of an outcome. All but the first are final, but for a dead one that
// is replayed and an answered one whose clip is deleted.
const (
	Waiting  State = "waiting"
	Answered State = "answered"
	Dead     State = "dead"
	Erased   State = "erased" // it was about a clip that is deleted: nothing is left of it, nor published
)

// An Outcome is what became of a question.
type Outcome struct {
	QuestionID string
	Request    string // [ingest.Question.RequestHash]
	State      State
	Message    []byte // the record to publish, if Answered or Dead
	Replaces   string // [MessageHash] of the dead letter that this outcome takes the place of; "": of none; not read back
	About      About  // not read back
}

// Stored is the outcome that is stored of a question, and whether it is the one
// that was to be.
type Stored struct {
	Outcome Outcome
	Fresh   bool
	Damage  error // [fault.Damaged]: what is stored is not what was written, and stays as it is; else nil
}

// About is what an answer is found by; what is not known is zero.
type About struct {
	AnswerID, Camera string
	ClipIDs          []string
	Start, End       time.Time
}

// Yields reports whether o makes room for next: while it waits, or as the dead
// letter that next is to replace.
func (o Outcome) Yields(next Outcome) bool {
	replaced := o.State == Dead && next.Replaces != "" && next.Replaces == MessageHash(o.Message)
	return o.Request == next.Request && (o.State == Waiting || replaced)
}

// MessageHash identifies a stored message.
func MessageHash(message []byte) string {
	sum := sha256.Sum256(message)
	return hex.EncodeToString(sum[:])
}

// An AnswerQuery says which answers are listed: those about Camera, and about a
// moment of [From, To) where these are not zero.
type AnswerQuery struct {
	Camera   string
	From, To time.Time
	Cursor   string // "": from the first; else what the page before gave
	Limit    int    // of the page; 0: 100
}

// A Page is part of a list of outcomes.
type Page struct {
	Outcomes []Outcome
	Damaged  []string // question ids of outcomes that would stand here and are damaged
	Next     string   // cursor of the next page; "": this is the last
}

// Outcomes holds at most one outcome for each question.
type Outcomes interface {
	// Outcome returns what is stored; false: nothing. A damaged outcome is an error,
	// here and wherever a single one is read or settled.
	Outcome(ctx context.Context, questionID string) (Outcome, bool, error)
	// Settle stores a final outcome unless one is there, or the question was
	// asked with another request. It returns what is stored now, and whether
	// that is o.
	// A dead outcome also makes room for one that Replaces it. An answer about a
	// clip that is deleted is not stored: what is returned then is [Erased],
	// without a QuestionID, and the question may still be settled otherwise.
	Settle(ctx context.Context, o Outcome) (stored Outcome, fresh bool, err error)
	// SettleAll settles outcomes of different questions in one transaction, and
	// returns what became of each, in their order.
	SettleAll(ctx context.Context, all []Outcome) ([]Stored, error)
	// Answer returns the outcome that is the answer of that id; false: there is none.
	Answer(ctx context.Context, answerID string) (Outcome, bool, error)
	// Answers lists answers in the order in which they were stored.
	Answers(ctx context.Context, q AnswerQuery) (Page, error)
	// Dead lists dead outcomes likewise.
	Dead(ctx context.Context, cursor string, limit int) (Page, error)
	// Prune forgets outcomes, letters, clips, tombstones and claims that nothing was
	// written of since before. What waits stays.
	Prune(ctx context.Context, before time.Time) (Pruned, error)
}

// Pruned counts what was forgotten; uploads are a spool's.
type Pruned struct{ Outcomes, Letters, Clips, Claims, Uploads int }

// Claims remembers who came first with a name: requests that may come twice.
type Claims interface {
	// Claim stores content under name, unless there is something, and returns what
	// is stored. It is forgotten by [Outcomes.Prune].
	Claim(ctx context.Context, name, content string) (stored string, err error)
	// Unclaim forgets it at once.
	Unclaim(ctx context.Context, name string) error
	// Claimed returns what is stored; false: nothing. Of a damaged claim it tells
	// that it is there, and [fault.Damaged].
	Claimed(ctx context.Context, name string) (content string, found bool, err error)
}

// A Row is a question in the deferred queue.
type Row struct {
	QuestionID string
	Request    string
	Record     ingest.Record // the event as it came
	For        string        // what it waits for: ForClip, ForCamera, ForTurn, or "" for another attempt
	Due        time.Time     // when to look at it again; of one that waits for its turn, its place
	Until      time.Time     // how long it may wait for For; zero: it waits for nothing
	Attempts   int           // that failed
	FirstSeen  time.Time
	Replaces   string // [MessageHash] of the dead letter that it is asked again for; "": of none
	Reason     string // why it waits, in words; "": not said

	Damage error // [fault.Damaged]: the row is not what was put there, and nothing but its QuestionID and FirstSeen is told; else nil
}

// ForClip is what a question waits for that came before its clip.
func ForClip(id string) string { return "clip:" + id }

// ForCamera is what a question waits for that came before its footage.
func ForCamera(camera string) string { return "camera:" + camera }

// ForTurn is what a question waits for that came while others of its camera did,
// more than their share. Nothing wakes it: [WaitingRoom.TakeTurns] takes it.
const ForTurn = "turn"

// WaitingRoom holds questions that cannot be answered yet.
type WaitingRoom interface {
	WaitList
	// Wait stores row and a waiting outcome, unless the question has an outcome.
	// It returns the outcome stored now, and whether row was stored.
	Wait(ctx context.Context, row Row) (stored Outcome, fresh bool, err error)
	// WaitAll stores rows of different questions in one transaction, and returns
	// what became of each, in their order.
	WaitAll(ctx context.Context, rows []Row) ([]Stored, error)
	// Replay puts a dead question back, to be asked again: row.Replaces names its
	// dead letter. It returns what is stored, and false if that is not this dead
	// letter, or if the question is in the deferred queue already.
	Replay(ctx context.Context, row Row) (stored Outcome, ok bool, err error)
	// Take returns at most n rows that are due at now, the longest due first,
	// and lends them until lease: nobody else gets them before.
	Take(ctx context.Context, now, lease time.Time, n int) ([]Row, error)
	// TakeTurns lends rows likewise that wait for their turn, which Take never does.
	TakeTurns(ctx context.Context, now, lease time.Time, n int) ([]Row, error)
	// Extend lends rows that were taken for longer.
	Extend(ctx context.Context, questionIDs []string, lease time.Time) error
	// Again gives a row back that was taken, to be due again: its Due, For,
	// Until, Attempts and Reason are stored.
	Again(ctx context.Context, row Row) error
	// Wake makes a row due now; who has taken it keeps it.
	Wake(ctx context.Context, questionID string) error
	// Leave removes rows whose outcomes have been published.
	Leave(ctx context.Context, questionIDs ...string) error
	// NextDue returns when the first row will be due that nobody has taken, those
	// aside that wait for their turn; false: none is.
	NextDue(ctx context.Context) (time.Time, bool, error)
	// Waiting returns how many rows there are, taken ones too.
	Waiting(ctx context.Context) (int, error)
}
