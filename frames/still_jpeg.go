package frames

/*
#cgo pkg-config: libjpeg
#include "jpeg.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"videoqa/frames/prepare"
	"videoqa/internal/fault"
)

// decodeJPEG reads a JPEG with libjpeg-turbo as Pillow does, which reads with it too.
func decodeJPEG(ctx context.Context, file []byte, head stillHead) (Picture, error) {
	pix := make([]byte, head.width*head.height*head.channels)
	var stop int32
	forget := context.AfterFunc(ctx, func() { atomic.StoreInt32(&stop, 1) })
	defer forget()
	var why [C.VIDEOQA_JPEG_WHY]C.char
	outcome := C.videoqa_jpeg((*C.uint8_t)(&file[0]), C.size_t(len(file)), C.int(head.channels), C.int(head.width), C.int(head.height),
		(*C.uint8_t)(&pix[0]), (*C.int)(unsafe.Pointer(&stop)), &why[0])
	switch outcome {
	case C.VIDEOQA_JPEG_WHOLE:
		return jpegPicture(head, pix), nil
	case C.VIDEOQA_JPEG_CUT:
		return Picture{}, errCut
	case C.VIDEOQA_JPEG_STOPPED:
		return Picture{}, ctx.Err()
	}
	return Picture{}, errors.New(C.GoString(&why[0]))
}

// jpegPicture makes RGB of grey, RGB or CMYK, whose inks are stored as Adobe's programs do: the other way round.
func jpegPicture(head stillHead, pix []byte) Picture {
	if head.channels == 3 {
		return Picture{Image: prepare.Image{Width: head.width, Height: head.height, Pix: pix}}
	}
	p := blank(head.width, head.height, 0)
	if head.channels == 1 {
		p.fill(pix, head.width, 1, 0, 0, 0)
		return p
	}
	for i := range pix {
		pix[i] = ^pix[i]
	}
	p.mix(pix, 4*head.width)
	return p
}

// What a JPEG may cost to decode: each scan goes through the blocks of its components, and a small file may have thousands.
const (
	mostScans    = C.VIDEOQA_JPEG_SCANS // 100; encoders write 10, the most thorough of them some 20
	mostScanWork = 40                   // times the limit on pixels, in samples of all scans; an ordinary progressive file has 8 a pixel
)

// checkJPEGWork counts the scans of a file and the samples that they cover.
func checkJPEGWork(file []byte, head stillHead, limits Limits) error {
	scans, samples := jpegScans(file)
	if scans > mostScans {
		return fmt.Errorf("a JPEG of %d scans, %d at most: %w", scans, mostScans, fault.TooLarge)
	}
	if work := samples * head.width * head.height; limits.Pixels > 0 && work > mostScanWork*limits.Pixels {
		return fmt.Errorf("a JPEG of %dx%d pixels in %d scans, which are %d samples to decode, %d at most: %w",
			head.width, head.height, scans, work, mostScanWork*limits.Pixels, fault.TooLarge)
	}
	return nil
}
