package answers

import (
	"context"
	"fmt"

	"videoqa/internal/fair"
)

// Warm prepares a subject before questions about it come: it decodes and encodes the frames
// that an ordinary question would use, and caches them, so that the first answer takes little
// longer than the next ones. model is as in a question. Its errors are those of [Service.Ask].
func (s *Service) Warm(ctx context.Context, about About, model string) error {
	m, err := s.Model(model)
	if err != nil {
		return fmt.Errorf("answers: warm: %w", err)
	}
	leave, err := s.enter()
	if err != nil {
		return fmt.Errorf("answers: warm: %w", err)
	}
	defer leave()
	j := job{s: s, model: m, source: about.source(), count: m.Vision().Frames}
	if err := j.through(fair.LowPriority(ctx), j.stepsToSee()); err != nil {
		return fmt.Errorf("answers: warm: %w", err)
	}
	return nil
}
