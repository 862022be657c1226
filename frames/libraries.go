package frames

// #include <libavcodec/version.h>
// #include <libavutil/ffversion.h>
// #include <stdio.h>
// #include <jpeglib.h>
// #include <webp/decode.h>
// enum { JPEG = LIBJPEG_TURBO_VERSION_NUMBER };
import "C"

import "fmt"

// Libraries says which C libraries are linked in to read video and pictures.
func Libraries() string {
	webp := int(C.WebPGetDecoderVersion())
	return fmt.Sprintf("FFmpeg %s (libavcodec %d.%d.%d), LGPL 2.1 or later, with dav1d, BSD 2-clause\nlibjpeg-turbo %d.%d.%d, BSD 3-clause and IJG; libwebp %d.%d.%d, BSD 3-clause",
		C.FFMPEG_VERSION, C.LIBAVCODEC_VERSION_MAJOR, C.LIBAVCODEC_VERSION_MINOR, C.LIBAVCODEC_VERSION_MICRO,
		C.JPEG/1000000, C.JPEG/1000%1000, C.JPEG%1000, webp>>16, webp>>8&255, webp&255)
}
