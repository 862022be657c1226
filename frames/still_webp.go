package frames

/*
#cgo pkg-config: libwebpdemux
#include "webp.h"
*/
import "C"

import (
	"bytes"
	"context"
	"errors"
)

func isWebP(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// readWebPHead reads the chunks of a WebP with libwebp, as Pillow does.
func readWebPHead(file []byte) (stillHead, error) {
	if kind := file[12:min(16, len(file))]; !bytes.Equal(kind, []byte("VP8 ")) && !bytes.Equal(kind, []byte("VP8L")) && !bytes.Equal(kind, []byte("VP8X")) {
		return stillHead{}, errors.New("it does not begin with a picture")
	}
	var info C.videoqa_webp_info
	if C.videoqa_webp_head((*C.uint8_t)(&file[0]), C.size_t(len(file)), &info) != 0 {
		return stillHead{}, errors.New("its chunks are cut off or contradict each other")
	}
	head := stillHead{width: int(info.width), height: int(info.height), animated: info.frames > 1}
	if info.exif_size > 0 {
		head.exif = file[info.exif_at:][:info.exif_size]
	}
	head.xmp = file[info.xmp_at:][:info.xmp_size]
	return head, nil
}

// decodeWebP reads a WebP with libwebp; of an animated one the first picture, on black where that leaves the canvas bare.
func decodeWebP(ctx context.Context, file []byte, head stillHead) (Picture, error) {
	pix := make([]byte, 4*head.width*head.height)
	if C.videoqa_webp((*C.uint8_t)(&file[0]), C.size_t(len(file)), (*C.uint8_t)(&pix[0])) != 0 {
		return Picture{}, errors.New("its compressed data are damaged or cut off")
	}
	p := blank(head.width, head.height, 0)
	p.fill(pix, 4*head.width, 4, 0, 1, 2)
	return p, ctx.Err()
}
