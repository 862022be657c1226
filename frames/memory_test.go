package frames_test

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"videoqa/frames"
)

var (
	memoryFiles = flag.Int("memory.files", 60, "damaged files of TestPicturesAreTheSameWhateverMemoryHolds")
	memoryRuns  = flag.Int("memory.runs", 3, "how often each of them is sampled")
	memorySeed  = flag.Uint64("memory.seed", 1, "what they are made from")
	memoryKeep  = flag.String("memory.keep", "", "a folder for those that differ")
	memoryAt    = flag.Int("memory.at", 4, "how many are sampled at a time")
)

// A decoder that meets damage may hand out a picture of which it wrote only a part;
// the rest is what memory held. So damaged files are sampled again and again, by
// different numbers of threads, in memory that holds something else each time.
func TestPicturesAreTheSameWhateverMemoryHolds(t *testing.T) {
	kinds := memoryKinds(t)
	var work sync.WaitGroup
	places := make(chan struct{}, *memoryAt)
	results := make([]memoryResult, *memoryFiles)
	for n := range results {
		kind := kinds[n%len(kinds)]
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			data := mutated(kind.data, rand.New(rand.NewPCG(*memorySeed, uint64(n))))
			results[n] = sampleRepeatedly(t, kind.still, data)
			if len(results[n].variants) > 1 {
				keepFailed(t, fmt.Sprintf("memory-%d-%d-%s", *memorySeed, n, kind.name), data)
				t.Errorf("file %d, made of %s, has %d variants:\n%s", n, kind.name, len(results[n].variants), strings.Join(results[n].variants, "\n"))
			}
		})
	}
	work.Wait()
	runs, degraded, refused, changed := 0, 0, 0, 0
	for _, r := range results {
		runs += r.runs
		degraded += r.degraded
		refused += r.refused
		if len(r.variants) > 1 {
			changed++
		}
	}
	t.Logf("%d files, %d runs: %d files differ from run to run; %d runs are degraded, %d refused", len(results), runs, changed, degraded, refused)
}

// What the C library's heap holds must not matter either: the same with every byte
// that is asked for or given back set to something.
func TestPicturesAreTheSameWhateverTheHeapHolds(t *testing.T) {
	if os.Getenv("MALLOC_PERTURB_") != "" {
		t.Logf("sum of all: %x", sumOfDamagedFiles(t))
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, held := range []string{"0", "85", "255"} {
		again := exec.CommandContext(t.Context(), program, "-test.timeout=0", "-test.run=^"+t.Name()+"$", "-test.v",
			fmt.Sprint("-memory.files=", *memoryFiles), fmt.Sprint("-memory.runs=", *memoryRuns), fmt.Sprint("-memory.seed=", *memorySeed), fmt.Sprint("-memory.at=", *memoryAt))
		again.Env = append(os.Environ(), "MALLOC_PERTURB_="+held)
		out, err := again.CombinedOutput()
		_, sum, found := strings.Cut(string(out), "sum of all: ")
		if err != nil || !found {
			t.Fatalf("with MALLOC_PERTURB_=%s: %v\n%s", held, err, out)
		}
		sum, _, _ = strings.Cut(sum, "\n")
		sums[sum] = held
	}
	if len(sums) != 1 {
		t.Errorf("what was sampled depends on MALLOC_PERTURB_: %v", sums)
	}
}

// sumOfDamagedFiles sums up what the damaged files give.
func sumOfDamagedFiles(t *testing.T) uint64 {
	kinds := memoryKinds(t)
	told := make([]string, *memoryFiles)
	var work sync.WaitGroup
	places := make(chan struct{}, *memoryAt)
	for n := range told {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			kind := kinds[n%len(kinds)]
			data := mutated(kind.data, rand.New(rand.NewPCG(*memorySeed, uint64(n))))
			told[n] = fmt.Sprint(sampleRepeatedly(t, kind.still, data))
		})
	}
	work.Wait()
	h := fnv.New64a()
	fmt.Fprint(h, told)
	return h.Sum64()
}

type memoryKind struct {
	name  string
	data  []byte
	still bool
}

func memoryKinds(t *testing.T) (kinds []memoryKind) {
	t.Helper()
	mjpeg := clip(t, "mjpeg.avi")
	for _, name := range []string{
		"mjpeg.avi", "mjpeg.mov", "hevc.mkv", "vp9-hidden.webm", "vp8-hidden.webm", "hevc.ts", "mjpeg.avi", "open-gop-hevc.mp4", "hevc-10bit.mp4", "still.jpg",
		"cfr.mp4", "mpeg4.avi", "mpeg2.mpg", "av1.mp4",
	} {
		switch name {
		case "mjpeg.mov":
			kinds = append(kinds, memoryKind{name, movOfJPEGs(jpegsOf(mjpeg)), false})
		case "still.jpg":
			kinds = append(kinds, memoryKind{name, jpegsOf(mjpeg)[3], true})
		default:
			kinds = append(kinds, memoryKind{name, clip(t, name), false})
		}
	}
	return kinds
}

type memoryResult struct {
	runs, degraded, refused int
	variants                []string
}

func sampleRepeatedly(t *testing.T, still bool, data []byte) (r memoryResult) {
	for n := range *memoryRuns {
		what := sampledOnce(t, still, data, n)
		if !slices.Contains(r.variants, what) {
			r.variants = append(r.variants, what)
		}
		r.runs++
		switch {
		case strings.Contains(what, "Degraded:true"):
			r.degraded++
		case strings.HasPrefix(what, "error"):
			r.refused++
		}
	}
	return r
}

// sampledOnce tells what comes of a file: the error, or the report but for how many
// were decoded, and the pictures' hash. Every third time memory is as it comes.
func sampledOnce(t *testing.T, still bool, data []byte, n int) string {
	limits := frames.Upload()
	limits.Threads = []int{1, 2, 4, 8}[n/3%4]
	r, size, plan := bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}
	var pics []frames.Picture
	var report frames.Report
	var err error
	switch {
	case still:
		var p frames.Picture
		p, report, err = frames.DecodeStill(t.Context(), r, size, limits)
		pics = []frames.Picture{p}
	case n%3 == 0:
		pics, report, err = frames.Sample(t.Context(), r, size, plan, limits)
	default:
		pics, report, err = frames.SampleHolding(t.Context(), r, size, plan, limits, byte(n*83))
	}
	return told(pics, report, err)
}

// sampledHolding tells what comes of a file, read whole, in memory that holds that byte.
func sampledHolding(t *testing.T, data []byte, held byte) string {
	return told(frames.SampleHolding(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Plan{Count: 1000}, frames.Upload(), held))
}

func told(pics []frames.Picture, report frames.Report, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	report.Decoded = 0
	h := fnv.New64a()
	for _, p := range pics {
		fmt.Fprint(h, p.PTS, p.Width, p.Height)
		h.Write(p.Pix)
	}
	return fmt.Sprintf("%+v, pictures %x", report, h.Sum64())
}

// mutated damages a file in one of several ways, as disks, networks and people do.
func mutated(whole []byte, r *rand.Rand) []byte {
	data := bytes.Clone(whole)
	at := func() int { return len(data)/64 + r.IntN(len(data)-len(data)/64) }
	switch r.IntN(6) {
	case 0: // single bits
		for range 1 + r.IntN(20) {
			data[at()] ^= byte(1 << r.IntN(8))
		}
	case 1: // bytes
		for range 1 + r.IntN(200) {
			data[at()] = byte(r.Uint32())
		}
	case 2: // a stretch of something
		for range 1 + r.IntN(4) {
			from := at()
			for i := from; i < min(len(data), from+1+r.IntN(400)); i++ {
				data[i] = byte(r.Uint32())
			}
		}
	case 3: // a stretch of one byte
		for range 1 + r.IntN(4) {
			from, v := at(), byte(r.IntN(2)*255)
			for i := from; i < min(len(data), from+1+r.IntN(400)); i++ {
				data[i] = v
			}
		}
	case 4: // something that stands elsewhere in the file
		for range 1 + r.IntN(6) {
			from, to := at(), at()
			copy(data[to:], bytes.Clone(data[from:min(len(data), from+1+r.IntN(64))]))
		}
	case 5: // the heads of pictures
		for range 1 + r.IntN(6) {
			head := [][]byte{{0xff, 0xc0}, {0xff, 0xc4}, {0xff, 0xda}, {0xff, 0xdb}, {0, 0, 1}, {0x9d, 0x01, 0x2a}, {0x49, 0x83, 0x42}}[r.IntN(7)]
			from := at()
			if found := bytes.Index(data[from:], head); found >= 0 && from+found+len(head)+24 < len(data) {
				data[from+found+len(head)+r.IntN(24)] = byte(r.Uint32())
			}
		}
	}
	return data
}

// keepFailed writes a file that failed where -memory.keep says.
func keepFailed(t *testing.T, name string, data []byte) {
	if *memoryKeep != "" {
		if err := os.WriteFile(filepath.Join(*memoryKeep, name), data, 0o644); err != nil {
			t.Error(err)
		}
	}
}
