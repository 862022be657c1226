package checkpoint_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
)

// What the Hub has beside git-base-vqav2 and beside git-base-vatex.
const (
	hubCLIP = `{"crop_size":{"height":480,"width":480},"do_center_crop":true,"do_convert_rgb":true,"do_normalize":true,
		"do_rescale":true,"do_resize":true,"image_mean":[0.48145466,0.4578275,0.40821073],"image_processor_type":"CLIPImageProcessor",
		"image_std":[0.26862954,0.26130258,0.27577711],"processor_class":"GitProcessor","resample":3,
		"rescale_factor":0.00392156862745098,"size":{"shortest_edge":480}}`
	hubVideoMAE = `{"crop_size":{"height":224,"width":224},"do_center_crop":true,"do_normalize":true,"do_rescale":true,"do_resize":true,
		"image_mean":[0.5,0.5,0.5],"image_processor_type":"VideoMAEImageProcessor","image_std":[0.5,0.5,0.5],
		"processor_class":"GitProcessor","resample":2,"rescale_factor":0.00392156862745098,"size":{"shortest_edge":224}}`
)

// clip returns CLIP's preprocessing for pictures of size.
func clip(size int) checkpoint.Preprocessor {
	return checkpoint.Preprocessor{
		Class: "CLIPImageProcessor", Given: true, Resize: true, ShortestEdge: size, Filter: checkpoint.Bicubic,
		CenterCrop: true, CropWidth: size, CropHeight: size, Rescale: true, RescaleFactor: 1.0 / 255, Normalize: true,
		Mean: [3]float64{0.48145466, 0.4578275, 0.40821073}, Std: [3]float64{0.26862954, 0.26130258, 0.27577711},
	}
}

func TestPreprocessing(t *testing.T) {
	video := clip(224)
	video.Class, video.Filter = "VideoMAEImageProcessor", checkpoint.Bilinear
	video.Mean, video.Std = [3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}
	exact := clip(224)
	exact.ShortestEdge, exact.Width, exact.Height, exact.CropWidth, exact.CropHeight = 0, 32, 16, 8, 6
	plain := clip(64)
	plain.Resize, plain.CenterCrop, plain.Normalize, plain.Rescale, plain.CropWidth, plain.CropHeight = false, false, false, false, 48, 48
	grey := clip(224)
	grey.Mean, grey.Std = [3]float64{0.25, 0.25, 0.25}, [3]float64{2, 2, 2}
	for _, tc := range []struct {
		name, json string
		want       checkpoint.Preprocessor
	}{
		{"as the Hub has it for images", hubCLIP, clip(480)},
		{"as the Hub has it for video", hubVideoMAE, video},
		{"CLIP's defaults", `{"image_processor_type":"CLIPImageProcessor"}`, clip(224)},
		{"VideoMAE's defaults", `{"image_processor_type":"VideoMAEImageProcessor"}`, video},
		{"a file that names no class is CLIP's", `{}`, clip(224)},
		{"the older name of a class", `{"feature_extractor_type":"CLIPFeatureExtractor"}`, clip(224)},
		{"the fast class has the same settings", `{"image_processor_type":"CLIPImageProcessorFast"}`, clip(224)},
		{"an exact size", `{"size":{"height":16,"width":32},"crop_size":{"height":6,"width":8}}`, exact},
		{"sizes as numbers, and nothing done", `{"size":64,"crop_size":48,"do_resize":false,"do_center_crop":false,"do_normalize":false,"do_rescale":false}`, plain},
		{"one mean for all channels", `{"image_mean":0.25,"image_std":2}`, grey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := checkpoint.ParsePreprocessor([]byte(tc.json), 999)
			got.RescaleFactor, tc.want.RescaleFactor = math.Round(got.RescaleFactor*1e12), math.Round(tc.want.RescaleFactor*1e12)
			if err != nil || got != tc.want {
				t.Errorf("ParsePreprocessor = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestWithoutAFileThePreprocessingIsGITsOwn(t *testing.T) {
	want := clip(480)
	want.Given = false
	if got, err := checkpoint.ParsePreprocessor(nil, 480); err != nil || got != want {
		t.Errorf("ParsePreprocessor(nil) = %+v, %v; want %+v", got, err, want)
	}
}

func TestThePreprocessingsArithmeticIsFolded(t *testing.T) {
	scale, shift := clip(224).Affine()
	for i, want := range []float64{(200.0/255 - 0.48145466) / 0.26862954, (200.0/255 - 0.4578275) / 0.26130258, (200.0/255 - 0.40821073) / 0.27577711} {
		if got := 200*scale[i] + shift[i]; math.Abs(got-want) > 1e-12 {
			t.Errorf("channel %d of a byte of 200 is %v; want %v", i, got, want)
		}
	}
	if scale, shift := (checkpoint.Preprocessor{}).Affine(); scale != [3]float64{1, 1, 1} || shift != [3]float64{} {
		t.Errorf("without rescaling and normalisation: %v, %v; want 1 and 0", scale, shift)
	}
}

func TestPreprocessingThatCannotBeDoneIsNamedByItsField(t *testing.T) {
	for _, tc := range []struct{ json, names string }{
		{`{"image_processor_type":"ViTImageProcessor"}`, `image_processor_type: "ViTImageProcessor"`},
		{`{"resample":1}`, "resample: 1"},
		{`{"size":{"max_height":3}}`, "size"},
		{`{"size":{"shortest_edge":"224"}}`, "size.shortest_edge"},
		{`{"size":0}`, "size"},
		{`{"size":{"height":3}}`, "size"},
		{`{"crop_size":{"height":3}}`, "crop_size"},
		{`{"crop_size":{"height":3,"width":100000}}`, "crop_size"},
		{`{"image_mean":[1,2]}`, "image_mean"},
		{`{"image_std":[1,0,1]}`, "image_std"},
		{`{"rescale_factor":0}`, "rescale_factor"},
		{`{"do_resize":1}`, "do_resize"},
		{`[]`, "preprocessor_config.json"},
	} {
		_, err := checkpoint.ParsePreprocessor([]byte(tc.json), 224)
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("ParsePreprocessor(%s) = %v; want a %v that names %s", tc.json, err, fault.BadModel, tc.names)
		}
	}
}
