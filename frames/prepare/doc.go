// Package prepare resizes and crops pictures for a model, byte for byte as Pillow
// and the image processors of transformers do. It is pure Go.
//
//	square := prepare.Preparation{ShortestEdge: 224, CropWidth: 224, CropHeight: 224, Filter: prepare.Bicubic}.Apply(image)
package prepare

// An Image is pixels in Go memory: RGB, 8 bits a channel, upright, rows from top
// to bottom and unpadded, so that len(Pix) is 3*Width*Height.
type Image struct {
	Width, Height int
	Pix           []byte
}

// Blank returns a black image of that size.
func Blank(width, height int) Image {
	return Image{Width: width, Height: height, Pix: make([]byte, 3*width*height)}
}
