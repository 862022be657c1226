package gitvideo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"videoqa/internal/nn/layers"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
)

// released are the configurations of the 17 checkpoints on the Hub.
var released = []struct {
	name   string
	large  bool
	image  int
	frames int
}{
	{"git-base", false, 224, 0}, {"git-base-coco", false, 224, 0}, {"git-base-textcaps", false, 224, 0},
	{"git-base-vqav2", false, 480, 0}, {"git-base-textvqa", false, 480, 0},
	{"git-base-vatex", false, 224, 6}, {"git-base-msrvtt-qa", false, 224, 6},
	{"git-large", true, 224, 0}, {"git-large-coco", true, 224, 0}, {"git-large-textcaps", true, 224, 0},
	{"git-large-vqav2", true, 420, 0}, {"git-large-textvqa", true, 420, 0},
	{"git-large-vatex", true, 224, 6}, {"git-large-msrvtt-qa", true, 224, 6},
	{"git-large-r", true, 224, 0}, {"git-large-r-coco", true, 224, 0}, {"git-large-r-textcaps", true, 224, 0},
}

func TestGraphsOfEveryReleasedCheckpointFit(t *testing.T) {
	for _, r := range released {
		t.Run(r.name, func(t *testing.T) {
			vision := fmt.Sprintf(`"image_size":%d`, r.image)
			if r.large {
				vision += `,"hidden_size":1024,"num_hidden_layers":24,"num_attention_heads":16,"intermediate_size":4096,"patch_size":14`
			}
			text := ""
			if r.frames > 0 {
				text = fmt.Sprintf(`"num_image_with_embedding":%d,`, r.frames)
			}
			c, err := parseModelConfig([]byte(fmt.Sprintf(`{"model_type":"git",%s"vision_config":{%s}}`, text, vision)), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, frames := range []int{1, max(1, r.frames)} {
				checkGraphs(t, c, size{frames, c.Vision.Grid(), c.Vision.Grid()})
			}
			checkGraphs(t, c, size{1, c.Vision.Grid(), c.Vision.Grid() * 4 / 3}) // kept aspect
		})
	}
}

// checkGraphs builds the three graphs of a configuration without weights, and
// holds the plan of the weights to the checkpoint's tensors.
func checkGraphs(t *testing.T, c modelConfig, z size) {
	t.Helper()
	s := specOf(c)
	l := newLayout(s, false, weights.Plain, weights.Plain)
	e := embeddingOf(s, z)
	for _, begin := range []func(string) *onnx.Graph{onnx.NewGraph, onnx.NewPlainGraph, onnx.NewHalfGraph} {
		if _, err := visionGraph(begin("vision"), s, l, z.frames, e); err != nil {
			t.Fatal(err)
		}
		if _, err := prefixGraph(begin("prefix"), s, l, z.frames, z.tokens(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := textGraph(s, l, onnx.Float); err != nil {
		t.Error(err)
	}
	checkPlan(t, c, s, l)
}

// embeddingOf is that of a model whose weights are nothing.
func embeddingOf(s spec, z size) layers.PatchEmbedding {
	w := s.vision.Width
	return layers.PatchWeights{
		Side: s.patch, Grid: s.grid, Patch: make([]float32, w*s.patch*s.patch*3), Positions: make([]float32, (1+s.grid*s.grid)*w), Class: make([]float32, w),
	}.Embed([3]float64{}, [3]float64{}, z.high, z.wide)
}

// checkPlan makes sure that every tensor of the checkpoint is used once, and that
// what is made of each has its numbers.
func checkPlan(t *testing.T, c modelConfig, s spec, l *layout) {
	t.Helper()
	used := map[string]int64{}
	for _, spec := range c.tensors() {
		n := int64(1)
		for _, d := range spec.Shape {
			n *= d
		}
		used[spec.Name] = n
	}
	for _, name := range []string{"patch_embedding.weight", "position_embedding.weight", "class_embedding"} {
		delete(used, visionPrefix+"embeddings."+name) // these go into the vision graph itself
	}
	for _, r := range l.plan.Refs() {
		n := int64(l.plan.Recipe(r.Name).Zeros)
		for _, p := range l.plan.Recipe(r.Name).Parts {
			if _, ok := used[p]; !ok {
				t.Errorf("%s is made of %s, which is used before or not there", r.Name, p)
			}
			n += used[p]
			delete(used, p)
		}
		if 4*n != r.Bytes() {
			t.Errorf("%s has %d bytes for %d numbers", r.Name, r.Bytes(), n)
		}
	}
	if len(used) > 0 {
		t.Errorf("tensors that nothing is made of: %v", used)
	}
}

func TestAFramesFeaturesDoNotDependOnItsCompany(t *testing.T) {
	dir := filepath.Join("..", "testdata", "git", "video")
	g, m := readGolden(t, dir), load(t, dir, t.TempDir(), 1)
	pixels := g.bytes("5.pixels")
	together, err := m.encodePictures(t.Context(), pixels, 6, 12, 12)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range slices.Collect(slices.Chunk(pixels, 12*12*3)) {
		alone, err := m.encodePictures(t.Context(), one, 1, 12, 12)
		if err != nil {
			t.Fatal(err)
		}
		if c := compare(fmt.Sprintf("frame %d", i), alone[0].Data, together[i].Data, 1e-6); !c.ok() {
			t.Error(c)
		}
	}
	many, err := m.encodePictures(t.Context(), slices.Concat(pixels, pixels), 12, 12, 12) // more than one batch
	if err != nil || len(many) != 12 {
		t.Fatalf("12 frames became %d, %v", len(many), err)
	}
	if c := compare("frame 6 of 12", many[6].Data, together[0].Data, 1e-6); !c.ok() {
		t.Error(c)
	}
}

// folderOf is a pattern of files in the one folder of a cache.
func folderOf(t *testing.T, cache, pattern string) string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(cache, "graphs", "*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("the cache has the folders %v, %v; want one", folders, err)
	}
	return filepath.Join(folders[0], pattern)
}

func TestTheFolderIsWrittenOnceAndMended(t *testing.T) {
	dir, cache := filepath.Join("..", "testdata", "git", "image"), t.TempDir()
	g := readGolden(t, dir)
	m := load(t, dir, cache, 1)
	clipPrefix(t, m, g, 0)
	weights, err := os.Stat(folderOf(t, cache, weightsFile))
	if err != nil {
		t.Fatal(err)
	}
	graphs, err := filepath.Glob(folderOf(t, cache, "*.onnx"))
	if err != nil || len(graphs) != 3 {
		t.Fatalf("the folder has graphs %v, %v; want text, vision, prefix", graphs, err)
	}
	for _, path := range graphs { // as a disk error or a hand would leave them
		if err := os.WriteFile(path, []byte("no graph"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	again := load(t, dir, cache, 1)
	clipPrefix(t, again, g, 0)
	if now, err := os.Stat(folderOf(t, cache, weightsFile)); err != nil || !now.ModTime().Equal(weights.ModTime()) {
		t.Errorf("the weights were written again: %v, %v", now, err)
	}
	if err := os.Truncate(folderOf(t, cache, weightsFile), weights.Size()/2); err != nil {
		t.Fatal(err)
	}
	mended := load(t, dir, cache, 1)
	clipPrefix(t, mended, g, 0)
	if left, err := filepath.Glob(folderOf(t, cache, ".*-*")); err != nil || len(left) > 0 {
		t.Errorf("unfinished files are left: %v, %v", left, err)
	}
}

func TestManySizesOfPictureKeepFewSessions(t *testing.T) {
	dir := filepath.Join("..", "testdata", "git", "image")
	m := load(t, dir, t.TempDir(), 1)
	for wide := range 34 {
		if _, err := m.encodePictures(t.Context(), make([]byte, 8*8*(wide+1)*3), 1, 8, 8*(wide+1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(m.runtime.Graphs()); n > 24 {
		t.Errorf("%d sessions are open; want at most 24", n)
	}
}
