package cli

import (
	"context"
	"fmt"

	"videoqa/internal/fault"
)

// Help is videoqa help: what --help shows, for those who ask in words.
type Help struct {
	Command []string `arg:"" optional:"" help:"As config check. Without one, all commands."`
}

// Run shows it.
func (c *Help) Run(ctx context.Context, a *App) error {
	if status := a.run(ctx, append(c.Command, "--help")); status != 0 {
		return fmt.Errorf("there is no such command: %w", fault.BadRequest)
	}
	return nil
}
