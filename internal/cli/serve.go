package cli

import (
	"context"
	"log/slog"

	"videoqa/internal/config"
	"videoqa/internal/serve"
)

// Serve is videoqa serve.
type Serve struct {
	serve.Settings
	Reset bool `help:"Begin anew where the store and the broker do not belong together, or a broker of its own is not whole: what that had is moved aside, and nothing is deleted. It is said what happens."`
}

// Help is shown below the flags.
func (Serve) Help() string {
	return "Example: videoqa serve --media-roots /srv/clips, and then any Kafka client on 127.0.0.1:9092: clips go to vqa.clips.v1, questions to vqa.questions.v1, answers come on vqa.answers.v1. Over HTTP: curl -F 'request={\"questions\":[{\"question\":\"what is it?\"}]};type=application/json' -F media=@clip.mp4 http://127.0.0.1:8080/v1/questions"
}

// Run serves until it is interrupted, which is no failure: what was being
// answered has been.
func (c *Serve) Run(ctx context.Context, a *App) error {
	p := a.process()
	p.Reset, p.Level = c.Reset, new(slog.LevelVar)
	p.Level.Set(c.Log.Level.Level)
	p.Log = a.logger(c.Log.JSON, p.Level)
	a.warn = func(text string) { p.Log.Warn(text) }
	p.Reread = a.reread
	return serve.Run(ctx, c.Settings, p)
}

// reread parses the command line again, which is that of serve.
func (a *App) reread(ctx context.Context) (serve.Settings, []config.Value, error) {
	parsed, values, err := a.parse(ctx)
	if err != nil {
		return serve.Settings{}, nil, err
	}
	return parsed.Selected().Target.Addr().Interface().(*Serve).Settings, values, nil
}
