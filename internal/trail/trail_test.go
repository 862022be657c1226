package trail_test

import (
	"context"
	"slices"
	"testing"

	"videoqa/ingest"
	"videoqa/internal/trail"
)

// A batch is told of as each of its questions.
func TestStagesOfABatchAreToldToEachOfItsQuestions(t *testing.T) {
	told := map[string][]string{}
	var all []trail.Trail
	for _, id := range []string{"q-1", "q-2"} {
		all = append(all, recorder{id, told})
	}
	end := trail.Begin(trail.With(context.Background(), all...), trail.Decode)
	end(nil)
	trail.Begin(context.Background(), trail.Encode)(nil) // nobody is asked about
	for _, id := range []string{"q-1", "q-2"} {
		if want := []string{"decode begins", "decode ends"}; !slices.Equal(told[id], want) {
			t.Errorf("%s was told %q; want %q", id, told[id], want)
		}
	}
}

type recorder struct {
	id   string
	told map[string][]string
}

func (r recorder) Begin(stage string) func(error) {
	r.told[r.id] = append(r.told[r.id], stage+" begins")
	return func(error) { r.told[r.id] = append(r.told[r.id], stage+" ends") }
}

func (recorder) Headers() []ingest.Header      { return nil }
func (recorder) End(trail.Fate, ingest.Answer) {}
