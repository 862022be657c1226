package cli

import (
	"context"
	"errors"
	"log/slog"

	"videoqa/answers"
	"videoqa/internal/demo"
	"videoqa/internal/modelflags"
	clips "videoqa/testdata/world/demo"
)

// Demo is videoqa demo.
type Demo struct {
	modelflags.Flags
	Verbose bool `short:"v" help:"Show the service's log too."`
}

// Help is shown below the flags.
func (Demo) Help() string {
	return "Starts a broker and the service in a temporary folder, publishes clip and question events, prints what comes back, and ends."
}

// Run plays the demo.
func (c *Demo) Run(ctx context.Context, a *App) (err error) {
	m, err := c.Open(ctx, a.machine())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	service, err := answers.New(answers.Config{Model: m.Model})
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = a.logger(false, slog.LevelInfo)
	}
	return demo.Run(ctx, demo.Config{Files: clips.Files, Asker: service, Log: log, Out: a.Out})
}
