package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"videoqa/internal/checkpoint/hub"
	"videoqa/internal/models"
)

// Pull is videoqa pull.
type Pull struct {
	Name string `arg:"" placeholder:"OWNER/NAME[@REVISION]" help:"The checkpoint, as microsoft/git-base-msrvtt-qa, at a branch, tag, commit or refs/pr/N."`
}

// Help is shown below the flags.
func (Pull) Help() string {
	return "Files go where Python's tools keep theirs. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE are honoured.\nExample: videoqa pull microsoft/git-large-msrvtt-qa@refs/pr/1"
}

// Run fetches the checkpoint and prints its folder. What it is trying is said on
// standard error before anything is tried.
func (c *Pull) Run(ctx context.Context, a *App) error {
	repo, err := hub.ParseRepo(c.Name)
	if err != nil {
		return err
	}
	h := hub.Environment(a.Getenv)
	h.Sidecars, h.Accept = models.Sidecars(), models.CheckFamily
	if !h.Offline {
		fmt.Fprintf(a.Err, "pulling %s from %s into %s\n", repo, withoutUser(cmp.Or(h.Endpoint, hub.DefaultEndpoint)), printable(h.CacheDir))
	}
	shown := &pullProgress{err: a.Err}
	if a.showsColour(a.Err) {
		shown.bars = mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(48))
	}
	dir, err := h.Pull(ctx, c.Name, shown)
	shown.stop()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, dir)
	return err
}

// withoutUser is an address without the name and password in it.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "HF_ENDPOINT"
	}
	u.User = nil
	return u.String()
}

// pullProgress shows one bar a file on a terminal, and elsewhere a line.
type pullProgress struct {
	err  io.Writer     // for lines
	bars *mpb.Progress // nil: not shown
	bar  *mpb.Bar
}

// lines is where lines go: above a bar that is shown.
func (p *pullProgress) lines() io.Writer {
	if p.bar != nil {
		return p.bars
	}
	return p.err
}

// Failed implements [hub.Progress].
func (p *pullProgress) Failed(err error, attempt, of int, pause time.Duration) {
	fmt.Fprintf(p.lines(), "attempt %d of %d failed, the next is in %v: %s\n", attempt, of, pause, printableLines(err.Error()))
}

// Start implements [hub.Progress].
func (p *pullProgress) Start(file string, size, have int64) {
	if p.bars == nil {
		fmt.Fprintf(p.err, "fetching %s, %.1f MiB\n", printable(file), float64(size-have)/(1<<20))
		return
	}
	p.bar = p.bars.AddBar(size,
		mpb.PrependDecorators(decor.Name(file+" ")),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f"), decor.Name("  "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")))
	p.bar.SetCurrent(have)
}

// Advance implements [hub.Progress].
func (p *pullProgress) Advance(_ string, n int64) {
	if p.bar != nil {
		p.bar.IncrInt64(n)
	}
}

// Done implements [hub.Progress].
func (p *pullProgress) Done(string) {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
	}
}

func (p *pullProgress) stop() {
	if p.bar != nil {
		p.bar.Abort(false)
		p.bars.Wait()
	}
}
