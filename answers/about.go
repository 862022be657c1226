package answers

import (
	"time"

	"videoqa/ingest"
)

// About is what questions are about: a [Subject] or [Footage].
type About interface {
	source() source          // a new one for each job
	telling() Words          // who listens
	fetching() time.Duration // what it took to get the media, before the call
}

// A source is where a job's pictures come from, for each kind of subject another. It belongs to one job.
type source interface {
	// steps lead to the job's looks with the pixels or the features of each, or to a prefix that is remembered.
	steps(j *job) []step
	// line is on whose behalf the job is done: a camera's, or a clip's.
	line() string
	// remember keeps what was seen for the next job about the same, once all of it is encoded.
	remember(j *job)
	// clipOf is the id of the clip that shows l; "": it has none.
	clipOf(l look) string
	// describe says which clips and times an answer is about, and by which policy frames were chosen.
	describe(j *job, a *ingest.Answer)
	// media is the one file that ids follow from; of several, its zero value.
	media() Subject
	// close closes the media that the steps opened.
	close()
}

func (s Subject) telling() Words          { return s.Words }
func (s Subject) fetching() time.Duration { return s.Fetch }
func (f Footage) telling() Words          { return f.Words }
func (f Footage) fetching() time.Duration { return 0 } // it is fetched in the call
