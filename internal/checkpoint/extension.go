package checkpoint

import (
	"fmt"
	"io/fs"

	"videoqa/internal/fault"
	"videoqa/internal/hfjson"
)

// ExtensionFile says of a model what no file of Hugging Face's has a place for.
const ExtensionFile = "videoqa.json"

// An Extension is videoqa.json as used, whose format the model's folder in
// testdata documents. A checkpoint without the file has the zero value.
type Extension struct {
	// Demonstration says that the model was trained to show how the program works
	// and cannot answer about real footage.
	Demonstration bool
	// Detector says that there is a detector of pictures that are out of distribution:
	// unlike those that the model was trained on. Without one it answers about any.
	Detector bool
}

// readExtension fills in c.Extension.
func (c *Checkpoint) readExtension(fsys fs.FS) error {
	data, err := readOptional(fsys, ExtensionFile)
	if err != nil || data == nil {
		return err
	}
	if c.Extension, err = parseExtension(data); err != nil {
		return fmt.Errorf("read %s: %w: %w", ExtensionFile, err, fault.BadModel)
	}
	return nil
}

// parseExtension reads version 1. A field that it does not know could change what
// answers mean, so it is an error.
func parseExtension(data []byte) (e Extension, err error) {
	f, err := hfjson.Parse(data)
	if err != nil {
		return e, err
	}
	if v := f.Integer("version", 0); v != 1 {
		f.Fail("version", "%d is not known, only 1; a newer videoqa may know it", v)
	}
	e.Demonstration = f.Boolean("demonstration", false)
	e.Detector = f.Boolean("detector", false)
	f.Only("version", "demonstration", "detector")
	return e, f.Err()
}
