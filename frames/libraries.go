package frames

// #include <libavcodec/version.h>
// #include <libavutil/ffversion.h>
import "C"

import "fmt"

// Libraries says which FFmpeg is linked in.
func Libraries() string {
	return fmt.Sprintf("FFmpeg %s (libavcodec %d.%d.%d), LGPL 2.1 or later, with dav1d, BSD 2-clause",
		C.FFMPEG_VERSION, C.LIBAVCODEC_VERSION_MAJOR, C.LIBAVCODEC_VERSION_MINOR, C.LIBAVCODEC_VERSION_MICRO)
}
