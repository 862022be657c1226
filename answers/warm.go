package answers

import (
	"context"
	"fmt"

	"videoqa/internal/fair"
)

// Warm looks at a subject ahead of questions: the frames that an ordinary question
// would look at are decoded, encoded and remembered, so that the first one is
// nearly warm. model is as in a question. Its errors are those of [Service.Ask].
func (s *Service) Warm(ctx context.Context, about About, model string) error {
	m, err := s.Model(model)
	if err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	leave, err := s.enter()
	if err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	defer leave()
	j := job{s: s, model: m, source: about.source(), count: m.Vision().Frames}
	if err := j.through(fair.LowPriority(ctx), j.stepsToSee()); err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	return nil
}
