package ingest

// Waiting says why a question has no outcome yet: in `GET /v1/questions/{id}`, and in
// what `videoqa waiting list --json` prints.
type Waiting struct {
	For         string `json:"for"`                    // one of [WaitsFor]
	Reason      string `json:"reason"`                 // a sentence for a person
	Since       *Time  `json:"since,omitempty"`        // when it was first seen
	NextAttempt *Time  `json:"next_attempt,omitempty"` // when it is looked at again at the latest; absent: as soon as a worker is free
	Deadline    *Time  `json:"deadline,omitempty"`     // when waiting ends with a dead letter, or with an answer about what there is; absent: not by the clock
	Attempts    int    `json:"attempts"`               // that failed
}

// What a question may wait for.
const (
	ForClip    = "clip"    // an event that registers its clip
	ForFootage = "footage" // the end of its camera's recording
	ForAttempt = "attempt" // another attempt, after one that failed
	ForTurn    = "turn"    // others of its camera that came before
	ForWorker  = "worker"  // a worker that takes it, or is working on it
)

// WaitsFor lists what a question may wait for.
func WaitsFor() []string { return []string{ForClip, ForFootage, ForAttempt, ForTurn, ForWorker} }
