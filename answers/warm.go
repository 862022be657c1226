package answers

import (
	"context"
	"fmt"

	"videoqa/internal/turns"
)

// Warm looks at a clip ahead of questions: the frames that an ordinary question
// would look at are decoded, encoded and remembered, so that the first one is
// nearly warm. model is as in a question. Its errors are those of [Service.Ask].
func (s *Service) Warm(ctx context.Context, subject Subject, model string) error {
	return s.warm(ctx, model, job{subject: subject})
}

// WarmFootage is Warm for what a clip shows of a camera's time.
func (s *Service) WarmFootage(ctx context.Context, f Footage, model string) error {
	return s.warm(ctx, model, job{footage: &f})
}

// stepsToSee are those of a job's steps that do not depend on a question: look up
// or fetch, decode, encode, and waiting for the turn to do so.
const stepsToSee = 4

func (s *Service) warm(ctx context.Context, model string, j job) error {
	m, err := s.Model(model)
	if err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	leave, err := s.enter()
	if err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	defer leave()
	j.s, j.model, j.count = s, m, m.Vision().Frames
	if err := j.through(turns.Behind(ctx), j.steps()[:stepsToSee]); err != nil {
		return fmt.Errorf("answers: look ahead: %w", err)
	}
	return nil
}
