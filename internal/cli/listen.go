package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"videoqa/answers"
	"videoqa/answers/api"
	"videoqa/answers/store"
	"videoqa/answers/worker"
	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/ingest/media"
	"videoqa/ingest/media/bucket"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
	"videoqa/internal/models"
	"videoqa/internal/ops"
	"videoqa/internal/vlm"
)

// An uploads is a spool as its users want it.
type uploads interface {
	api.Spool
	media.Spool
	Sweep(ctx context.Context, before time.Time) (n int, err error)
}

// heldElsewhere is the uploads of a process that may not see all: what it does not see
// it does not call removed, so that a process that sees it removes it.
type heldElsewhere struct {
	uploads
	elsewhere func() bool
}

// Remove implements [upload.Spool].
func (h heldElsewhere) Remove(ctx context.Context, digest string) error {
	if h.elsewhere() {
		file, err := h.Get(ctx, digest)
		if err != nil {
			return fmt.Errorf("cli: remove an upload: another process may have it: %w", err)
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return h.uploads.Remove(ctx, digest)
}

// A place is where uploads are kept: a folder, or a bucket with a prefix.
type place struct{ dir, bucket, prefix string }

// spoolPlace reads --spool-url; without one it is a folder in the data folder.
func spoolPlace(spoolURL, dataDir string) (p place, err error) {
	if spoolURL == "" {
		return place{dir: filepath.Join(dataDir, "uploads")}, nil
	}
	u, err := url.Parse(spoolURL)
	switch {
	case err == nil && u.Scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path):
		return place{dir: u.Path}, nil
	case err == nil && u.Scheme == "s3" && u.Host != "" && u.User == nil && u.RawQuery == "":
		if err := bucket.CheckName(u.Host); err != nil {
			return p, fmt.Errorf("--spool-url: %w", err)
		}
		return place{bucket: u.Host, prefix: strings.Trim(u.Path, "/")}, nil
	}
	return p, fmt.Errorf("--spool-url has to be a folder, as file:///srv/uploads, or s3://bucket/prefix: %w", fault.BadRequest)
}

// An httpSide serves HTTP beside the stream.
type httpSide struct {
	Listen string // "": not at all
	Config api.Config
	Web    *ops.Web // nil: nobody sees its requests
}

// begin serves until stop is called, which lets requests under way end for as long
// as grace. When the listener fails, fail is told.
func (s httpSide) begin(fail context.CancelCauseFunc, grace time.Duration) (address string, stop func() error, err error) {
	if s.Listen == "" {
		return "", func() error { return nil }, nil
	}
	s.Config.Routed = s.Web.Routed
	a, err := api.New(s.Config)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return "", nil, fmt.Errorf("cli: listen for HTTP: %w (--listen chooses another address)", err)
	}
	server := a.Server(s.Listen)
	server.Handler = s.Web.Around(server.Handler)
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed = fmt.Errorf("cli: serve HTTP: %w", err)
			fail(failed)
		}
	})
	return listener.Addr().String(), func() error {
		limited, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if server.Shutdown(limited) != nil {
			server.Close() // who still waits finds the outcome under the question's id
		}
		running.Wait()
		return failed
	}, nil
}

// pictures shows frames of clips.
type pictures struct {
	media  worker.Media
	guard  *worker.Guard
	limits mediaLimits
}

// JPEG implements [api.Pictures].
func (p pictures) JPEG(ctx context.Context, c ingest.Clip, at time.Duration) ([]byte, error) {
	var picture frames.Picture
	err := p.guard.Look(ctx, c, func(ctx context.Context) error {
		file, err := p.media.Open(ctx, c.URI, c.Digest)
		if err != nil {
			return err
		}
		defer file.Close()
		picture, err = pictureOf(ctx, file, p.limits.of(c), at)
		return err
	})
	if err != nil {
		return nil, err
	}
	img := image.NewNRGBA(image.Rect(0, 0, picture.Width, picture.Height))
	for i := range picture.Width * picture.Height {
		img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3] = picture.Pix[3*i], picture.Pix[3*i+1], picture.Pix[3*i+2], 255
	}
	var out bytes.Buffer
	err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 90})
	return out.Bytes(), err
}

func pictureOf(ctx context.Context, file *media.File, limits frames.Limits, at time.Duration) (frames.Picture, error) {
	still, err := frames.BeginsStill(file, file.Size())
	if err != nil {
		return frames.Picture{}, fmt.Errorf("%w: %w", err, fault.BadVideo)
	}
	if still {
		p, _, err := frames.DecodeStill(ctx, file, file.Size(), limits)
		return p, err
	}
	all, report, err := frames.Sample(ctx, file, file.Size(), frames.Plan{At: []time.Duration{at}}, limits)
	switch {
	case err != nil:
		return frames.Picture{}, err
	case at >= report.Duration && at > time.Microsecond: // a clip of one picture may have no length
		return frames.Picture{}, fmt.Errorf("show frame: the clip is %v long: %w", report.Duration, fault.NotFound)
	case report.Instead[0]:
		return frames.Picture{}, fmt.Errorf("show frame: the picture at %v is damaged: %w", at.Truncate(time.Microsecond), fault.BadVideo)
	}
	return all[0], nil
}

// modelOf tells of a model without loading it.
func (f ModelFlags) modelOf(a *App) (m api.Model, err error) {
	c, err := f.checkpoint(a)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if c.CacheDir, err = a.cacheDir(); err != nil {
		return m, err
	}
	library, err := a.library()
	if err != nil {
		return m, err
	}
	look, err := models.VisionOf(c, vlm.Preprocess(f.Preprocess))
	if err != nil {
		return m, err
	}
	d, err := models.Describe(c, f.config(c.CacheDir, library)) // as a worker on such a machine would
	if err != nil {
		return m, err
	}
	return servedModel(d, look), nil
}

// servedModel is what GET /v1/models says of a model.
func servedModel(d vlm.Description, v vlm.Vision) api.Model {
	return api.Model{Model: answers.Described(d), Frames: v.Frames, Family: d.Family, Can: d.Can}
}

// spooled opens the spool of uploads.
func (s *Settings) spooled() (uploads, error) {
	at, err := spoolPlace(s.Spool.URL, s.DataDir)
	if err != nil {
		return nil, err
	}
	if s.Spool.URL == "" { // the data folder is ours to make
		if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("cli: make the data folder: %w", err)
		}
	}
	if at.bucket == "" {
		return spool.Open(spool.Config{Dir: at.dir, MaxBytes: int64(s.Spool.MaxBytes), Quota: int64(s.Spool.Quota)})
	}
	client, err := s.bucket()
	if err != nil {
		return nil, err
	}
	return spool.NewRemote(spool.RemoteConfig{Client: client, Bucket: at.bucket, Prefix: at.prefix, Dir: filepath.Join(s.DataDir, "spool"), MaxBytes: int64(s.Spool.MaxBytes), Quota: int64(s.Spool.Quota)})
}

// spoolFolder is the folder of uploads, where they are kept in one.
func (s *Settings) spoolFolder() string {
	at, _ := spoolPlace(s.Spool.URL, s.DataDir) // checked when it was opened
	return at.dir
}

// sweep keeps uploads no longer than the clips that name them.
func (r *retention) sweep(ctx context.Context, kept uploads, log *slog.Logger) (stop func()) {
	return r.begin(ctx, sweeper{kept}, log)
}

// A sweeper forgets uploads as a store forgets outcomes.
type sweeper struct{ uploads }

// Prune implements [forgetter].
func (s sweeper) Prune(ctx context.Context, before time.Time) (store.Pruned, error) {
	n, err := s.Sweep(ctx, before)
	return store.Pruned{Uploads: n}, err
}

// keys reads the file of keys; nil: there is none.
func (s *Settings) keys() (*api.Keys, error) {
	if s.APIKeysFile == "" {
		return nil, nil
	}
	return api.OpenKeys(s.APIKeysFile)
}
