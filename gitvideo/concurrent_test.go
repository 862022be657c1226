package gitvideo

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"videoqa/internal/checkpoint"
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

// answerAll answers the prompts of a clip from its pixels on.
func answerAll(t *testing.T, m *Model, g *golden, i int) error {
	clip, slots := g.Clips[i], []int64{0, 1, 2, 3, 4, 5}
	if !clip.Video {
		slots = []int64{int64(m.Frames())}
	}
	frames, err := m.Encode(t.Context(), g.bytes(fmt.Sprintf("%d.pixels", i)), clip.Frames, clip.Height, clip.Width)
	if err != nil {
		return err
	}
	p, err := m.Prefix(t.Context(), frames, slots[:clip.Frames])
	if err != nil {
		return err
	}
	for _, want := range clip.Prompts {
		got, err := m.Generate(t.Context(), p, [][]int64{want.Prompt}, Generation{MaxTokens: 6})
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
		if m, err := Load(t.Context(), c, cfg); err == nil {
			t.Errorf("%s: Load gives a model", name)
			m.Close()
		}
	}
}
