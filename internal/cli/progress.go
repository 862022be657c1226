package cli

import (
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A progress shows on a terminal how far long work has come; elsewhere nothing.
type progress struct {
	container *mpb.Progress // nil: not shown
	bar       *mpb.Bar
}

func newProgress(a *App, total int, what string) progress {
	if !a.isTerminal(a.Err) {
		return progress{}
	}
	c := mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(48))
	bar := c.AddBar(int64(total), mpb.PrependDecorators(decor.Name(what+" ")), mpb.AppendDecorators(decor.Percentage(), decor.Name("  left "), decor.AverageETA(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	return progress{c, bar}
}

func (p progress) set(done int) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(done))
	}
}

func (p progress) stop() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.container.Wait()
	}
}
