package answers

import (
	"context"
	"fmt"

	"videoqa/answers/features"
	"videoqa/frames/prepare"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// A Model sees pictures and answers questions about them in words. Its methods may
// be used by many goroutines. What it returns does not depend on what else it is
// asked at the same time, the last digits of a score aside. [videoqa/internal/models]
// opens one, and [videoqa/answers/modeltest] holds it to this.
type Model interface {
	// Description names the model and how it runs.
	Description() vlm.Description
	// Vision says how the model looks at clips.
	Vision() vlm.Vision

	// See returns the features of pictures of one size, which were prepared as Vision
	// says. Features are the model's own business: the service keeps them and gives
	// them back, and never writes to them.
	See(ctx context.Context, pictures []prepare.Image) ([][]float32, error)
	// FeatureKey is everything besides the picture that its features depend on.
	FeatureKey() []string
	// FeatureBits is how many bits a value of a feature is worth keeping in: 32 or 16.
	FeatureBits() int

	// Context makes the features of a clip's pictures, in time order, ready to be
	// asked about; video is false for a still picture.
	Context(ctx context.Context, features [][]float32, video bool) (vlm.Context, error)
	// ContextKey is everything besides the features that their context depends on.
	// More pictures than the model can tell apart are [fault.BadRequest].
	ContextKey(pictures int, video bool) ([]string, error)

	// Answer answers prompts about a context. Replies are in the order of prompts; an
	// error concerns all of them.
	Answer(ctx context.Context, about vlm.Context, prompts []vlm.Prompt, how vlm.Generation) ([]vlm.Reply, error)
}

// Described is what answers say of a model.
func Described(d vlm.Description) ingest.Model {
	return ingest.Model{
		Name: d.Name, Digest: d.Digest, Precision: string(d.Precision), Preprocess: string(d.Preprocess), Device: d.Device, Demonstration: d.Demonstration,
	}
}

// storedAs is the type that m's features are kept in.
func storedAs(m Model) features.Type {
	if m.FeatureBits() == 32 {
		return features.Float32
	}
	return features.Float16
}

// framesFor returns how many frames a question that wants n gets: all that the model
// looks at for 0. More than that is [fault.BadRequest].
func framesFor(m Model, n int) (int, error) {
	most := m.Vision().Frames
	switch {
	case n == 0:
		return most, nil
	case n < 0 || n > most:
		return 0, fmt.Errorf("answers: ask %s: %d frames wanted, it looks at 1 to %d: %w", m.Description().Name, n, most, fault.BadRequest)
	}
	return n, nil
}
