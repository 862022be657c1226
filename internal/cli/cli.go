// Package cli is videoqa's command line, one file a command.
//
//	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
//
// Flags, variables and help come from one struct. A command writes its results
// to standard output only when it has succeeded whole; errors are one sentence on
// standard error. Exit status: 0 done, 1 failed, 2 the command line is wrong,
// 130 interrupted.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"videoqa/internal/fault"
)

// Commands is the command line.
type Commands struct {
	Ask     Ask     `cmd:"" help:"Answer questions about a video or a picture."`
	Caption Caption `cmd:"" help:"Describe a video or a picture."`
	Frames  Frames  `cmd:"" help:"Write the frames that a model would look at."`
	Pull    Pull    `cmd:"" help:"Fetch a checkpoint from the Hugging Face Hub."`
	Serve   Serve   `cmd:"" help:"Answer clip and question events from Kafka."`
	Demo    Demo    `cmd:"" help:"Run the event stream on the clips that come with the program."`
	Version Version `cmd:"" help:"Say what this program is made of."`
}

// An App is where a command reads and writes.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Version  string // of the program
}

// Exit statuses.
const (
	failed      = 1
	misused     = 2
	interrupted = 130
)

// Main runs the command of args and returns the exit status.
func Main(version string, args []string, in io.Reader, out, errors io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return (&App{In: in, Out: out, Err: errors, Getenv: getenv, Version: version}).run(ctx, args)
}

// exited carries kong's wish to end the program after --help.
type exited int

func (a *App) run(ctx context.Context, args []string) (status int) {
	defer func() {
		if e := recover(); e != nil {
			code, ok := e.(exited)
			if !ok {
				panic(e)
			}
			status = int(code)
		}
	}()
	var commands Commands
	parser, err := kong.New(&commands, kong.Name("videoqa"),
		kong.Description("Ask plain-language questions about video, and see what was looked at."),
		kong.Writers(a.Out, a.Err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a), kong.Vars{"kinds": "open,caption,yesno,count,choice"})
	if err != nil {
		panic(err) // the struct above is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.Err, "videoqa: %v\nTry 'videoqa --help', or 'videoqa COMMAND --help'.\n", err)
		return misused
	}
	return a.report(ctx, parsed.Run())
}

// report says what went wrong and chooses the status.
func (a *App) report(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(a.Err, "videoqa: interrupted")
		return interrupted
	}
	fmt.Fprintf(a.Err, "videoqa: %v\n", err)
	if errors.Is(err, fault.BadRequest) {
		return misused
	}
	return failed
}

// cacheDir is where built graphs and the like are kept.
func (a *App) cacheDir() (string, error) {
	base := a.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home := a.Getenv("HOME")
		if home == "" {
			return "", errors.New("neither XDG_CACHE_HOME nor HOME is set: there is no place for a cache")
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "videoqa"), nil
}

// isTerminal tells whether w is a terminal that may show colours.
func (a *App) isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || a.Getenv("NO_COLOR") != "" || strings.EqualFold(a.Getenv("TERM"), "dumb") {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
