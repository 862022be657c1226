package gitvideo

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/testdata/model"
)

const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 706526856\n"

var made = filepath.Join("..", "testdata", "checkpoints")

// madeGIT reads one of the made checkpoints as a GIT until the test ends.
func madeGIT(t *testing.T, name string) *source {
	t.Helper()
	c, err := checkpoint.Open(filepath.Join(made, name))
	return sourceOf(t, c, err)
}

// sourceOf reads what was opened as a GIT until the test ends.
func sourceOf(t *testing.T, c *checkpoint.Checkpoint, err error) *source {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := read(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// with returns the made checkpoint in memory, with files added, or taken away where the
// content is empty.
func with(t *testing.T, files map[string]string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	for _, name := range []string{"config.json", "generation_config.json", "model.safetensors", "vocab.txt"} {
		data, err := fs.ReadFile(os.DirFS(filepath.Join(made, "safetensors")), name)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = &fstest.MapFile{Data: data}
	}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content)}
		if content == "" {
			delete(m, name)
		}
	}
	return m
}

func TestWithoutImageSettingsPicturesArePreparedAsGITsAuthorsDid(t *testing.T) {
	s := madeGIT(t, "safetensors")
	if want := checkpoint.CLIP(s.config.Vision.ImageSize); s.settings != want {
		t.Errorf("the settings are %+v; want %+v", s.settings, want)
	}
	c, err := checkpoint.OpenFS(with(t, map[string]string{"preprocessor_config.json": `{"image_processor_type":"VideoMAEImageProcessor"}`}))
	if s := sourceOf(t, c, err); s.settings.Class != "VideoMAEImageProcessor" || s.settings.File != checkpoint.PreprocessorFile {
		t.Errorf("the settings are %+v; want those of the file", s.settings)
	}
}

// A digest names what has been answered and stored: these must never change.
func TestDigestsAreWhatTheyAlwaysWere(t *testing.T) {
	for folder, want := range map[string]string{
		"safetensors": "sha256:e2ed58c2b6f5f05e3390be9d8ffc83dd2233a666c394d61fee45f0b76615971a",
		"torch":       "sha256:e2ed58c2b6f5f05e3390be9d8ffc83dd2233a666c394d61fee45f0b76615971a",
		"respelt":     "sha256:e2ed58c2b6f5f05e3390be9d8ffc83dd2233a666c394d61fee45f0b76615971a",
		"tied":        "sha256:5df5964aaeeb54a9b3e8ba87c7735a0ae859d9bfddca48354a23dbe764e5f9bc",
		"half":        "sha256:397af0e05d3b339633e5316ab81d515f7b48a24336690c147628f8a275470c0b",
	} {
		if got := madeGIT(t, folder).digest(); got != want {
			t.Errorf("digest of %s is %s; want %s", folder, got, want)
		}
	}
	c, err := checkpoint.OpenFS(model.Files)
	if got, want := sourceOf(t, c, err).digest(), "sha256:aa61939299224c595776ab6a3d778418cdb73e850ba10a957ce8c843a0bf96c1"; got != want {
		t.Errorf("digest of the demonstration model, which has a detector, is %s; want %s", got, want)
	}
}

func TestTheDigestTellsGITsApart(t *testing.T) {
	seen := map[string]string{madeGIT(t, "safetensors").digest(): "the made one"}
	width := madeGIT(t, "safetensors").config.Vision.HiddenSize
	for name, files := range map[string]map[string]string{
		"another end": {"generation_config.json": `{"eos_token_id":4}`},
		"a detector":  {"videoqa.json": `{"version":1,"detector":true}`, "detector.safetensors": safetensors(t, detectorOf(width, nil))},
		"another detector": {
			"videoqa.json":         `{"version":1,"detector":true}`,
			"detector.safetensors": safetensors(t, detectorOf(width, map[string]layer{"output.bias": {[]int{1}, []float32{7}}})),
		},
	} {
		c, err := checkpoint.OpenFS(with(t, files))
		digest := sourceOf(t, c, err).digest()
		if other, ok := seen[digest]; ok {
			t.Errorf("%s and %s have one digest, %s", name, other, digest)
		}
		seen[digest] = name
	}
}

func TestAGITWithoutItsTemporalEmbeddingsIsRefusedByName(t *testing.T) {
	config, err := os.ReadFile(filepath.Join(made, "safetensors", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(config), `"num_image_with_embedding": 3`, `"num_image_with_embedding": 5`, 1)
	c, err := checkpoint.OpenFS(with(t, map[string]string{"config.json": more}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := read(c); !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "img_temperal_embedding.3 [1 1 12] is missing") {
		t.Errorf("read = %v; want a bad model that names the fourth embedding", err)
	}
}

func TestATiedHeadIsTheWordEmbeddings(t *testing.T) {
	c := madeGIT(t, "tied")
	head, err := c.Tensor("output.weight")
	if err != nil {
		t.Fatal(err)
	}
	words, err := c.Tensor("git.embeddings.word_embeddings.weight")
	if err != nil {
		t.Fatal(err)
	}
	if head.Name != "output.weight" || &head.Bytes[0] != &words.Bytes[0] {
		t.Errorf("output.weight is %s at other bytes; want the word embeddings' bytes", head.Name)
	}
}

// A layer of a detector's file.
type layer struct {
	shape  []int
	values []float32
}

// safetensors lays layers out as a file.
func safetensors(t *testing.T, layers map[string]layer) string {
	t.Helper()
	header, data := map[string]any{}, []byte{}
	for name, l := range layers {
		begin := len(data)
		for _, v := range l.values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": l.shape, "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(text)))) + string(text) + string(data)
}

// detectorOf is one for visual tokens of width values, of one hidden and one pooled value.
func detectorOf(width int, changes map[string]layer) map[string]layer {
	l := map[string]layer{
		"token.weight": {[]int{1, width}, make([]float32, width)}, "token.bias": {[]int{1}, []float32{1}},
		"pooled.weight": {[]int{1, 2}, []float32{2, 3}}, "pooled.bias": {[]int{1}, []float32{4}},
		"output.weight": {[]int{1, 1}, []float32{5}}, "output.bias": {[]int{1}, []float32{6}},
	}
	for name, change := range changes {
		if l[name] = change; change.shape == nil {
			delete(l, name)
		}
	}
	return l
}

func TestTheDetector(t *testing.T) {
	const has = `{"version":1,"detector":true}`
	width := madeGIT(t, "safetensors").config.Vision.HiddenSize
	for _, tc := range []struct {
		name, extension, file string
		wrong                 string
	}{
		{"is read", has, safetensors(t, detectorOf(width, nil)), ""},
		{"is not looked for if it is not said to be there", `{"version":1}`, "", ""},
		{"has to be there", has, "", "detector.safetensors"},
		{"has to be whole", has, safetensors(t, detectorOf(width, map[string]layer{"pooled.bias": {}})), "pooled.bias is missing"},
		{"is for tokens of the model's width", has, safetensors(t, detectorOf(width+1, nil)), "token.weight has shape"},
		{"has nothing else", has, safetensors(t, detectorOf(width, map[string]layer{"more": {[]int{1}, []float32{1}}})), "more is not part of a detector"},
		{"is finite", has, safetensors(t, detectorOf(width, map[string]layer{"output.bias": {[]int{1}, []float32{float32(math.Inf(1))}}})), "output.bias has a value that is not finite"},
		{"is a safetensors file", has, "detector", "detector.safetensors"},
		{"is no pointer", has, lfsPointer, "detector.safetensors is a Git LFS pointer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := checkpoint.OpenFS(with(t, map[string]string{"videoqa.json": tc.extension, "detector.safetensors": tc.file}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			s, err := read(c)
			if tc.wrong != "" {
				if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.wrong) {
					t.Errorf("reading gives %v; want a bad model with %q", err, tc.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			d := s.detector
			if tc.file == "" {
				if d != nil {
					t.Errorf("there is a detector, %+v", d)
				}
				return
			}
			if d.Token.In != width || d.Pooled.Weight[1] != 3 || d.Output.Bias[0] != 6 {
				t.Errorf("the detector is %+v", d)
			}
		})
	}
}
