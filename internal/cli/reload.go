package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

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
func (a *App) reloading(ctx context.Context, log *slog.Logger, reloaders ...reloader) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { a.reload(ctx, log, hangups, reloaders) })
	return func() {
		signal.Stop(hangups)
		cancel()
		done.Wait()
	}
}

func (a *App) reload(ctx context.Context, log *slog.Logger, hangups <-chan os.Signal, reloaders []reloader) {
	running := a.values
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			running = a.reloadOnce(ctx, log, running, reloaders)
		}
	}
}

// reloadOnce returns what is in effect then. What cannot be read changes nothing;
// what can only change at a start is said each time it is found.
func (a *App) reloadOnce(ctx context.Context, log *slog.Logger, running []config.Value, reloaders []reloader) []config.Value {
	parsed, values, err := a.parse(ctx)
	if err != nil {
		log.Error("settings not reloaded: nothing changes", "error", err)
		return running
	}
	now := settingsOf(parsed)
	if err := now.check(a); err != nil {
		log.Error("settings not reloaded: nothing changes", "error", err)
		return running
	}
	for _, reload := range reloaders {
		if err := reload(now); err != nil {
			log.Error("a setting not reloaded", "error", err)
		}
	}
	changed := 0
	for _, v := range config.Changed(running, values) {
		if !v.Reload {
			log.Warn("a setting changed that only a restart puts into effect", "setting", v.Name, "now", v.Shown, "origin", v.Origin)
			continue
		}
		changed++
		log.Info("a setting changed", "setting", v.Name, "now", v.Shown, "origin", v.Origin)
	}
	log.Info("settings reloaded", "changed", changed)
	return keep(running, values)
}

// settingsOf returns those of the command that was parsed, which is serve: only
// serve reloads.
func settingsOf(parsed *kong.Context) Settings {
	return parsed.Selected().Target.Addr().Interface().(*Serve).Settings
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
