package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

func isWebP(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// decodeWebP reads a lossy or lossless WebP, and of an animated one the first
// picture, on black where that leaves the canvas bare.
func decodeWebP(r *boundReader, file []byte) (Picture, error) {
	var canvas []byte
	for kind, data := range riffChunks(file) {
		switch {
		case kind == "VP8X" && len(data) >= 10 && data[0]&2 != 0:
			canvas = data
		case kind == "ANMF" && canvas != nil:
			return firstOfWebP(r, canvas, data)
		}
	}
	if canvas != nil {
		return Picture{}, errors.New("an animation without pictures")
	}
	return decodeWebPImage(r)
}

// firstOfWebP decodes the picture of an ANMF chunk by itself, as a file made of
// its own chunks, and puts it on the canvas that the VP8X chunk describes.
func firstOfWebP(r *boundReader, canvas, frame []byte) (Picture, error) {
	width, height := 1+uint24(canvas[4:]), 1+uint24(canvas[7:])
	if len(frame) < 16 {
		return Picture{}, io.ErrUnexpectedEOF
	}
	x, y := 2*uint24(frame), 2*uint24(frame[3:])
	w, h := 1+uint24(frame[6:]), 1+uint24(frame[9:])
	if x+w > width || y+h > height {
		return Picture{}, errors.New("its first picture leaves the canvas")
	}
	inner := frame[16:]
	header := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	if bytes.HasPrefix(inner, []byte("ALPH")) {
		header[8] = 1 << 4
	}
	header = append(append(header, frame[6:9]...), frame[9:12]...)
	file := append([]byte("RIFF\x00\x00\x00\x00WEBP"), append(header, inner...)...)
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	r.file.Reset(file)
	p, err := decodeWebPImage(r)
	if err != nil {
		return Picture{}, err
	}
	return p.within(width, height, x, y), nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// decodeWebPImage reads a WebP of one picture.
func decodeWebPImage(r *boundReader) (Picture, error) {
	m, err := webp.Decode(r)
	if err != nil {
		return Picture{}, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return webpColours(m), nil
	case *image.NYCbCrA:
		return webpColours(&m.YCbCr), nil
	}
	return rgbOf(m)
}

// webpColours converts with the arithmetic of libwebp, which Pillow reads WebP
// with (src/dsp/upsampling.c and yuv.h): chroma is interpolated between its four
// nearest samples, and luma is of limited range.
func webpColours(m *image.YCbCr) Picture {
	p := blank(m.Rect.Dx(), m.Rect.Dy(), 0)
	width, height := (p.Width+1)/2, (p.Height+1)/2
	for y := range p.Height {
		near := y / 2
		far := min(max(near+2*(y%2)-1, 0), height-1)
		for x := range p.Width {
			i := x / 2
			j := min(max(i+2*(x%2)-1, 0), width-1)
			u := webpChroma(m.Cb[near*m.CStride:], m.Cb[far*m.CStride:], i, j)
			v := webpChroma(m.Cr[near*m.CStride:], m.Cr[far*m.CStride:], i, j)
			light := int32(m.Y[y*m.YStride+x]) * 19077 >> 8
			to := p.Pix[3*(y*p.Width+x):]
			to[0] = clip((light + v*26149>>8 - 14234) >> 6)
			to[1] = clip((light - u*6419>>8 - v*13320>>8 + 8708) >> 6)
			to[2] = clip((light + u*33050>>8 - 17685) >> 6)
		}
	}
	return p
}

// webpChroma weighs the sample i of the nearer row 9, its neighbours j and across
// 3 each and the one across the corner 1, in libwebp's two roundings. At an edge a
// neighbour is the sample itself.
func webpChroma(near, far []byte, i, j int) int32 {
	a, b, c, d := int32(near[i]), int32(near[j]), int32(far[i]), int32(far[j])
	if i == j {
		return (3*a + c + 2) >> 2
	}
	return ((a+b+c+d+8+2*(b+c))>>3 + a) >> 1
}

// riffChunks goes through the chunks of a WebP, as far as they are whole.
func riffChunks(file []byte) func(yield func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for at := 12; at+8 <= len(file); {
			n := int64(binary.LittleEndian.Uint32(file[at+4:]))
			if int64(at)+8+n > int64(len(file)) {
				return
			}
			if !yield(string(file[at:at+4]), file[at+8:at+8+int(n)]) {
				return
			}
			at += 8 + int(n+n%2)
		}
	}
}

// webpExif gives the EXIF chunk, with or without JPEG's prefix.
func webpExif(file []byte) []byte {
	for kind, data := range riffChunks(file) {
		if kind == "EXIF" {
			return bytes.TrimPrefix(data, []byte("Exif\x00\x00"))
		}
	}
	return nil
}
