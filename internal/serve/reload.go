package serve

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"videoqa/answers/api"
	"videoqa/internal/config"
)

// A reloader puts settings into effect that may change while serve runs, those
// tagged reload; an error leaves what was.
type reloader func(now Settings) error

func setLevel(level *slog.LevelVar) reloader {
	return func(now Settings) error {
		level.Set(now.Log.Level.Level)
		return nil
	}
}

// reloadKeys reads the file of keys again; that there is one at all is settled at
// the start.
func reloadKeys(keys *api.Keys) reloader {
	return func(Settings) error {
		if keys == nil {
			return nil
		}
		return keys.Reload()
	}
}

// reloading reads the settings again at each SIGHUP until stop is called, which
// waits for a reload that is under way.
func (p *Process) reloading(ctx context.Context, reloaders ...reloader) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { p.reload(ctx, hangups, reloaders) })
	return func() {
		signal.Stop(hangups)
		cancel()
		done.Wait()
	}
}

func (p *Process) reload(ctx context.Context, hangups <-chan os.Signal, reloaders []reloader) {
	running := p.Values
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			running = p.reloadOnce(ctx, running, reloaders)
		}
	}
}

// reloadOnce returns what is in effect then. What cannot be read changes nothing;
// what can only change at a start is said each time it is found.
func (p *Process) reloadOnce(ctx context.Context, running []config.Value, reloaders []reloader) []config.Value {
	now, values, err := p.Reread(ctx)
	if err != nil {
		p.Log.Error("settings not reloaded: nothing changes", "error", err)
		return running
	}
	if err := now.Check(p); err != nil {
		p.Log.Error("settings not reloaded: nothing changes", "error", err)
		return running
	}
	for _, reload := range reloaders {
		if err := reload(now); err != nil {
			p.Log.Error("a setting not reloaded", "error", err)
		}
	}
	changed := 0
	for _, v := range config.Changed(running, values) {
		if !v.Reload {
			p.Log.Warn("a setting changed that only a restart puts into effect", "setting", v.Name, "now", v.Shown, "origin", v.Origin)
			continue
		}
		changed++
		p.Log.Info("a setting changed", "setting", v.Name, "now", v.Shown, "origin", v.Origin)
	}
	p.Log.Info("settings reloaded", "changed", changed)
	return keep(running, values)
}

// keep is what runs after a reload: only what may change has.
func keep(running, now []config.Value) []config.Value {
	kept := make([]config.Value, len(running))
	for i, v := range running {
		if kept[i] = v; v.Reload {
			kept[i] = now[i]
		}
	}
	return kept
}
