package gitvideo

import (
	"fmt"

	"videoqa/frames/prepare"
	"videoqa/internal/checkpoint"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// preparation returns what is done to a picture before the model sees it, in bytes,
// and the preprocessing whose arithmetic on pixels goes into the vision graph.
func preparation(c *source, how vlm.Preprocess) (prepare.Preparation, checkpoint.Preprocessor, error) {
	size := c.config.Vision.ImageSize
	switch how {
	case vlm.Hub, "":
		p := fromHub(c.settings)
		return p, c.settings, p.Validate()
	case vlm.Original:
		// The VQA checkpoints, at 480 and 420, keep a picture's aspect; all others cut
		// the picture to a square. All use CLIP's mean and deviation.
		p := original(size, map[int]int{480: 640, 420: 560}[size])
		return p, checkpoint.CLIP(size), p.Validate()
	}
	return prepare.Preparation{}, checkpoint.Preprocessor{}, fmt.Errorf("preprocess %q is neither hub nor original: %w", how, fault.BadRequest)
}

// original is what the authors of GIT did with a picture for a model of size x size
// pixels (get_image_transform of GenerativeImage2Text, inference.py): the shorter
// edge to size, bicubic, then the square in the middle. Their visual question
// answering models have a longest edge, else 0: those keep the aspect and crop
// nothing.
func original(size, longest int) prepare.Preparation {
	p := prepare.Preparation{ShortestEdge: size, LongestEdge: longest, Filter: prepare.Bicubic, Centre: prepare.CentreEven}
	if longest == 0 {
		p.CropWidth, p.CropHeight = size, size
	}
	return p
}

// fromHub is the preparation that a checkpoint's image settings ask for.
func fromHub(p checkpoint.Preprocessor) prepare.Preparation {
	t := prepare.Preparation{Filter: prepare.Bilinear, Centre: prepare.CentreLow}
	if p.Filter == checkpoint.Bicubic {
		t.Filter = prepare.Bicubic
	}
	if p.Resize {
		t.ShortestEdge, t.Width, t.Height = p.ShortestEdge, p.Width, p.Height
	}
	if p.CenterCrop {
		t.CropWidth, t.CropHeight = p.CropWidth, p.CropHeight
	}
	return t
}
