package checkpoint

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

// PlanOfMade is a plan of the checkpoints in testdata/checkpoints, whose tensors values.json
// lists: what a family would make of their config.json.
func PlanOfMade(t testing.TB) Plan {
	t.Helper()
	data, err := os.ReadFile("../../testdata/checkpoints/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]struct{ Shape []int64 }
	if err := json.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	p := Plan{
		Config:  []byte(`{"made":true}`),
		Aliases: []Alias{{Prefix: "git.img_temporal_embedding.", For: "git.img_temperal_embedding."}},
		Unread:  []string{"git.embeddings.position_ids", "git.image_encoder.vision_model.embeddings.position_ids"},
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p.Tensors = append(p.Tensors, Spec{Name: name, Shape: values[name].Shape})
	}
	return p
}

// whole returns empty tensors for everything that p calls for.
func whole(p Plan) []Tensor {
	var all []Tensor
	for _, s := range p.Tensors {
		all = append(all, Tensor{Name: s.Name, Shape: s.Shape, DType: F32})
	}
	return all
}

func TestTensorsThatDoNotFitThePlanAreNamed(t *testing.T) {
	p := PlanOfMade(t)
	p.Tensors[0] = Spec{Name: "first", Shape: []int64{12}}
	for _, tc := range []struct {
		name   string
		change func([]Tensor) []Tensor
		says   []string
	}{
		{"missing", func(a []Tensor) []Tensor { return a[1:] }, []string{"first [12] is missing"}},
		{"extra", func(a []Tensor) []Tensor { return append(a, Tensor{Name: "pooler.weight", Shape: []int64{8, 8}}) }, []string{"pooler.weight [8 8] is not part of this configuration"}},
		{"misshaped", func(a []Tensor) []Tensor { a[0].Shape = []int64{13}; return a }, []string{"first has shape [13], want [12]"}},
		{"wrongly typed", func(a []Tensor) []Tensor { a[0].DType = "I64"; return a }, []string{"first is of type I64"}},
		{"one too many by another spelling", func(a []Tensor) []Tensor {
			return append(a, Tensor{Name: "git.img_temporal_embedding.3", Shape: []int64{1, 1, 12}})
		}, []string{"img_temperal_embedding.3"}},
		{"both spellings", func(a []Tensor) []Tensor {
			return append(a, Tensor{Name: "git.img_temporal_embedding.0", Shape: []int64{1, 1, 12}, DType: F32})
		}, []string{"img_temperal_embedding.0 is there twice"}},
		{"everything", func([]Tensor) []Tensor { return nil }, []string{"first [12] is missing", "and 74 more"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := p.match(tc.change(whole(p)))
			for _, says := range tc.says {
				if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), says) {
					t.Errorf("match = %v; want a %v that says %q", err, fault.BadModel, says)
				}
			}
		})
	}
}

func TestWhatAPlanDoesNotReadIsIgnored(t *testing.T) {
	p := PlanOfMade(t)
	got, err := p.match(append(whole(p), Tensor{Name: "git.embeddings.position_ids", Shape: []int64{1, 24}, DType: "I64"}))
	if err != nil || len(got) != len(p.Tensors) {
		t.Errorf("match = %d tensors, %v; want %d", len(got), err, len(p.Tensors))
	}
}

func TestATiedTensorIsTheOtherWhateverTheFileHas(t *testing.T) {
	p := Plan{Tensors: []Spec{{"head", []int64{1}}, {"words", []int64{1}}}, Tied: map[string]string{"head": "words"}}
	for name, tensors := range map[string][]Tensor{
		"without the head": {{Name: "words", Shape: []int64{1}, DType: F32, Bytes: []byte("wwww")}},
		"with another one": {{Name: "words", Shape: []int64{1}, DType: F32, Bytes: []byte("wwww")}, {Name: "head", Shape: []int64{1}, DType: F32, Bytes: []byte("hhhh")}},
	} {
		got, err := p.match(tensors)
		if err != nil || string(got["head"].Bytes) != "wwww" || got["head"].Name != "head" {
			t.Errorf("%s: the head is %+v, %v; want the bytes of words", name, got["head"], err)
		}
	}
}
