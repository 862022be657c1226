package prepare

import (
	"fmt"
	"math"

	"videoqa/internal/fault"
)

// A Preparation turns a picture of any size into what a model's vision graph
// reads, still in bytes: it resizes, then crops. Subtracting means and dividing
// by deviations is the graph's part.
//
// At most one of three kinds of resizing is asked for; a size of zero is not asked for:
//
//	ShortestEdge                the shorter edge becomes that long, the longer one int(ShortestEdge*long/short):
//	                            Hugging Face's {"shortest_edge": n} and torchvision's Resize(n)
//	ShortestEdge, LongestEdge   the same, but where the longer edge would pass LongestEdge, the shorter one becomes
//	                            round(LongestEdge*short/long), a half going to the even number: MinMaxResizeForTest
//	                            of GenerativeImage2Text, inference.py; its rounding can pass LongestEdge by a little
//	Width, Height               exactly that: Hugging Face's {"height": h, "width": w}
//
// Then CropWidth and CropHeight, if set, cut that much out of the middle; where
// the picture is smaller it gets black borders. The zero Preparation copies.
type Preparation struct {
	ShortestEdge, LongestEdge int
	Width, Height             int
	CropWidth, CropHeight     int
	Filter                    Filter
	Centre                    Centre
}

// A Centre says where the middle is when what is cut off, or added, is odd.
type Centre int

const (
	// CentreLow cuts the smaller half first, and adds the larger half first:
	// center_crop of transformers (image_transforms.py).
	CentreLow Centre = iota
	// CentreEven cuts round(d/2) first, a half going to the even number, and adds
	// the smaller half first: torchvision.transforms.functional.center_crop.
	CentreEven
)

// Validate returns [fault.BadModel], naming the field, if t asks for what cannot be done.
func (t Preparation) Validate() error {
	switch {
	case min(t.ShortestEdge, t.LongestEdge, t.Width, t.Height, t.CropWidth, t.CropHeight) < 0:
		return fmt.Errorf("prepare: check preparation: a size is negative in %+v: %w", t, fault.BadModel)
	case (t.Width > 0) != (t.Height > 0):
		return fmt.Errorf("prepare: check preparation: Width %d and Height %d go together: %w", t.Width, t.Height, fault.BadModel)
	case (t.CropWidth > 0) != (t.CropHeight > 0):
		return fmt.Errorf("prepare: check preparation: CropWidth %d and CropHeight %d go together: %w", t.CropWidth, t.CropHeight, fault.BadModel)
	case t.Width > 0 && t.ShortestEdge > 0:
		return fmt.Errorf("prepare: check preparation: both Width and ShortestEdge are set: %w", fault.BadModel)
	case t.LongestEdge > 0 && t.LongestEdge < t.ShortestEdge, t.LongestEdge > 0 && t.ShortestEdge == 0:
		return fmt.Errorf("prepare: check preparation: LongestEdge %d is below ShortestEdge %d or without it: %w", t.LongestEdge, t.ShortestEdge, fault.BadModel)
	case t.Filter != Bilinear && t.Filter != Bicubic:
		return fmt.Errorf("prepare: check preparation: Filter %d is neither Bilinear nor Bicubic: %w", int(t.Filter), fault.BadModel)
	case t.Centre != CentreLow && t.Centre != CentreEven:
		return fmt.Errorf("prepare: check preparation: Centre %d is neither CentreLow nor CentreEven: %w", t.Centre, fault.BadModel)
	}
	return nil
}

// OutputSize gives the size that Apply makes of a picture of width x height.
func (t Preparation) OutputSize(width, height int) (int, int) {
	if t.CropWidth > 0 {
		return t.CropWidth, t.CropHeight
	}
	return t.resized(width, height)
}

// Apply returns p prepared as t says, byte for byte as the program named beside
// each field does with the slow (Pillow) image processors of transformers 4.56.2.
// What the crop throws away is never computed. Without a crop a narrow picture can
// become a huge one: compare OutputSize with what the model reads first. The
// result shares no memory with p.
func (t Preparation) Apply(p Image) Image {
	width, height := t.resized(p.Width, p.Height)
	if t.CropWidth == 0 {
		return Resize(p, width, height, t.Filter)
	}
	x, y := t.Centre.offset(width, t.CropWidth), t.Centre.offset(height, t.CropHeight)
	part := resizeRegion(p, width, height, region{
		max(x, 0), max(y, 0), min(x+t.CropWidth, width), min(y+t.CropHeight, height),
	}, t.Filter)
	return part.within(t.CropWidth, t.CropHeight, max(-x, 0), max(-y, 0))
}

// resized gives the size of a picture after resizing, before the crop.
func (t Preparation) resized(width, height int) (int, int) {
	short, long := min(width, height), max(width, height)
	edge := t.ShortestEdge
	switch {
	case t.Width > 0:
		return t.Width, t.Height
	case edge == 0:
		return width, height
	case t.LongestEdge > 0 && float64(long)/float64(short)*float64(edge) > float64(t.LongestEdge):
		edge = int(math.RoundToEven(float64(t.LongestEdge*short) / float64(long)))
	}
	if short == edge {
		return width, height
	}
	other := int(float64(edge*long) / float64(short))
	if edge == 0 { // so narrow that nothing would be left of it, which the original fails on
		edge, other = 1, t.LongestEdge
	}
	if width < height {
		return edge, other
	}
	return other, edge
}

// offset gives where a crop of length crop begins on an edge of length have;
// negative where the edge is shorter than the crop.
func (c Centre) offset(have, crop int) int {
	d := have - crop
	switch {
	case d < 0 && c == CentreEven:
		return -(-d / 2)
	case d < 0:
		return -((1 - d) / 2)
	case c == CentreEven:
		return int(math.RoundToEven(float64(d) / 2))
	}
	return d / 2
}

// within returns p with its corner at x, y of a black picture of width x height,
// or p itself if it fills that.
func (p Image) within(width, height, x, y int) Image {
	if p.Width == width && p.Height == height {
		return p
	}
	out := Blank(width, height)
	for row := range p.Height {
		copy(out.Pix[3*((y+row)*width+x):], p.Pix[3*row*p.Width:3*(row+1)*p.Width])
	}
	return out
}
