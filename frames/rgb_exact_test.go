package frames_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/asticode/go-astiav"

	"videoqa/frames"
)

// noise returns a frame of random samples, with stretches of the extremes, where
// sums overflow and clip.
func noise(t testing.TB, width, height int, format astiav.PixelFormat, space astiav.ColorSpace, full bool) *astiav.Frame {
	t.Helper()
	f := astiav.AllocFrame()
	t.Cleanup(f.Free)
	f.SetWidth(width)
	f.SetHeight(height)
	f.SetPixelFormat(format)
	f.SetColorSpace(space)
	if full {
		f.SetColorRange(astiav.ColorRangeJpeg)
	}
	if err := f.AllocBuffer(0); err != nil {
		t.Fatal(err)
	}
	size, err := f.ImageBufferSize(1)
	if err != nil {
		t.Fatal(err)
	}
	data, r := make([]byte, size), rand.New(rand.NewPCG(uint64(width), uint64(height)))
	for i := range data {
		if data[i] = byte(r.Uint32()); i/7%3 == 0 {
			data[i] = byte(r.IntN(2) * 255)
		}
	}
	if err := f.Data().SetBytes(data, 1); err != nil {
		t.Fatal(err)
	}
	return f
}

var spaces = []astiav.ColorSpace{astiav.ColorSpaceUnspecified, astiav.ColorSpaceBt709, astiav.ColorSpaceSmpte170M, astiav.ColorSpaceSmpte240M, astiav.ColorSpaceFcc, astiav.ColorSpaceBt2020Ncl}

func TestColoursEqualSwscalesByteForByte(t *testing.T) {
	sizes := [][2]int{{1920, 1080}, {1280, 720}, {96, 64}, {854, 480}, {33, 47}, {34, 47}, {2, 2}, {6, 1000}, {1000, 6}}
	for w := 16; w <= 84; w += 2 {
		sizes = append(sizes, [2]int{w, 100 - w&^1})
	}
	for _, size := range sizes {
		for _, space := range spaces {
			for _, full := range []bool{false, true} {
				name := fmt.Sprintf("%d x %d, %v, full range %v", size[0], size[1], space, full)
				ours, swscales, err := frames.ToRGB(noise(t, size[0], size[1], astiav.PixelFormatYuv420P, space, full))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !bytes.Equal(ours.Pix, swscales.Pix) {
					for i := range ours.Pix {
						if ours.Pix[i] != swscales.Pix[i] {
							t.Errorf("%s: column %d, row %d, channel %d is %d; want %d", name, i/3%size[0], i/3/size[0], i%3, ours.Pix[i], swscales.Pix[i])
							break
						}
					}
				}
			}
		}
	}
}

// BenchmarkToRGB converts a picture of 1920 x 1080 to RGB.
func BenchmarkToRGB(b *testing.B) {
	f := noise(b, 1920, 1080, astiav.PixelFormatYuv420P, astiav.ColorSpaceBt709, false)
	for name, convert := range map[string]func(*astiav.Frame) error{"ours": frames.Convert, "swscale": frames.ConvertBySwscale} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := convert(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
