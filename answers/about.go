package answers

import (
	"time"

	"videoqa/ingest"
)

// About is what questions are about: a [Subject] or [Footage].
type About interface {
	source() source           // a new one for each job
	listener() Words          // who gets the words; nil: no one
	fetchTime() time.Duration // what it took to get the media, before the call
}

// A source is where a job's pictures come from, for each kind of subject another. It belongs to one job.
type source interface {
	// steps lead to the frames that the job uses, each with its pixels or features, or to a cached prefix.
	steps(j *job) []step
	// fairnessKey is the camera, or else the clip, on whose behalf the job runs.
	fairnessKey() string
	// remember caches the frames used for the next job about the same, once all are encoded.
	remember(j *job)
	// clipOf is the id of the clip that shows l; "": it has none.
	clipOf(l usedFrame) string
	// describe says which clips and times an answer is about, and by which policy frames were chosen.
	describe(j *job, a *ingest.Answer)
	// media is the one file that ids follow from; of several, its zero value.
	media() Subject
	// close closes the media that the steps opened.
	close()
}

func (s Subject) listener() Words          { return s.Words }
func (s Subject) fetchTime() time.Duration { return s.Fetch }
func (f Footage) listener() Words          { return f.Words }
func (f Footage) fetchTime() time.Duration { return 0 } // it is fetched in the call
