package checkpoint

import (
	"fmt"
	"io/fs"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// extensionFile says of a model what no file of Hugging Face's has a place for.
const extensionFile = "videoqa.json"

// detectorFile holds the detector, if videoqa.json says that there is one.
const detectorFile = "detector.safetensors"

// An Extension is videoqa.json as used, whose format the model's folder in
// testdata documents. A checkpoint without the file has the zero value.
type Extension struct {
	// Demonstration says that the model was trained to show how the program works
	// and cannot answer about real footage.
	Demonstration bool
	// Detector tells pictures that are out of distribution: unlike those that the
	// model was trained on. nil: the model has none, and answers about any.
	Detector *Detector
}

// readExtension fills in c.Extension.
func (c *Checkpoint) readExtension(fsys fs.FS) error {
	data, err := readOptional(fsys, extensionFile)
	if err != nil || data == nil {
		return err
	}
	e, detector, err := parseExtension(data)
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", extensionFile, err, fault.BadModel)
	}
	if detector {
		if e.Detector, err = readDetector(fsys, detectorFile, c.Config.Vision.HiddenSize); err != nil {
			return err
		}
	}
	c.Extension = e
	return nil
}

// parseExtension reads version 1, and whether the model has a detector. A field that
// it does not know could change what answers mean, so it is an error.
func parseExtension(data []byte) (e Extension, detector bool, err error) {
	f, err := hfjson.Parse(data)
	if err != nil {
		return e, false, err
	}
	if v := f.Integer("version", 0); v != 1 {
		f.Fail("version", "%d is not known, only 1; a newer videoqa may know it", v)
	}
	e.Demonstration = f.Boolean("demonstration", false)
	detector = f.Boolean("detector", false)
	f.Only("version", "demonstration", "detector")
	return e, detector, f.Err()
}
