package checkpoint

import (
	"encoding/json"
	"fmt"
	"strings"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// The files that may hold the settings of pictures. transformers 5 saves them in
// the first, under "image_processor", and older versions in the second. Where both
// have some, transformers 5 takes those of the first
// (image_processing_base.py, get_image_processor_dict), and so does this package.
const (
	ProcessorFile    = "processor_config.json"
	PreprocessorFile = "preprocessor_config.json"
)

// A Preprocessor is how a picture becomes the numbers of the image encoder. Steps
// run in the order of the fields. What the file leaves out has the default of its class
// in transformers, which versions 4.56.2 and 5.24 agree on. A step that is null is not
// taken, and what a step needs may not be null.
type Preprocessor struct {
	// Class is CLIPImageProcessor or VideoMAEImageProcessor. The classes with "Fast"
	// or "Pil" behind it, and that of transformers 5 without, have the same settings;
	// the resizing of torchvision, which some of them use, differs by a few
	// thousandths of a logit from Pillow's, which is what is done here.
	Class string
	// File is where the settings come from. If it is empty, no file has any.
	File string
	// Ignored names a second file that has other settings, which are not used.
	Ignored string

	Resize        bool
	ShortestEdge  int // resize to this shortest edge, keeping the aspect; 0 means to Width x Height exactly
	Width, Height int
	Filter        Filter

	CenterCrop            bool
	CropWidth, CropHeight int

	Rescale       bool
	RescaleFactor float64

	Normalize bool
	Mean, Std [3]float64 // red, green, blue
}

// A Filter numbers a resampling as Pillow does.
type Filter int

// The filters that frames can resize with.
const (
	Bilinear Filter = 2
	Bicubic  Filter = 3
)

// Affine returns the preprocessing's arithmetic on one byte of a channel:
// x = b*scale + shift, for the patch weights to take in.
func (p Preprocessor) Affine() (scale, shift [3]float64) {
	for i := range scale {
		scale[i] = 1
		if p.Rescale {
			scale[i] = p.RescaleFactor
		}
		if p.Normalize {
			scale[i] /= p.Std[i]
			shift[i] = -p.Mean[i] / p.Std[i]
		}
	}
	return scale, shift
}

// The classes, and the means and deviations that are their defaults.
const (
	clipClass     = "CLIPImageProcessor"
	videoMAEClass = "VideoMAEImageProcessor"
)

func clipMean() [3]float64     { return [3]float64{0.48145466, 0.4578275, 0.40821073} }
func clipStd() [3]float64      { return [3]float64{0.26862954, 0.26130258, 0.27577711} }
func standardHalf() [3]float64 { return [3]float64{0.5, 0.5, 0.5} }

// CLIP is how CLIP's pictures are prepared for a model of size x size pixels: resized to
// size by their shorter side, bicubic, cut to a square in the middle, with CLIP's mean and
// deviation.
func CLIP(size int) Preprocessor { return defaultPreprocessor(clipClass, size) }

// defaultPreprocessor returns the settings of a class for pictures of size.
func defaultPreprocessor(class string, size int) Preprocessor {
	p := Preprocessor{
		Class: class, Resize: true, ShortestEdge: size, Filter: Bicubic,
		CenterCrop: true, CropWidth: size, CropHeight: size,
		Rescale: true, RescaleFactor: 1.0 / 255, Normalize: true, Mean: clipMean(), Std: clipStd(),
	}
	if class == videoMAEClass {
		p.Filter, p.Mean, p.Std = Bilinear, standardHalf(), standardHalf()
	}
	return p
}

// ParsePreprocessor reads the settings of pictures from the contents of
// processor_config.json and preprocessor_config.json; nil is a file that is not
// there. If neither has any, they are otherwise, as the family of models has it.
// Errors are [fault.BadModel] and name the file and the field.
func ParsePreprocessor(processor, preprocessor []byte, otherwise Preprocessor) (Preprocessor, error) {
	nested, err := nestedSettings(processor)
	switch {
	case err != nil:
		return Preprocessor{}, fmt.Errorf("read %s: %w: %w", ProcessorFile, err, fault.BadModel)
	case nested == nil && preprocessor == nil:
		return otherwise, nil
	case nested == nil:
		return parsePreprocessor(PreprocessorFile, preprocessor)
	}
	p, err := parsePreprocessor(ProcessorFile, nested)
	if err == nil && preprocessor != nil {
		other, wrong := parsePreprocessor(ProcessorFile, preprocessor)
		if wrong != nil || other != p {
			p.Ignored = PreprocessorFile
		}
	}
	return p, err
}

// nestedSettings finds the settings of pictures in processor_config.json. Files of
// older versions have none.
func nestedSettings(processor []byte) ([]byte, error) {
	if processor == nil {
		return nil, nil
	}
	f, err := hfjson.Parse(processor)
	if err != nil || !f.Has("image_processor") {
		return nil, err
	}
	f.Object("image_processor")
	return f.Raw("image_processor"), f.Err()
}

// parsePreprocessor reads the settings that stand in file.
func parsePreprocessor(file string, data []byte) (Preprocessor, error) {
	f, err := hfjson.Parse(data)
	if err != nil {
		return Preprocessor{}, fmt.Errorf("read %s: %w: %w", file, err, fault.BadModel)
	}
	nulls := f.DropNulls()
	p := defaultPreprocessor(classOf(f), 224)
	p.File = file
	p.Resize = f.Boolean("do_resize", !nulls["do_resize"])
	p.CenterCrop = f.Boolean("do_center_crop", !nulls["do_center_crop"])
	p.Rescale = f.Boolean("do_rescale", !nulls["do_rescale"])
	p.Normalize = f.Boolean("do_normalize", !nulls["do_normalize"])
	p.refuseNulls(f, nulls)
	p.readFilter(f)
	p.RescaleFactor = f.Number("rescale_factor", p.RescaleFactor)
	p.Mean = channels(f, "image_mean", p.Mean)
	p.Std = channels(f, "image_std", p.Std)
	p.readSize(f)
	p.readCrop(f)
	p.check(f)
	if f.Boolean("do_pad", false) {
		f.Fail("do_pad", "true is not supported")
	}
	if f.Err() != nil {
		return Preprocessor{}, fmt.Errorf("read %s: %w: %w", file, f.Err(), fault.BadModel)
	}
	return p, nil
}

// refuseNulls refuses null for what a step needs, as transformers does when it comes to that step.
func (p Preprocessor) refuseNulls(f *hfjson.Object, nulls map[string]bool) {
	for _, step := range []struct {
		name  string
		taken bool
		needs []string
	}{
		{"do_resize", p.Resize, []string{"size", "resample"}},
		{"do_center_crop", p.CenterCrop, []string{"crop_size"}},
		{"do_rescale", p.Rescale, []string{"rescale_factor"}},
		{"do_normalize", p.Normalize, []string{"image_mean", "image_std"}},
	} {
		for _, key := range step.needs {
			if step.taken && nulls[key] {
				f.Fail(key, "is null, and %s is not off", step.name)
			}
		}
	}
}

// classOf reads the class, whose older name ended in FeatureExtractor. A file
// that names none is CLIP's, as transformers' tables have it for GIT.
func classOf(f *hfjson.Object) string {
	class := f.Text("image_processor_type", "")
	if class == "" {
		class = f.Text("feature_extractor_type", clipClass)
	}
	plain := strings.Replace(class, "FeatureExtractor", "ImageProcessor", 1)
	plain = strings.TrimSuffix(strings.TrimSuffix(plain, "Fast"), "Pil")
	if plain != clipClass && plain != videoMAEClass {
		f.Fail("image_processor_type", "%q is not supported, only %s and %s", class, clipClass, videoMAEClass)
	}
	return plain
}

// readFilter reads resample: Pillow's number of a filter, or its name.
func (p *Preprocessor) readFilter(f *hfjson.Object) {
	var name string
	if !f.Has("resample") || json.Unmarshal(f.Raw("resample"), &name) != nil {
		p.Filter = Filter(f.Integer("resample", int(p.Filter)))
		return
	}
	switch strings.ToLower(name[strings.LastIndex(name, ".")+1:]) {
	case "bilinear":
		p.Filter = Bilinear
	case "bicubic":
		p.Filter = Bicubic
	default:
		f.Fail("resample", "%q is not supported, only bilinear and bicubic", name)
	}
}

// readSize reads size: {"shortest_edge"}, {"height","width"}, a list of height and
// width, or a number, which is the shortest edge unless default_to_square is true.
func (p *Preprocessor) readSize(f *hfjson.Object) {
	if !f.Has("size") {
		return
	}
	if edge, ok := f.PlainInteger("size"); ok {
		p.ShortestEdge = edge
		if f.Boolean("default_to_square", false) {
			p.ShortestEdge, p.Height, p.Width = 0, edge, edge
		}
		return
	}
	if height, width, ok := f.Pair("size"); ok {
		p.ShortestEdge, p.Height, p.Width = 0, height, width
		return
	}
	size := f.Object("size")
	size.DropNulls()
	exact := size.Has("height") && size.Has("width")
	switch {
	case size.Has("shortest_edge") && exact:
		f.Fail("size", "%s has both shortest_edge and height and width", hfjson.Quote(f.Raw("size")))
	case size.Has("shortest_edge"):
		p.ShortestEdge = size.Integer("shortest_edge", 0)
	case exact:
		p.ShortestEdge, p.Height, p.Width = 0, size.Integer("height", 0), size.Integer("width", 0)
	default:
		f.Fail("size", "%s has neither shortest_edge nor height and width", hfjson.Quote(f.Raw("size")))
	}
	size.Only("shortest_edge", "height", "width") // longest_edge, max_pixels and their like bound a size in ways that are not built in
	f.Absorb("size.", size)
}

// readCrop reads crop_size: {"height","width"}, a list of both, or a number for both.
func (p *Preprocessor) readCrop(f *hfjson.Object) {
	if !f.Has("crop_size") {
		return
	}
	if side, ok := f.PlainInteger("crop_size"); ok {
		p.CropHeight, p.CropWidth = side, side
		return
	}
	if height, width, ok := f.Pair("crop_size"); ok {
		p.CropHeight, p.CropWidth = height, width
		return
	}
	crop := f.Object("crop_size")
	crop.DropNulls()
	if !crop.Has("height") || !crop.Has("width") {
		f.Fail("crop_size", "%s has not both height and width", hfjson.Quote(f.Raw("crop_size")))
	}
	p.CropHeight, p.CropWidth = crop.Integer("height", 0), crop.Integer("width", 0)
	f.Absorb("crop_size.", crop)
}

// check holds the settings to what can be done.
func (p *Preprocessor) check(f *hfjson.Object) {
	const most = 1 << 14
	bad := func(n int) bool { return n < 1 || n > most }
	if p.Filter != Bilinear && p.Filter != Bicubic {
		f.Fail("resample", "%d is not supported, only 2 (bilinear) and 3 (bicubic)", int(p.Filter))
	}
	if p.Resize && bad(p.ShortestEdge) && (bad(p.Height) || bad(p.Width)) {
		f.Fail("size", "%d, %d x %d is outside 1 to %d", p.ShortestEdge, p.Width, p.Height, most)
	}
	if p.CenterCrop && (bad(p.CropHeight) || bad(p.CropWidth)) {
		f.Fail("crop_size", "%d x %d is outside 1 to %d", p.CropWidth, p.CropHeight, most)
	}
	if p.Rescale && !(p.RescaleFactor > 0 && p.RescaleFactor <= 1) {
		f.Fail("rescale_factor", "%g is outside 0 to 1", p.RescaleFactor)
	}
	for _, s := range p.Std {
		if p.Normalize && !(s > 0) {
			f.Fail("image_std", "%g is not above 0", s)
		}
	}
}

// channels reads three numbers, or one that is meant for all three.
func channels(f *hfjson.Object, key string, otherwise [3]float64) [3]float64 {
	if !f.Has(key) {
		return otherwise
	}
	var one float64
	if json.Unmarshal(f.Raw(key), &one) == nil {
		return [3]float64{one, one, one}
	}
	var list []float64
	if !f.Decode(key, "a list of numbers", &list) {
		return otherwise
	}
	if len(list) != 3 {
		f.Fail(key, "has %d numbers, want 3", len(list))
		return otherwise
	}
	return [3]float64(list)
}
