// Command trace has several clients ask about clips that nobody asked about before, and
// draws what was done for each clip beside how busy the cores were.
//
//	trace -model DIR -precision fp32 -threads 2 -clients 4 CLIP...
//
// Stages are those that the service traces, the same that become spans and
// metrics; processor time is the kernel's count, read every 40 ms. All
// clips are asked about once before, by another service: graphs are open when it begins.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/models"
	"videoqa/internal/trace"
	"videoqa/internal/vlm"
)

func main() {
	dir := flag.String("model", "", "folder of the checkpoint")
	precision := flag.String("precision", "fp32", "of the model")
	threads := flag.Int("threads", runtime.GOMAXPROCS(0), "cores that the model and Go use")
	clients := flag.Int("clients", 4, "that ask at the same time")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	if err := run(*dir, vlm.Precision(*precision), *threads, *clients, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "trace:", err)
		os.Exit(1)
	}
}

func run(dir string, precision vlm.Precision, threads, clients int, paths []string) (err error) {
	ctx := context.Background()
	subjects, err := read(paths)
	if err != nil {
		return err
	}
	c, err := checkpoint.Open(dir)
	if err != nil {
		return err
	}
	c.CacheDir = dir
	defer func() { err = errors.Join(err, c.Close()) }()
	m, err := models.Open(ctx, c, models.Config{CacheDir: dir, Library: os.Getenv("VIDEOQA_ONNXRUNTIME"), Threads: threads, Precision: precision})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if _, err := ask(ctx, m, subjects, clients); err != nil { // opens the graphs
		return err
	}
	runtime.GC() // of what that left, so that it is no part of the picture
	meter := startMeter(threads)
	recorded, err := ask(ctx, m, subjects, clients)
	samples := meter.stop()
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d clips of %d clients, %d cores\n\n", precision, len(paths), clients, threads)
	timeline{recorded, samples, threads}.print(os.Stdout)
	return nil
}

// read makes subjects of clips, each of a camera of its own.
func read(paths []string) (subjects []answers.Subject, err error) {
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		subjects = append(subjects, answers.Subject{
			Camera: fmt.Sprint("camera-", i), Reader: bytes.NewReader(data), Size: int64(len(data)),
			Digest: "sha256:" + hex.EncodeToString(sum[:]), Limits: frames.Upload(),
		})
	}
	if len(subjects) == 0 {
		return nil, errors.New("no clip is named")
	}
	return subjects, nil
}

// A clip is what was done for one, times from the first question on.
type clip struct {
	asked, answered time.Time
	spans           []span
}

type span struct {
	stage    string
	from, to time.Time
}

// Begin implements [trace.Trace].
func (c *clip) Begin(stage string) (end func(error)) {
	began := time.Now()
	return func(error) { c.spans = append(c.spans, span{stage, began, time.Now()}) }
}

// Headers implements [trace.Trace].
func (c *clip) Headers() []ingest.Header { return nil }

// End implements [trace.Trace].
func (c *clip) End(trace.Disposition, ingest.Answer) {}

// ask has clients ask one question about each subject, through a service that knows none.
func ask(ctx context.Context, m models.Model, subjects []answers.Subject, clients int) ([]clip, error) {
	s, err := answers.New(answers.Config{Model: m, MaxTokens: 4})
	if err != nil {
		return nil, err
	}
	todo := make(chan int, len(subjects))
	for i := range subjects {
		todo <- i
	}
	close(todo)
	recorded, failed := make([]clip, len(subjects)), make([]error, len(subjects))
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			for i := range todo {
				c := &recorded[i]
				c.asked = time.Now()
				results, err := s.Ask(trace.With(ctx, c), subjects[i], []ingest.Question{{Text: "which way does the red train move now?"}})
				c.answered = time.Now()
				if err == nil {
					err = results[0].Err
				}
				failed[i] = err
			}
		})
	}
	asking.Wait()
	return recorded, cmp.Or(errors.Join(failed...), ctx.Err())
}
