package checkpoint

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"videoqa/internal/fault"
)

// A Preprocessor is preprocessor_config.json as used: how a picture becomes the
// numbers of the image encoder. Steps run in the order of the fields. What the
// file leaves out has the default of its class in transformers 4.56.2.
type Preprocessor struct {
	// Class is CLIPImageProcessor or VideoMAEImageProcessor. The "Fast" classes
	// have the same settings; their resizing differs by a few thousandths of a
	// logit from Pillow's, which is what is done here.
	Class string
	// Given says that there was a preprocessor_config.json. Without one the
	// preprocessing is that of GIT's authors: the image size by its shortest edge,
	// bicubic, a centre crop, CLIP's mean and deviation.
	Given bool

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

// ParsePreprocessor reads preprocessor_config.json. If data is nil, there is no
// such file, and pictures are prepared for imageSize as GIT's authors did. Errors
// are [fault.BadModel] and name the field.
func ParsePreprocessor(data []byte, imageSize int) (Preprocessor, error) {
	if data == nil {
		return defaultPreprocessor(clipClass, imageSize), nil
	}
	p, err := parsePreprocessor(data)
	if err != nil {
		return Preprocessor{}, fmt.Errorf("read preprocessor_config.json: %w: %w", err, fault.BadModel)
	}
	return p, nil
}

func parsePreprocessor(data []byte) (Preprocessor, error) {
	f, err := parseFields(data)
	if err != nil {
		return Preprocessor{}, err
	}
	p := defaultPreprocessor(classOf(f), 224)
	p.Given = true
	p.Resize = f.boolean("do_resize", true)
	p.CenterCrop = f.boolean("do_center_crop", true)
	p.Rescale = f.boolean("do_rescale", true)
	p.Normalize = f.boolean("do_normalize", true)
	p.Filter = Filter(f.integer("resample", int(p.Filter)))
	p.RescaleFactor = f.number("rescale_factor", p.RescaleFactor)
	p.Mean = f.channels("image_mean", p.Mean)
	p.Std = f.channels("image_std", p.Std)
	p.readSize(f)
	p.readCrop(f)
	p.check(f)
	return p, f.err()
}

// classOf reads the class, whose older name ended in FeatureExtractor. A file
// that names none is CLIP's, as transformers' table has it for GIT.
func classOf(f *fields) string {
	class := f.text("image_processor_type", "")
	if class == "" {
		class = f.text("feature_extractor_type", clipClass)
	}
	plain := strings.TrimSuffix(strings.Replace(class, "FeatureExtractor", "ImageProcessor", 1), "Fast")
	if plain != clipClass && plain != videoMAEClass {
		f.fail("image_processor_type", "%q is not supported, only %s and %s", class, clipClass, videoMAEClass)
	}
	return plain
}

// readSize reads size: {"shortest_edge"}, {"height","width"}, or a number, which
// is the shortest edge.
func (p *Preprocessor) readSize(f *fields) {
	if f.absent("size") {
		return
	}
	var edge int
	if json.Unmarshal(f.raw["size"], &edge) == nil {
		p.ShortestEdge = edge
		return
	}
	size := f.object("size")
	switch _, shortest := size.raw["shortest_edge"]; {
	case shortest:
		p.ShortestEdge = size.integer("shortest_edge", 0)
	case size.raw["height"] != nil && size.raw["width"] != nil:
		p.ShortestEdge, p.Height, p.Width = 0, size.integer("height", 0), size.integer("width", 0)
	default:
		f.fail("size", "%s has neither shortest_edge nor height and width", clip(f.raw["size"]))
	}
	f.absorb("size.", size)
}

// readCrop reads crop_size: {"height","width"}, or a number, which is both.
func (p *Preprocessor) readCrop(f *fields) {
	if f.absent("crop_size") {
		return
	}
	var side int
	if json.Unmarshal(f.raw["crop_size"], &side) == nil {
		p.CropHeight, p.CropWidth = side, side
		return
	}
	crop := f.object("crop_size")
	if crop.raw["height"] == nil || crop.raw["width"] == nil {
		f.fail("crop_size", "%s has not both height and width", clip(f.raw["crop_size"]))
	}
	p.CropHeight, p.CropWidth = crop.integer("height", 0), crop.integer("width", 0)
	f.absorb("crop_size.", crop)
}

// check holds the settings to what can be done.
func (p *Preprocessor) check(f *fields) {
	const most = 1 << 14
	bad := func(n int) bool { return n < 1 || n > most }
	if p.Filter != Bilinear && p.Filter != Bicubic {
		f.fail("resample", "%d is not supported, only 2 (bilinear) and 3 (bicubic)", int(p.Filter))
	}
	if p.Resize && bad(p.ShortestEdge) && (bad(p.Height) || bad(p.Width)) {
		f.fail("size", "%d, %d x %d is outside 1 to %d", p.ShortestEdge, p.Width, p.Height, most)
	}
	if p.CenterCrop && (bad(p.CropHeight) || bad(p.CropWidth)) {
		f.fail("crop_size", "%d x %d is outside 1 to %d", p.CropWidth, p.CropHeight, most)
	}
	if p.Rescale && !(p.RescaleFactor > 0 && p.RescaleFactor <= 1) {
		f.fail("rescale_factor", "%g is outside 0 to 1", p.RescaleFactor)
	}
	for _, s := range p.Std {
		if p.Normalize && !(s > 0) {
			f.fail("image_std", "%g is not above 0", s)
		}
	}
}

// channels reads three numbers, or one that is meant for all three.
func (f *fields) channels(key string, otherwise [3]float64) [3]float64 {
	if f.absent(key) {
		return otherwise
	}
	var one float64
	if json.Unmarshal(f.raw[key], &one) == nil {
		return [3]float64{one, one, one}
	}
	var list []float64
	if !f.decode(key, "a list of numbers", &list) {
		return otherwise
	}
	if len(list) != 3 {
		f.fail(key, "has %d numbers, want 3", len(list))
		return otherwise
	}
	return [3]float64(list)
}

// readPreprocessor fills in c.Preprocessor.
func (c *Checkpoint) readPreprocessor(fsys fs.FS) error {
	data, err := readOptional(fsys, "preprocessor_config.json")
	if err != nil {
		return err
	}
	c.Preprocessor, err = ParsePreprocessor(data, c.Config.Vision.ImageSize)
	return err
}
