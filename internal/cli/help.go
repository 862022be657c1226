package cli

import (
	"context"
	"errors"
)

// errTold is of a command line that is wrong, and that was told of.
var errTold = errors.New("the command line is wrong")

// Help is videoqa help: what --help shows, for those who ask in words.
type Help struct {
	Command []string `arg:"" optional:"" help:"As config check. Without one, all commands."`
}

// Run shows it.
func (c *Help) Run(ctx context.Context, a *App) error {
	if status := a.run(ctx, append(c.Command, "--help")); status != 0 {
		return errTold
	}
	return nil
}
