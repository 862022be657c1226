package checkpoint_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

const made = "../../testdata/checkpoints"

// open opens one of the made checkpoints until the test ends.
func open(t *testing.T, name string) *checkpoint.Weights {
	t.Helper()
	c, err := checkpoint.Open(filepath.Join(made, name))
	return weights(t, c, err)
}

// weights holds what was opened to the plan of the made checkpoints, until the test ends.
func weights(t *testing.T, c *checkpoint.Checkpoint, err error) *checkpoint.Weights {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	w, err := c.Weights(checkpoint.PlanOfMade(t))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// value is one tensor as Python read it back.
type value struct {
	Shape []int64   `json:"shape"`
	Sum   float64   `json:"sum"`
	First []float32 `json:"first"`
}

func values(t *testing.T) map[string]value {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(made, "values.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]value
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func sum(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func TestEveryFormatGivesWhatPythonRead(t *testing.T) {
	for _, tc := range []struct {
		folder    string
		tolerance float64 // relative to 1+|value|: 0, or half a unit of the shorter type
	}{
		{"safetensors", 0}, {"safetensors-sharded", 0}, {"respelt", 0},
		{"torch", 0}, {"torch-sharded", 0}, {"torch-old", 0},
		{"half", 1.0 / 2048}, {"bfloat", 1.0 / 256},
	} {
		t.Run(tc.folder, func(t *testing.T) {
			c := open(t, tc.folder)
			for name, want := range values(t) {
				got, err := c.Tensor(name)
				if err != nil {
					t.Fatal(err)
				}
				x := got.Float32()
				if !slices.Equal(got.Shape, want.Shape) || len(x) != got.Len() {
					t.Errorf("%s has shape %v and %d values; want %v", name, got.Shape, len(x), want.Shape)
				}
				for i, w := range want.First {
					if d := math.Abs(float64(x[i] - w)); d > tc.tolerance*(1+math.Abs(float64(w))) {
						t.Errorf("%s[%d] = %v; want %v", name, i, x[i], w)
					}
				}
				if d := math.Abs(sum(x) - want.Sum); d > 1e-9+float64(len(x))*tc.tolerance*3 {
					t.Errorf("%s sums to %v; want %v", name, sum(x), want.Sum)
				}
			}
		})
	}
}

func TestBothSpellingsOfATemporalEmbeddingAreOneTensor(t *testing.T) {
	for _, folder := range []string{"safetensors", "respelt"} {
		c := open(t, folder)
		old, err1 := c.Tensor("git.img_temperal_embedding.1")
		now, err2 := c.Tensor("git.img_temporal_embedding.1")
		if err1 != nil || err2 != nil || old.Name != now.Name || !slices.Equal(old.Float32(), now.Float32()) {
			t.Errorf("%s: %v %v, %v %v; want one tensor", folder, old.Name, err1, now.Name, err2)
		}
	}
}

func TestANameThatThePlanDoesNotCallForIsNotFound(t *testing.T) {
	_, err := open(t, "torch-old").Tensor("git.embeddings.position_ids")
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("Tensor(position_ids) = %v; want %v", err, fault.NotFound)
	}
}

func TestAnEmbeddedCheckpointIsTheSame(t *testing.T) {
	folder := os.DirFS(filepath.Join(made, "safetensors"))
	m := fstest.MapFS{}
	names, err := fs.Glob(folder, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = &fstest.MapFile{Data: data}
	}
	c, err := checkpoint.OpenFS(m)
	if got, want := weights(t, c, err).Digest(), open(t, "safetensors").Digest(); got != want {
		t.Errorf("digest of the embedded one is %s; want %s", got, want)
	}
}

func TestCloseMayBeCalledAgain(t *testing.T) {
	c, err := checkpoint.Open(filepath.Join(made, "safetensors-sharded"))
	if err != nil {
		t.Fatal(err)
	}
	if err1, err2 := c.Close(), c.Close(); err1 != nil || err2 != nil {
		t.Errorf("Close() = %v, then %v; want nil twice", err1, err2)
	}
}

func TestTheNameIsTheRepositorys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models--microsoft--git-base-coco", "snapshots", strings.Repeat("a", 40))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.Abs(filepath.Join(made, "safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, dir); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	plain, err := checkpoint.Open(filepath.Join(made, "torch"))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if c.Name != "git-base-coco" || plain.Name != "torch" {
		t.Errorf("names are %q and %q; want git-base-coco and torch", c.Name, plain.Name)
	}
	if c.Place != dir {
		t.Errorf("errors name it by %q; want its folder, %q", c.Place, dir)
	}
}

func TestTheModelTypeNamesTheFamily(t *testing.T) {
	c, err := checkpoint.OpenFS(with(t, map[string]string{"config.json": `{"model_type":"bird","wings":2}`}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.ModelType() != "bird" || c.Name != "bird" || string(c.ConfigJSON) != `{"model_type":"bird","wings":2}` {
		t.Errorf("model type %q, name %q, config.json %s", c.ModelType(), c.Name, c.ConfigJSON)
	}
	for _, config := range []string{`{`, `null`, `{}`, `{"model_type":null}`, `{"model_type":3}`, `{"model_type":""}`} {
		_, err := checkpoint.OpenFS(with(t, map[string]string{"config.json": config}))
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("opening with config.json %s gives %v; want a bad model that names the file", config, err)
		}
	}
}

func TestTensorsOfAClosedCheckpointAreNotFound(t *testing.T) {
	c, err := checkpoint.Open(filepath.Join(made, "safetensors"))
	w := weights(t, c, err)
	if _, err := w.Tensor("output.bias"); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Tensor("output.bias"); !errors.Is(err, fault.NotFound) {
		t.Errorf("Tensor after Close = %v; want %v", err, fault.NotFound)
	}
}

func TestAFolderThatIsNotThereIsNotFound(t *testing.T) {
	if _, err := checkpoint.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fault.NotFound) {
		t.Errorf("Open = %v; want %v", err, fault.NotFound)
	}
}
