// Package cli is videoqa's command line, one file a command.
//
//	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
//
// Flags, variables, the file of settings and help come from one struct. A command
// writes its results to standard output only when it has succeeded whole, or, about
// several files or stretches, when it has with each; errors are one sentence on
// standard error. Exit status: 0 done, 1 failed, also with one of several files, 2
// the command line is wrong, 70 a native call hung, 130 interrupted.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"

	"videoqa/internal/config"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
)

// Commands is the command line.
type Commands struct {
	Ask            Ask            `cmd:"" help:"Answer questions about a video or a picture."`
	Caption        Caption        `cmd:"" help:"Describe a video or a picture."`
	Frames         Frames         `cmd:"" help:"Write the frames that a model would look at."`
	PrecisionCheck PrecisionCheck `cmd:"" name:"precision-check" help:"Say how far another precision's answers are from those in fp32."`
	Pull           Pull           `cmd:"" help:"Fetch a checkpoint from the Hugging Face Hub."`
	Serve          Serve          `cmd:"" help:"Answer clip and question events from Kafka."`
	Config         Config         `cmd:"" help:"Check or show the settings of serve."`
	DLQ            DLQ            `cmd:"" name:"dlq" help:"List, show, explain and replay dead letters."`
	Waiting        Waiting        `cmd:"" help:"List questions that wait, with the reason."`
	Demo           Demo           `cmd:"" help:"Run the event stream on the clips that come with the program."`
	Version        Version        `cmd:"" help:"Say what this program is made of."`
	Help           Help           `cmd:"" help:"Show how a command is used."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// An App is where a command reads and writes.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Environ  []string // all of it, to find names that nobody knows; nil: not looked for
	Version  string   // of the program

	warn                func(text string) // tells what the user should know; nil: on Err
	toldOfDemonstration bool              // the person has been told that the demonstration model answers

	args   []string       // of the command that runs
	values []config.Value // its settings, with who said so
	wrong  error          // with the file of settings and the variables; for [serve.Settings.Prepare] to tell with the rest
}

// Exit statuses, besides [serve.Hung].
const (
	failed      = 1
	misused     = 2
	interrupted = 130
)

// Main runs the command of args and returns the exit status. environ is the
// environment, as [os.Environ] gives it.
func Main(version string, args []string, in io.Reader, out, errors io.Writer, environ []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return (&App{In: in, Out: out, Err: errors, Getenv: lookup(environ), Environ: environ, Version: version}).run(ctx, args)
}

// lookup finds variables in an environment; of a name that is given twice
// the last counts, as for the shell's children.
func lookup(environ []string) func(string) string {
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
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
	if len(args) == 0 {
		args = []string{"--help"}
	}
	a.args = args
	parsed, values, err := a.parse(ctx)
	if err != nil && (parsed == nil || !tellsAllItself(parsed)) {
		a.complain(err)
		fmt.Fprintln(a.Err, "Try 'videoqa --help', or 'videoqa COMMAND --help'.")
		return misused
	}
	a.values, a.wrong = values, err
	if onlyLooks(parsed) {
		return a.report(ctx, abandon(ctx, func() error { return parsed.Run() }))
	}
	return a.report(ctx, parsed.Run())
}

// spaced is a help text whose list of values can be broken into lines.
func spaced(text string, value *kong.Value) string {
	if value.Enum == "" {
		return text
	}
	return strings.ReplaceAll(text, value.Enum, strings.Join(value.EnumSlice(), ", "))
}

// tellsAllItself reports whether a command tells what is wrong with the file of settings and the
// variables together with what it finds wrong itself.
func tellsAllItself(parsed *kong.Context) bool {
	switch parsed.Selected().Target.Addr().Interface().(type) {
	case *Serve, *ConfigCheck:
		return true
	}
	return false
}

// parse reads the command line, the variables and the file of settings. If only something
// in the file or a variable is wrong, the rest comes with the error.
func (a *App) parse(ctx context.Context) (*kong.Context, []config.Value, error) {
	var settings *config.Settings
	parser, err := kong.New(&Commands{}, append(config.Verbatim(), kong.Name("videoqa"),
		kong.Description("Ask plain-language questions about video, and see what was looked at."),
		kong.Writers(a.Out, a.Err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(func(value *kong.Value) string { return spaced(settings.Help(value), value) }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(a), kong.Vars{"kinds": kindNames(), "precisions": modelflags.Precisions(), "version": "videoqa " + a.Version})...)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	settings = config.Take(parser.Model.Node)
	args := flagsFirst(parser.Model.Node, a.args)
	sources, wrong := a.sources(parser, settings, args)
	if sources == nil {
		return nil, nil, wrong
	}
	if err := kong.Resolvers(sources).Apply(parser); err != nil {
		return nil, nil, err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, nil, errors.Join(plainly(err), wrong)
	}
	return parsed, sources.Values(parsed), wrong
}

// plainly says what is missing of a command line, where kong only says what it expects.
func plainly(err error) error {
	what, missing := strings.CutPrefix(err.Error(), "expected ")
	switch {
	case !missing:
		return err
	case strings.HasPrefix(what, `"<`):
		return fmt.Errorf("an argument is missing: %s", strings.Trim(what, `"`))
	}
	return fmt.Errorf("a command is missing: %s", what)
}

// sources reads the variables, and the file if the command that args name takes
// one. Where help is asked for, or args are wrong, nothing else is to be said.
func (a *App) sources(parser *kong.Kong, settings *config.Settings, args []string) (*config.Sources, error) {
	traced, err := kong.Trace(parser, args)
	if err != nil || traced.Error != nil || slices.ContainsFunc(traced.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == "help" }) {
		return settings.Read("", nil, nil)
	}
	return settings.Read(a.settingsFile(traced), a.Environ, traced.Flags())
}

// settingsFile is the file that the command line or a variable names, if the
// command takes one.
func (a *App) settingsFile(traced *kong.Context) string {
	for _, step := range traced.Path {
		if step.Positional != nil && step.Positional.Name == settingsArgument {
			return traced.Value(step).String()
		}
	}
	for _, flag := range traced.Flags() {
		if flag.Name == config.File {
			named, _ := traced.FlagValue(flag).(string)
			return cmp.Or(named, a.Getenv(config.Prefix+strings.ToUpper(config.File)))
		}
	}
	return ""
}

// report says what went wrong and chooses the status.
func (a *App) report(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(a.Err, "videoqa: interrupted")
		return interrupted
	case errors.Is(err, errTold):
		return misused
	}
	a.complain(err)
	if errors.Is(err, fault.BadRequest) {
		return misused
	}
	return failed
}

// complain tells of an error on standard error. What it quotes of names and files
// cannot move the terminal's cursor.
func (a *App) complain(err error) { a.complainOn(a.Err, err) }

func (a *App) complainOn(w io.Writer, err error) {
	text := strings.TrimSuffix(err.Error(), ": "+fault.BadRequest.Error()) // which the exit status says
	fmt.Fprintf(w, "videoqa: %s\n", printableLines(text))
}

// tell tells what the user should know of what goes on all the same.
func (a *App) tell(text string) {
	if a.warn != nil {
		a.warn(text)
		return
	}
	fmt.Fprintf(a.Err, "videoqa: %s\n", text)
}

// showsColour reports whether w is a terminal that may show colours, and bars that
// are drawn over.
func (a *App) showsColour(w io.Writer) bool {
	return a.Getenv("NO_COLOR") == "" && !strings.EqualFold(a.Getenv("TERM"), "dumb") && a.atTerminal(w)
}

// atTerminal reports whether w is a terminal, of whatever kind.
func (a *App) atTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
