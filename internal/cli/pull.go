package cli

import (
	"context"
	"fmt"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"videoqa/internal/checkpoint/hub"
)

// Pull is videoqa pull.
type Pull struct {
	Name string `arg:"" placeholder:"OWNER/NAME[@REVISION]" help:"The checkpoint, as microsoft/git-base-msrvtt-qa, at a branch, tag, commit or refs/pr/N."`
}

// Help is shown below the flags.
func (Pull) Help() string {
	return "Files go where Python's tools keep theirs. HF_ENDPOINT, HF_TOKEN, HF_HOME and HF_HUB_OFFLINE are honoured.\nExample: videoqa pull microsoft/git-large-msrvtt-qa@refs/pr/1"
}

// Run fetches the checkpoint and prints its folder.
func (c *Pull) Run(ctx context.Context, a *App) error {
	shown := &pullProgress{}
	if a.isTerminal(a.Err) {
		shown.bars = mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(48))
	}
	dir, err := hub.Environment(a.Getenv).Pull(ctx, c.Name, shown)
	shown.stop()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, dir)
	return err
}

// pullProgress shows one bar a file, on a terminal.
type pullProgress struct {
	bars *mpb.Progress // nil: not shown
	bar  *mpb.Bar
}

// Start implements [hub.Progress].
func (p *pullProgress) Start(file string, size, have int64) {
	if p.bars == nil {
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
