package cli

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A progress shows on a terminal how far long work has come; elsewhere nothing.
type progress struct {
	app       *App
	container *mpb.Progress // nil: not shown
	bar       *mpb.Bar
}

func newProgress(a *App, total int, what string) progress {
	if !a.showsColour(a.Err) {
		return progress{app: a}
	}
	c := mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(48))
	bar := c.AddBar(int64(total), mpb.PrependDecorators(decor.Name(what+" ")), mpb.AppendDecorators(decor.Percentage(), decor.Name("  left "), decor.AverageETA(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	return progress{a, c, bar}
}

func (p progress) set(done int) {
	if p.bar != nil {
		p.bar.SetCurrent(int64(done))
	}
}

// above returns what writes to w while the progress is shown. Where w is a terminal,
// lines have to go above the bar, which is drawn over whatever stands in its place.
func (p progress) above(w io.Writer) io.Writer {
	if p.bar == nil || !p.app.showsColour(w) {
		return w
	}
	return p.container
}

func (p progress) stop() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.container.Wait()
	}
}
