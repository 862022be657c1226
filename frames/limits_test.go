package frames_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/frames"
	"videoqa/internal/fault"
	"videoqa/internal/native"
)

func TestLimitsAreNamed(t *testing.T) {
	data := clip(t, "b-pyramid.mp4")
	for _, tc := range []struct {
		name   string
		change func(*frames.Limits)
		says   string
	}{
		{"bytes", func(l *frames.Limits) { l.Bytes = 100 }, "bytes"},
		{"duration", func(l *frames.Limits) { l.Duration = time.Second }, "at most 1s"},
		{"pixels", func(l *frames.Limits) { l.Pixels = 1000 }, "96 x 64 pixels"},
		{"packets", func(l *frames.Limits) { l.Packets = 10 }, "more than 10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := frames.Upload()
			tc.change(&l)
			for _, trusting := range []bool{true, false} {
				_, _, err := frames.SampleTrusting(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 6}, l, trusting)
				if !errors.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("Sample with limits %+v, trusting %v: %v; want too large, saying %q", l, trusting, err, tc.says)
				}
			}
		})
	}
}

func TestASizeThatGrowsInMidStreamIsStillLimited(t *testing.T) {
	data := clip(t, "size-change.ts") // 96 x 64, then 64 x 96
	l := frames.Upload()
	l.Pixels = 96*64 - 1
	if _, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 6}, l); !errors.Is(err, fault.TooLarge) {
		t.Errorf("Sample: %v; want too large", err)
	}
}

func TestSenselessPlansAreRefused(t *testing.T) {
	data := clip(t, "cfr.mp4")
	for _, plan := range []frames.Plan{{}, {Count: -1}, {Count: 1, From: time.Minute}, {Count: 1, From: time.Second, To: time.Second}, {Count: 1, To: -time.Second}} {
		if _, _, err := frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), plan, frames.Upload()); !errors.Is(err, fault.BadRequest) {
			t.Errorf("Sample with plan %+v: %v; want bad request", plan, err)
		}
	}
}

// slow ends a context after a number of reads, as a user who goes away does.
type slow struct {
	io.ReaderAt
	left   int
	cancel context.CancelFunc
}

func (s *slow) ReadAt(p []byte, off int64) (int, error) {
	if s.left--; s.left == 0 {
		s.cancel()
	}
	return s.ReaderAt.ReadAt(p, off)
}

// Whatever is going on when the asker goes away, it is never the file's fault.
func TestAnEndedContextEndsTheWork(t *testing.T) {
	for _, name := range []string{"cfr.mp4", "open-gop-h264.ts", "one-gop.mkv", "no-timestamps.avi"} {
		data, done := clip(t, name), false
		for reads := 1; !done; reads++ {
			ctx, cancel := context.WithCancel(t.Context())
			r := &slow{bytes.NewReader(data), reads, cancel}
			_, _, err := frames.SampleTrusting(ctx, r, int64(len(data)), frames.Plan{Count: 6}, frames.Footage(), true)
			if err != nil && (!errors.Is(err, context.Canceled) || errors.Is(err, fault.BadVideo)) {
				t.Errorf("%s cancelled at read %d: %v; want the context's error alone", name, reads, err)
			}
			done = r.left > 0
			cancel()
		}
	}
}

// broken fails from a number of reads on, as a disk or a network does.
type broken struct {
	io.ReaderAt
	left int
}

var errLost = errors.New("the disk is gone")

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if b.left--; b.left < 0 {
		return 0, errLost
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestTheReadersOwnErrorIsKept(t *testing.T) {
	for _, name := range []string{"cfr.mp4", "open-gop-h264.ts", "one-gop.mkv", "no-timestamps.avi"} {
		data, done := clip(t, name), false
		for reads := 0; !done; reads++ {
			r := &broken{bytes.NewReader(data), reads}
			_, _, err := frames.SampleTrusting(t.Context(), r, int64(len(data)), frames.Plan{Count: 6}, frames.Footage(), reads%2 == 0)
			if done = r.left >= 0; !done && (!errors.Is(err, errLost) || errors.Is(err, fault.BadVideo)) {
				t.Errorf("%s failing at read %d: %v; want the reader's error alone", name, reads, err)
			}
		}
	}
}

// plainHeap makes the C library's allocator keep nothing back for its threads, so
// that the bytes in use are exact. It is read when a process starts.
const plainHeap = "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1:glibc.malloc.mxfast=0"

// After 1,000 opens, bad ones included, the C side holds what it held after 100:
// the same handles and, to the byte, the same memory.
func TestAThousandOpensLeaveNothingBehind(t *testing.T) {
	if os.Getenv("GLIBC_TUNABLES") == plainHeap {
		openAThousandTimes(t)
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), "GLIBC_TUNABLES="+plainHeap)
	if out, err := again.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS: "+t.Name())) {
		t.Errorf("with GLIBC_TUNABLES=%s: %v\n%s", plainHeap, err, out)
	}
}

func openAThousandTimes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(clips, "bad", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d bad files, %v", len(files), err)
	}
	for _, name := range []string{"cfr.mp4", "one-frame.mp4", "truncated.mp4", "no-timestamps.avi", "vp9-hidden.webm", "damaged-middle.mp4", "av1.mp4"} {
		files = append(files, filepath.Join(clips, name))
	}
	startThreads(64)
	var at100 native.Stats
	for i := range 1000 {
		if i == 100 {
			at100 = native.Read()
		}
		data, err := os.ReadFile(files[i%len(files)])
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = frames.Sample(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 2}, frames.Upload())
		if bad := strings.Contains(files[i%len(files)], "/bad/"); (err != nil) != bad {
			t.Fatalf("Sample of %s: %v", files[i%len(files)], err)
		}
	}
	if now := native.Read(); now != at100 {
		t.Errorf("after 1000 opens %+v; after 100 %+v", now, at100)
	}
}

// startThreads lets Go start as many threads as it will need, each of which takes
// a few hundred bytes of the C heap and then stays.
func startThreads(n int) {
	var all, started sync.WaitGroup
	release := make(chan struct{})
	started.Add(n)
	for range n {
		all.Go(func() {
			runtime.LockOSThread()
			started.Done()
			<-release
			runtime.UnlockOSThread()
		})
	}
	started.Wait()
	close(release)
	all.Wait()
}

// FFmpeg says of one stream too many that it has no memory, or breaks off in silence.
func TestMoreStreamsThanTheLimitAreNamed(t *testing.T) {
	picture := jpegsOf(clip(t, "mjpeg.avi"))[0]
	ts := clip(t, "open-gop-h264.ts")
	sound := soundTrack(10, 10, 1)
	tracks := func(n int) []byte {
		return element(0x1654ae6b, bytes.Repeat(element(0xae, element(0xd7, []byte{9})), n))
	}
	fonts := element(0x1941a469, bytes.Repeat(element(0x61a7, element(0x466e, []byte("a.ttf")), element(0x4660, []byte("font/ttf")), element(0x465c, []byte("x")), element(0x46ae, []byte{7})), 70))
	for _, tc := range []struct {
		name string
		data []byte
		says string
	}{
		{"tracks of an MP4", movOf(make([]byte, 100), bytes.Repeat(sound, 64), jpegTrack(10, nil, box("stsc", words(0, 1, 1, 10, 1)), box("stsz", words(0, 2, 10)), box("stco", words(0, 1, 16)))), "it has 65 streams, at most 64"},
		{"tracks of a Matroska", matroska(tracks(64), picture, nil), "it has 65 streams, at most 64"},
		{"streams of an AVI", aviOfSound(65, 1), "it has 65 streams, at most 64"},
		{"streams of a transport stream", append(slices.Clone(ts), transportOfStreams(64)...), "it has more than 64 streams, at most 64"},
		{"as many as are allowed", append(slices.Clone(ts), transportOfStreams(63)...), ""},
		{"fonts of a Matroska are no streams", matroska(fonts, picture, nil), ""},
	} {
		_, _, err := frames.Sample(t.Context(), bytes.NewReader(tc.data), int64(len(tc.data)), frames.Plan{Count: 1}, frames.Footage())
		if tc.says == "" && err != nil {
			t.Errorf("%s: %v; want it read", tc.name, err)
		}
		if tc.says != "" && (!errors.Is(err, fault.TooLarge) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v; want %q", tc.name, err, tc.says)
		}
	}
}

// transportOfStreams has a packet of each of n streams, which no program names.
func transportOfStreams(n int) (out []byte) {
	for i := range n {
		out = append(out, 0x47, 0x52, byte(i), 0x10, 0, 0, 1, 0xc0, 0, 0, 0x80, 0, 0)
		out = append(out, bytes.Repeat([]byte{0xff}, 175)...)
	}
	return out
}
