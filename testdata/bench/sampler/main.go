// Command sampler is videoqa's side of testdata/bench/peers.py: it stays up as
// the other programs do, with the encoded clips in memory, and does what a line of
// JSON on standard input asks for. A line of JSON answers.
//
//	{"do":"load","path":P}                      keeps a clip's bytes, in place of those before
//	{"do":"sample","count":N}                   takes N pictures: seconds, their times, how many were decoded
//	{"do":"sample","count":N,"edge":224}        the same, each resized and cropped to a square as for a model
//	{"do":"write","path":P}                     writes the pictures of the last sample, RGB, one after the other
//	{"do":"resize","path":P,"width":W,…,"n":N}  resizes the RGB picture at P N times, on so many threads: seconds each
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"videoqa/frames"
	"videoqa/frames/prepare"
	"videoqa/temporal"
)

type order struct {
	Do, Path      string
	Count, Edge   int
	Width, Height int
	ToWidth       int `json:"to_width"`
	ToHeight      int `json:"to_height"`
	N, Threads    int
}

type reply struct {
	Seconds []float64          `json:"seconds,omitempty"`
	CPU     float64            `json:"cpu,omitempty"`   // seconds of all threads
	Times   []temporal.Seconds `json:"times,omitempty"` // of the pictures, from the first shown
	Decoded int                `json:"decoded,omitempty"`
	Frames  int                `json:"frames,omitempty"` // of the whole clip
	Error   string             `json:"error,omitempty"`

	Libraries string `json:"libraries,omitempty"`
}

// bench is what stays between lines.
type bench struct {
	clip []byte
	last []frames.Picture
}

func main() {
	b := bench{}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var o order
		err := json.Unmarshal(in.Bytes(), &o)
		var r reply
		if err == nil {
			r, err = b.do(o)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := out.Encode(r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (b *bench) do(o order) (r reply, err error) {
	switch o.Do {
	case "load":
		b.clip, err = os.ReadFile(o.Path)
	case "sample":
		return b.sample(o)
	case "write":
		err = b.write(o.Path)
	case "resize":
		return b.resize(o)
	case "libraries":
		r.Libraries = frames.Libraries()
	default:
		err = fmt.Errorf("nothing is called %q", o.Do)
	}
	return r, err
}

// sample uses the limits of footage, because ten minutes are more bytes than an
// upload may have.
func (b *bench) sample(o order) (reply, error) {
	limits := frames.Footage()
	if int64(len(b.clip)) <= frames.Upload().Bytes {
		limits = frames.Upload()
	}
	b.last = nil // as the other programs drop what they returned before
	begin, used := time.Now(), cpu()
	pics, report, err := frames.Sample(context.Background(), bytes.NewReader(b.clip), int64(len(b.clip)), frames.Plan{Count: o.Count}, limits)
	if o.Edge > 0 {
		square := prepare.Preparation{ShortestEdge: o.Edge, CropWidth: o.Edge, CropHeight: o.Edge, Filter: prepare.Bicubic}
		for i, p := range pics {
			pics[i].Image = square.Apply(p.Image)
		}
	}
	r := reply{Seconds: []float64{time.Since(begin).Seconds()}, CPU: cpu() - used, Decoded: report.Decoded, Frames: report.Frames}
	for _, p := range pics {
		r.Times = append(r.Times, p.PTS)
	}
	b.last = pics
	return r, err
}

// cpu is what the process has used of the processor, in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func (b *bench) write(path string) error {
	var all []byte
	for _, p := range b.last {
		all = append(all, p.Pix...)
	}
	return os.WriteFile(path, all, 0o644)
}

func (b *bench) resize(o order) (r reply, err error) {
	p := prepare.Image{Width: o.Width, Height: o.Height}
	if p.Pix, err = os.ReadFile(o.Path); err != nil {
		return r, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.Threads))
	for range o.N {
		begin := time.Now()
		out := prepare.Resize(p, o.ToWidth, o.ToHeight, prepare.Bicubic)
		r.Seconds = append(r.Seconds, time.Since(begin).Seconds())
		b.last = []frames.Picture{{Image: out}}
	}
	return r, nil
}
