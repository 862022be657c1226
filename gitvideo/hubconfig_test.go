package gitvideo

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/fault"
)

// largeVision is what the Hub's files for git-large give; everything else is
// GitVisionConfig's default.
const largeVision = `"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"patch_size":14`

// releasedConfigs are the 17 checkpoints under microsoft/ on the Hub, their config.json
// reduced to what differs from the defaults, and what follows from it. The
// parameters of git-base and git-large at 224 pixels are those of their files
// (706.5 and 1,576.8 MB of float32); the others follow: 704 or 644 more
// positions, six temporal embeddings.
func releasedConfigs() map[string]struct {
	config             string
	tensors            int
	parameters, tokens int64
} {
	type row = struct {
		config             string
		tensors            int
		parameters, tokens int64
	}
	base := row{`{"model_type":"git","vision_config":{"model_type":"git_vision_model"}}`, 305, 176_619_066, 197}
	large := row{`{"model_type":"git","vision_config":{` + largeVision + `}}`, 497, 394_196_026, 257}
	baseVideo := row{`{"model_type":"git","num_image_with_embedding":6,"vision_config":{}}`, 311, 176_619_066 + 6*768, 197}
	largeVideo := row{`{"model_type":"git","num_image_with_embedding":6,"vision_config":{` + largeVision + `}}`, 503, 394_196_026 + 6*1024, 257}
	base480 := row{`{"model_type":"git","num_image_with_embedding":null,"vision_config":{"image_size":480}}`, 305, 176_619_066 + 704*768, 901}
	large420 := row{`{"model_type":"git","vision_config":{"image_size":420,` + largeVision + `}}`, 497, 394_196_026 + 644*1024, 901}
	return map[string]row{
		"git-base": base, "git-base-coco": base, "git-base-textcaps": base,
		"git-base-vqav2": base480, "git-base-textvqa": base480,
		"git-base-vatex": baseVideo, "git-base-msrvtt-qa": baseVideo,
		"git-large": large, "git-large-coco": large, "git-large-textcaps": large,
		"git-large-vqav2": large420, "git-large-textvqa": large420,
		"git-large-vatex": largeVideo, "git-large-msrvtt-qa": largeVideo,
		"git-large-r": large, "git-large-r-coco": large, "git-large-r-textcaps": large,
	}
}

func TestReleasedConfigurationsCallForTheirTensors(t *testing.T) {
	all := releasedConfigs()
	if len(all) != 17 {
		t.Fatalf("the table has %d checkpoints; want 17", len(all))
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			c, err := parseModelConfig([]byte(want.config), []byte(`{"bos_token_id":101,"eos_token_id":102,"pad_token_id":0,"transformers_version":"4.26.0.dev0"}`))
			if err != nil {
				t.Fatal(err)
			}
			var parameters int64
			seen := map[string]bool{}
			for _, s := range c.tensors() {
				n := int64(1)
				for _, d := range s.Shape {
					n *= d
				}
				parameters += n
				seen[s.Name] = true
			}
			if len(seen) != want.tensors || parameters != want.parameters || int64(c.Vision.Tokens()) != want.tokens {
				t.Errorf("%d tensors, %d parameters, %d visual tokens; want %d, %d, %d",
					len(seen), parameters, c.Vision.Tokens(), want.tensors, want.parameters, want.tokens)
			}
		})
	}
}

func TestAConfigurationInFullIsTheOneInShort(t *testing.T) {
	full, err := os.ReadFile(filepath.Join("..", "testdata", "checkpoints", "full-config.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseModelConfig(full, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseModelConfig([]byte(releasedConfigs()["git-large-vatex"].config), nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("full-config.json is %+v; want %+v, %v", got, want, err)
	}
}

func TestDefaultsAreThoseOfGitBase(t *testing.T) {
	c, err := parseModelConfig([]byte(`{"model_type":"git"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := modelConfig{
		VocabSize: 30522, HiddenSize: 768, Layers: 6, Heads: 12, IntermediateSize: 3072, Activation: gelu,
		MaxPositions: 1024, LayerNormEps: 1e-12, BOS: 101, EOS: []int64{102}, PAD: 0,
		Vision: visionConfig{
			HiddenSize: 768, Layers: 12, Heads: 12, IntermediateSize: 3072, ImageSize: 224, PatchSize: 16,
			Activation: quickGELU, LayerNormEps: 1e-5,
		},
	}
	if !slices.Equal(c.EOS, want.EOS) {
		t.Errorf("eos = %v; want %v", c.EOS, want.EOS)
	}
	c.EOS, want.EOS = nil, nil
	if c.Vision != want.Vision || c.HiddenSize != want.HiddenSize || c.LayerNormEps != want.LayerNormEps || c.BOS != want.BOS {
		t.Errorf("parseModelConfig = %+v; want %+v", c, want)
	}
}

func TestGenerationConfigNamesTheIDs(t *testing.T) {
	c, err := parseModelConfig([]byte(`{"model_type":"git"}`), []byte(`{"bos_token_id":7,"eos_token_id":[8,9],"pad_token_id":null}`))
	if err != nil || c.BOS != 7 || !slices.Equal(c.EOS, []int64{8, 9}) || c.PAD != 0 {
		t.Errorf("ids are %d, %v, %d, %v; want 7, [8 9], 0", c.BOS, c.EOS, c.PAD, err)
	}
}

func TestSidesMayBeListsOfTwoAsTransformers5Has(t *testing.T) {
	c, err := parseModelConfig([]byte(`{"model_type":"git","vision_config":{"image_size":[480,480],"patch_size":[12,12]}}`), nil)
	if err != nil || c.Vision.ImageSize != 480 || c.Vision.PatchSize != 12 {
		t.Errorf("the sides are %d and %d, %v; want 480 and 12", c.Vision.ImageSize, c.Vision.PatchSize, err)
	}
}

func TestAConfigThatCannotBeUsedIsNamedByItsField(t *testing.T) {
	for _, tc := range []struct{ name, config, names string }{
		{"no JSON", `{`, "config.json"},
		{"null", `null`, "config.json"},
		{"another model", `{"model_type":"blip"}`, `model_type: "blip" is not supported`},
		{"no model type", `{}`, "model_type"},
		{"a size as text", `{"model_type":"git","hidden_size":"768"}`, "hidden_size"},
		{"a size as a fraction", `{"model_type":"git","vocab_size":1.5}`, "vocab_size"},
		{"a size of null", `{"model_type":"git","num_hidden_layers":null}`, "num_hidden_layers"},
		{"no layers", `{"model_type":"git","num_hidden_layers":0}`, "num_hidden_layers"},
		{"too many layers", `{"model_type":"git","num_hidden_layers":1000000}`, "num_hidden_layers"},
		{"an unknown activation", `{"model_type":"git","hidden_act":"swish"}`, `hidden_act "swish"`},
		{"an unknown vision activation", `{"model_type":"git","vision_config":{"hidden_act":"relu"}}`, `vision_config.hidden_act "relu"`},
		{"heads that do not divide", `{"model_type":"git","num_attention_heads":5}`, "num_attention_heads 5"},
		{"vision heads that do not divide", `{"model_type":"git","vision_config":{"num_attention_heads":7}}`, "vision_config.num_attention_heads 7"},
		{"relative positions", `{"model_type":"git","position_embedding_type":"relative_key"}`, "position_embedding_type"},
		{"grey pictures", `{"model_type":"git","vision_config":{"num_channels":1}}`, "vision_config.num_channels"},
		{"a patch larger than the picture", `{"model_type":"git","vision_config":{"patch_size":300}}`, "patch_size"},
		{"a picture that is no square", `{"model_type":"git","vision_config":{"image_size":[224,448]}}`, "vision_config.image_size: 224 x 448"},
		{"a patch that is no square", `{"model_type":"git","vision_config":{"patch_size":[16,8]}}`, "vision_config.patch_size: 16 x 8"},
		{"a list of one", `{"model_type":"git","vision_config":{"patch_size":[16]}}`, "vision_config.patch_size"},
		{"an end outside the vocabulary", `{"model_type":"git","vocab_size":50}`, "token_id"},
		{"no end", `{"model_type":"git","eos_token_id":[]}`, "eos_token_id"},
		{"a vision config that is a list", `{"model_type":"git","vision_config":[]}`, "vision_config"},
		{"an epsilon of zero", `{"model_type":"git","layer_norm_eps":0}`, "layer_norm_eps"},
		{"negative temporal embeddings", `{"model_type":"git","num_image_with_embedding":-1}`, "num_image_with_embedding"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parseModelConfig([]byte(tc.config), nil)
			if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
				t.Errorf("parseModelConfig(%s) = %v; want a %v that names %s", tc.config, err, fault.BadModel, tc.names)
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		`{"model_type":"git"}`, `{"model_type":"git","vision_config":{"image_size":480,"patch_size":14},"num_image_with_embedding":6}`,
		`{"model_type":"git","eos_token_id":[1,2]}`, `{"model_type":"git","hidden_size":1e3}`, `null`, `{"vision_config":[]}`, `{"layer_norm_eps":1e-400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseModelConfig(b, b)
		if err != nil {
			if !errors.Is(err, fault.BadModel) {
				t.Fatalf("parseModelConfig(%s) = %v; want %v", b, err, fault.BadModel)
			}
			return
		}
		for _, s := range c.tensors() {
			n := int64(1)
			for _, d := range s.Shape {
				if n *= d; d < 1 || n > 1<<50 {
					t.Fatalf("parseModelConfig(%s) calls for %s %v", b, s.Name, s.Shape)
				}
			}
		}
	})
}
