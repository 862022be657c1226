package gitvideo

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fair"
)

func TestManyAskersShareOneModelAndOneFolder(t *testing.T) {
	dir, cache := filepath.Join("..", "testdata", "git", "video"), t.TempDir()
	g := readGolden(t, dir)
	models := []*Model{load(t, dir, cache, 1), load(t, dir, cache, 1)} // as two processes would
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			m, clip := models[i%2], i%len(g.Clips)
			if err := answerAll(t, m, g, clip); err != nil {
				t.Errorf("asker %d of clip %d: %v", i, clip, err)
			}
		})
	}
	all.Wait()
}

// held keeps others from having turns until all n calls of do wait, each in a goroutine
// of its own, and then waits for their ends. It runs in a bubble of testing/synctest,
// in which its model was loaded too.
func held(t *testing.T, queue *fair.Scheduler, n int, do func(i int) error) {
	t.Helper()
	var release []func()
	for range mostRuns {
		done, err := queue.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		release = append(release, done)
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(i); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	synctest.Wait()
	for _, done := range release {
		done()
	}
	all.Wait()
}

func TestFramesThatWaitAreEncodedInOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join("..", "testdata", "git", "video")
		g, m := readGolden(t, dir), load(t, dir, t.TempDir(), 1)
		pixels := slices.Collect(slices.Chunk(g.bytes("5.pixels"), 12*12*3))
		got := make([][]pictureTokens, 3)
		held(t, m.wideSlots, 3, func(i int) (err error) {
			got[i], err = m.encodePictures(t.Context(), slices.Concat(pixels[2*i], pixels[2*i+1]), 2, 12, 12)
			return err
		})
		if runs := m.runtime.Graphs(); len(runs) != 2 || !slices.ContainsFunc(runs, func(name string) bool { return strings.HasPrefix(name, "vision-6x") }) {
			t.Errorf("the graphs %v were run; want text and one over six pictures", runs)
		}
		alone, err := m.encodePictures(t.Context(), g.bytes("5.pixels"), 6, 12, 12)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range slices.Concat(got...) {
			if !slices.Equal(f.Data, alone[i].Data) {
				t.Errorf("frame %d became another among those of others", i)
			}
		}
	})
}

func TestQuestionsOfCallersThatWaitAreAnsweredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, g, p := tiny(t, "video", 5)
		prompts := g.Clips[5].Prompts
		told := make([][]int64, len(prompts))
		held(t, m.textSlots, len(prompts), func(i int) error {
			got, err := m.generate(t.Context(), p, [][]int64{prompts[i].Prompt}, generation{MaxTokens: 6, onToken: func(_ int, id int64) { told[i] = append(told[i], id) }})
			if err == nil && !slices.Equal(got[0].IDs, prompts[i].IDs) {
				err = fmt.Errorf("prompt %v is answered %v; want %v", prompts[i].Prompt, got[0].IDs, prompts[i].IDs)
			}
			return err
		})
		for i := range prompts {
			if !slices.Equal(told[i], prompts[i].IDs) {
				t.Errorf("caller %d was told %v; want %v", i, told[i], prompts[i].IDs)
			}
		}
	})
}

// answerAll answers the prompts of a clip from its pixels on.
func answerAll(t *testing.T, m *Model, g *golden, i int) error {
	clip, slots := g.Clips[i], []int64{0, 1, 2, 3, 4, 5}
	if !clip.Video {
		slots = []int64{int64(m.spec.frames)}
	}
	frames, err := m.encodePictures(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		return err
	}
	p, err := m.readPictures(t.Context(), frames, slots[:clip.Frames])
	if err != nil {
		return err
	}
	for _, want := range clip.Prompts {
		got, err := m.generate(t.Context(), p, [][]int64{want.Prompt}, generation{MaxTokens: 6})
		if err != nil {
			return err
		}
		if !slices.Equal(got[0].IDs, want.IDs) {
			return fmt.Errorf("prompt %v is answered %v; want %v", want.Prompt, got[0].IDs, want.IDs)
		}
	}
	return nil
}

func TestALoadThatIsRefusedSaysWhy(t *testing.T) {
	c, err := checkpoint.Open(filepath.Join("..", "testdata", "git", "video"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, cfg := range map[string]Config{
		"no folder":                 {Library: "x"},
		"no library":                {CacheDir: "x"},
		"fewer than no threads":     {CacheDir: "x", Library: "x", Threads: -1},
		"a device not built in":     {CacheDir: "x", Library: "x", Device: "cuda"},
		"a precision not heard of":  {CacheDir: "x", Library: "x", Precision: "fp7"},
		"a second library, at last": {CacheDir: t.TempDir(), Library: filepath.Join(t.TempDir(), "none.so")},
	} {
		if m, err := loadModel(t.Context(), c, cfg); err == nil {
			t.Errorf("%s: Load gives a model", name)
			m.Close()
		}
	}
}
