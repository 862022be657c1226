package cli

import (
	"fmt"
	"log/slog"

	"videoqa/internal/modelflags"
	"videoqa/internal/serve"
)

// process is this process, for a service or a check of its settings.
func (a *App) process() *serve.Process {
	return &serve.Process{Machine: a.machine(), Version: a.Version, Values: a.values, Wrong: a.wrong}
}

// machine is where models are looked for.
func (a *App) machine() modelflags.Machine {
	return modelflags.Machine{Getenv: a.Getenv, Tell: a.tell, Demonstration: a.tellOfDemonstration}
}

// tellOfDemonstration says once, to a person, that the model only shows how the
// program works.
func (a *App) tellOfDemonstration(name string) {
	if a.toldOfDemonstration || !a.atTerminal(a.Err) {
		return
	}
	a.toldOfDemonstration = true
	fmt.Fprintln(a.Err, wrap("videoqa: "+name+" is a demonstration model: it knows the small world that it was trained on, and cannot answer about real footage."+
		" For that: videoqa pull microsoft/git-base-msrvtt-qa, and then --model with that name.", "", ""))
}

// logger writes to standard error.
func (a *App) logger(asJSON bool, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(a.Err, options))
	}
	return slog.New(slog.NewTextHandler(a.Err, options))
}
