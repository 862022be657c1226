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
		Class: "CLIPImageProcessor", File: "preprocessor_config.json", Resize: true, ShortestEdge: size, Filter: checkpoint.Bicubic,
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
			got, err := checkpoint.ParsePreprocessor(nil, []byte(tc.json), checkpoint.CLIP(999))
			got.RescaleFactor, tc.want.RescaleFactor = math.Round(got.RescaleFactor*1e12), math.Round(tc.want.RescaleFactor*1e12)
			if err != nil || got != tc.want {
				t.Errorf("ParsePreprocessor = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestWithoutAFileThePreprocessingIsTheOneGiven(t *testing.T) {
	want := clip(480)
	want.File = ""
	if got, err := checkpoint.ParsePreprocessor(nil, nil, checkpoint.CLIP(480)); err != nil || got != want {
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
		_, err := checkpoint.ParsePreprocessor(nil, []byte(tc.json), checkpoint.CLIP(224))
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("ParsePreprocessor(%s) = %v; want a %v that names %s", tc.json, err, fault.BadModel, tc.names)
		}
	}
}

// As transformers 5.24 saves them.
const (
	nestedCLIP = `{"image_processor":{"crop_size":{"height":480,"width":480},"do_center_crop":true,"do_convert_rgb":true,"do_normalize":true,
		"do_rescale":true,"do_resize":true,"image_mean":[0.48145466,0.4578275,0.40821073],"image_processor_type":"CLIPImageProcessor",
		"image_std":[0.26862954,0.26130258,0.27577711],"resample":3,"rescale_factor":0.00392156862745098,"size":{"shortest_edge":480}},
		"processor_class":"GitProcessor"}`
	nestedVideoMAE = `{"image_processor":{"image_mean":[0.5,0.5,0.5],"image_processor_type":"VideoMAEImageProcessor","image_std":[0.5,0.5,0.5],
		"resample":2,"size":{"shortest_edge":224},"crop_size":{"height":224,"width":224}},"processor_class":"GitProcessor"}`
)

func TestSettingsMayLieInEitherFile(t *testing.T) {
	nested := func(size int) checkpoint.Preprocessor {
		p := clip(size)
		p.File = "processor_config.json"
		return p
	}
	video := nested(224)
	video.Class, video.Filter = "VideoMAEImageProcessor", checkpoint.Bilinear
	video.Mean, video.Std = [3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}
	overruling := nested(480)
	overruling.Ignored = "preprocessor_config.json"
	own := clip(999)
	own.File = ""
	square := nested(224)
	square.ShortestEdge, square.Height, square.Width, square.CropHeight, square.CropWidth = 0, 36, 30, 24, 20
	bounded := nested(224)
	bounded.ShortestEdge, bounded.Height, bounded.Width = 0, 64, 64
	stepless := nested(224)
	stepless.Resize, stepless.CenterCrop, stepless.Rescale, stepless.Normalize = false, false, false, false
	raw := nested(224)
	raw.Normalize = false
	for _, tc := range []struct {
		name, processor, preprocessor string
		want                          checkpoint.Preprocessor
	}{
		{"as transformers 5 saves them for images", nestedCLIP, "", nested(480)},
		{"as transformers 5 saves them for video", nestedVideoMAE, "", video},
		{"both files that agree", nestedCLIP, hubCLIP, nested(480)},
		{"of both, those of processor_config.json, as transformers 5 takes them", nestedCLIP, hubVideoMAE, overruling},
		{"even beside a file that cannot be read", nestedCLIP, "{", overruling},
		{"a processor_config.json of an older version has none", `{"processor_class":"GitProcessor"}`, hubCLIP, clip(480)},
		{"nor has one that says null", `{"image_processor":null}`, hubCLIP, clip(480)},
		{"neither", `{"processor_class":"GitProcessor"}`, "", own},
		{"neither file", "", "", own},
		{"an empty object stands for the class's defaults", `{"image_processor":{}}`, "", nested(224)},
		{"null for what is no step, nor needed by one", `{"image_processor":{"do_pad":null,"image_processor_type":null,"data_format":null,"device":null}}`, "", nested(224)},
		{"a step that is null is not taken, as in transformers, and what it needs may be null", `{"image_processor":{"do_resize":null,"size":null,"resample":null,
			"do_center_crop":null,"crop_size":null,"do_rescale":null,"rescale_factor":null,"do_normalize":null,"image_mean":null,"image_std":null}}`, "", stepless},
		{"and so of each by itself", `{"image_processor":{"do_normalize":null}}`, "", raw},
		{"Pillow's classes have the same settings", `{"image_processor":{"image_processor_type":"CLIPImageProcessorPil"}}`, "", nested(224)},
		{"lists are height and width", `{"image_processor":{"size":[36,30],"crop_size":[24,20]}}`, "", square},
		{"a number is a square if the file says so", `{"image_processor":{"size":64,"default_to_square":true}}`, "", bounded},
		{"a size with nulls beside it", `{"image_processor":{"size":{"height":null,"width":null,"longest_edge":null,"shortest_edge":224,"max_pixels":null}}}`, "", nested(224)},
		{"a filter by its name", `{"image_processor":{"resample":"PILImageResampling.BICUBIC"}}`, "", nested(224)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := checkpoint.ParsePreprocessor(content(tc.processor), content(tc.preprocessor), checkpoint.CLIP(999))
			got.RescaleFactor, tc.want.RescaleFactor = math.Round(got.RescaleFactor*1e12), math.Round(tc.want.RescaleFactor*1e12)
			if err != nil || got != tc.want {
				t.Errorf("ParsePreprocessor = %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

// content is a file's, nil if there is none.
func content(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

func TestNestedSettingsThatCannotBeDoneAreNamedByFileAndField(t *testing.T) {
	for _, tc := range []struct{ json, names string }{
		{`{"image_processor":"CLIP"}`, "processor_config.json: image_processor"},
		{`[]`, "processor_config.json"},
		{`{"image_processor":{"size":{"shortest_edge":224,"longest_edge":300}}}`, "processor_config.json: size.longest_edge"},
		{`{"image_processor":{"size":{"max_height":3,"max_width":4}}}`, "processor_config.json: size"},
		{`{"image_processor":{"size":[224]}}`, "processor_config.json: size"},
		{`{"image_processor":{"do_pad":true}}`, "processor_config.json: do_pad"},
		{`{"image_processor":{"size":null}}`, "processor_config.json: size: is null, and do_resize"},
		{`{"image_processor":{"resample":null}}`, "processor_config.json: resample: is null"},
		{`{"image_processor":{"crop_size":null}}`, "processor_config.json: crop_size: is null"},
		{`{"image_processor":{"rescale_factor":null}}`, "processor_config.json: rescale_factor: is null"},
		{`{"image_processor":{"image_std":null}}`, "processor_config.json: image_std: is null"},
		{`{"image_processor":{"size":{"shortest_edge":40,"height":50,"width":60}}}`, "processor_config.json: size"},
		{`{"image_processor":{"resample":"lanczos"}}`, `processor_config.json: resample: "lanczos"`},
		{`{"image_processor":{"image_processor_type":"BlipImageProcessor"}}`, `image_processor_type: "BlipImageProcessor"`},
	} {
		_, err := checkpoint.ParsePreprocessor([]byte(tc.json), []byte(hubCLIP), checkpoint.CLIP(224))
		if !errors.Is(err, fault.BadModel) || !strings.Contains(err.Error(), tc.names) {
			t.Errorf("ParsePreprocessor(%s) = %v; want a %v that names %s", tc.json, err, fault.BadModel, tc.names)
		}
	}
}
