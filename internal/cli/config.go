package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"videoqa/internal/config"
	"videoqa/internal/serve"
)

// Config is videoqa config.
type Config struct {
	Check ConfigCheck `cmd:"" help:"Find everything that is wrong with a file of settings and the variables, and change nothing."`
	Show  ConfigShow  `cmd:"" help:"Print every setting as serve would have it, and who said so."`
}

// ConfigCheck is videoqa config check.
type ConfigCheck struct {
	File   string `arg:"" name:"file" optional:"" help:"The file, instead of --config."`
	Files  bool   `negatable:"" default:"true" help:"Look for the files and folders that the settings name; --no-files if they are for another machine."`
	Online bool   `help:"Also ask the servers that the settings name, and compare with the processes that serve from the same store; nothing is changed."`
	serve.Settings
}

// Help is shown below the flags.
func (ConfigCheck) Help() string {
	return "Example: videoqa config check videoqa.yaml --online. Exit status 0: serve would take it; 2: it would not; 1: a server does not answer."
}

const settingsArgument = "file" // names the file of settings, as --config does

// Run goes as far as serve does without a server.
func (c *ConfigCheck) Run(ctx context.Context, a *App) error {
	if err := c.Prepare(ctx, a.process(), c.Files); err != nil {
		return err
	}
	if err := c.UploadsApart(); err != nil {
		fmt.Fprintln(a.Err, "videoqa: warning:", err)
	}
	given := 0
	for _, v := range a.values {
		if v.Origin != config.Default {
			given++
		}
	}
	if _, err := fmt.Fprintf(a.Out, "ok: %d of %d settings given\n", given, len(a.values)); err != nil || !c.Online {
		return err
	}
	return c.online(ctx, a)
}

func (c *ConfigCheck) online(ctx context.Context, a *App) error {
	var failed []error
	c.AskServers(ctx, func(name string, err error) {
		if err != nil {
			failed = append(failed, err) // it names the server
			return
		}
		fmt.Fprintf(a.Out, "%s: answers\n", name)
		if name == serve.ServerStore {
			failed = append(failed, c.tellBeside(ctx, a))
		}
	})
	return errors.Join(failed...)
}

// tellBeside prints what [serve.Settings.Beside] found. It is a warning, because serve would start.
func (c *ConfigCheck) tellBeside(ctx context.Context, a *App) error {
	found, n, err := c.Beside(ctx, a.process(), c.Files)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		_, err := fmt.Fprintf(a.Out, "peers: %d serve from this store; nothing that has to be alike differs\n", n)
		return err
	}
	for _, f := range found {
		fmt.Fprintf(a.Err, "videoqa: warning: %s: %s\n", f.Part, printable(f.Text))
	}
	return nil
}

// ConfigShow is videoqa config show.
type ConfigShow struct{ serve.Settings }

// Help is shown below the flags.
func (ConfigShow) Help() string {
	return "What it prints is a file that --config takes, but for what is masked."
}

// Run prints one setting a line.
func (c *ConfigShow) Run(a *App) error {
	width := 0
	for _, v := range a.values {
		width = max(width, len(v.Name)+len(": ")+len(v.Shown))
	}
	var out strings.Builder
	for _, v := range a.values {
		line := v.Name + ": " + v.Shown
		if v.Name == config.File {
			line = "# " + line
		}
		fmt.Fprintf(&out, "%-*s  # %s\n", min(width, 60), line, printable(v.Origin))
	}
	if _, err := fmt.Fprint(a.Out, out.String()); err != nil {
		return err
	}
	return c.Check(a.process())
}
