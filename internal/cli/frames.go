package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
	"videoqa/temporal"
)

// Frames is videoqa frames.
type Frames struct {
	Media      string        `arg:"" help:"A video or a picture: a path, an https URL, or - for standard input."`
	Count      int           `placeholder:"N" help:"Frames to write; without it, as many as the model looks at."`
	Out        string        `required:"" placeholder:"DIR" help:"Folder to write them to, as 000.png and so on. It is made if need be."`
	Size       string        `default:"full" enum:"full,model" help:"full: as the video has them; model: as the model gets them."`
	From       time.Duration `placeholder:"TIME" help:"From this time of the clip on."`
	To         time.Duration `placeholder:"TIME" help:"Up to this time of the clip."`
	JSON       bool          `name:"json" help:"Print one line of JSON."`
	Model      string        `env:"VIDEOQA_MODEL" placeholder:"NAME" help:"Checkpoint whose number of frames and preparation are meant."`
	Preprocess string        `env:"VIDEOQA_PREPROCESS" default:"hub" enum:"hub,original" help:"Whose preparation: hub or original."`
}

// Help is shown below the flags.
func (Frames) Help() string {
	return "Example: videoqa frames dock.mp4 --count 6 --out seen --size model"
}

// A writtenFrame is one picture in the listing.
type writtenFrame struct {
	PTS temporal.Seconds `json:"pts"`
	fileName
	Width  int `json:"width"`
	Height int `json:"height"`
}

// A listing is what was written.
type listing struct {
	Frames   []writtenFrame `json:"frames"`
	Sampling struct {
		Policy    string        `json:"policy"`
		Requested int           `json:"requested"`
		Notes     []ingest.Note `json:"notes"`
		Decoded   int           `json:"decoded"` // frames that had to be decoded for those written
	} `json:"sampling"`
}

// Run writes the frames.
func (c *Frames) Run(ctx context.Context, a *App) (err error) {
	src, err := a.openSource(ctx, c.Media)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	look, err := c.look(a)
	if err != nil {
		return err
	}
	pictures, report, err := c.sample(ctx, src, look)
	if err != nil {
		return fmt.Errorf("%s: %w", src.name, err)
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return fmt.Errorf("make the folder for frames: %w", err)
	}
	var l listing
	if err := c.wantNone(len(pictures)); err != nil {
		return err
	}
	l.Sampling.Policy, l.Sampling.Requested, l.Sampling.Decoded = "uniform", report.Requested, report.Decoded
	l.Sampling.Notes = append([]ingest.Note{}, answers.Notes(report)...)
	for i, p := range pictures {
		if c.Size == "model" {
			p.Image = look.Preparation.Apply(p.Image)
		}
		file := filepath.Join(c.Out, fmt.Sprintf("%03d.png", i))
		if err := writePNG(file, p); err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
		l.Frames = append(l.Frames, writtenFrame{p.PTS, named(file), p.Width, p.Height})
	}
	return c.print(a.Out, l)
}

// wantNone refuses a folder that would look as if more than n frames were written.
func (c *Frames) wantNone(n int) error {
	file := filepath.Join(c.Out, fmt.Sprintf("%03d.png", n))
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there, of another run, and only %d frames are written now: choose another folder, or empty that one: %w", file, n, fault.BadRequest)
	}
	return nil
}

// look says how many frames are wanted and how they are prepared. The model's
// graphs are not needed for that, so they are not loaded.
func (c *Frames) look(a *App) (vlm.Vision, error) {
	chosen, machine := modelflags.Flags{Model: c.Model, Running: modelflags.Running{Preprocess: c.Preprocess}}, a.machine()
	ck, err := chosen.Checkpoint(machine)
	if err != nil {
		return vlm.Vision{}, err
	}
	look, err := models.VisionOf(ck, vlm.Preprocess(c.Preprocess))
	if err == nil {
		chosen.TellOfSettings(ck, look, machine)
	}
	if err := errors.Join(err, ck.Close()); err != nil {
		return vlm.Vision{}, err
	}
	if c.Count < 0 {
		return vlm.Vision{}, fmt.Errorf("--count %d has to be at least 1: %w", c.Count, fault.BadRequest)
	}
	if c.Count > 0 {
		look.Frames = c.Count
	}
	return look, nil
}

// sample takes the wanted frames. A still has one, which is as many as are asked for without --count.
func (c *Frames) sample(ctx context.Context, src *source, look vlm.Vision) ([]frames.Picture, frames.Report, error) {
	pictures, report, err := frames.Decode(ctx, src.reader, src.size, frames.Plan{Count: look.Frames, From: c.From, To: c.To}, src.limits)
	if report.Still {
		report.Requested, report.FewerFrames = max(1, c.Count), c.Count > 1
	}
	return pictures, report, err
}

func writePNG(file string, p frames.Picture) error {
	im := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(im.Pix[4*i:4*i+3], p.Pix[3*i:])
		im.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}

func (c *Frames) print(w io.Writer, l listing) error {
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(l)
	}
	for _, f := range l.Frames {
		if _, err := fmt.Fprintf(w, "%s  %d x %d  at %s s\n", printable(f.File), f.Width, f.Height, f.PTS); err != nil {
			return err
		}
	}
	for _, n := range l.Sampling.Notes {
		if _, err := fmt.Fprintf(w, "note: %s\n", n); err != nil {
			return err
		}
	}
	return nil
}
