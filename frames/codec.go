package frames

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
)

// codecs is what may be decoded, by FFmpeg's names: a whitelist for every
// context. AV1 is dav1d's.
const codecs = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg2video,mpeg1video,mjpeg"

// decoderOf returns the decoder that may be used for a codec; nil: there is none.
// FFmpeg has one of H.263 too, because that of MPEG-4 needs it.
func decoderOf(id astiav.CodecID) *astiav.Codec {
	codec := astiav.FindDecoder(id)
	if codec == nil || !slices.Contains(strings.Split(codecs, ","), codec.Name()) {
		return nil
	}
	return codec
}

// codecName says in words what the video is encoded with: FFmpeg's names of it, or
// what the container calls it.
func (in *input) codecName() string {
	p := in.video.CodecParameters()
	if p.CodecID() != astiav.CodecIDNone {
		return fmt.Sprintf("%s (%s)", p.CodecID().Name(), codecTitle(p.CodecID()))
	}
	tag := binary.LittleEndian.AppendUint32(nil, uint32(p.CodecTag()))
	switch name := in.matroskaCodec(); {
	case name != "":
		return "of the codec " + name
	case bitstream.IsBoxKind(string(tag)):
		return fmt.Sprintf("of the codec %q", tag)
	}
	return "of a codec that is not known here"
}

// matroskaCodec returns what a Matroska file calls the codec of its first video track.
func (in *input) matroskaCodec() string {
	head := make([]byte, min(in.source.size, bitstream.HeadBytes))
	if in.format != "matroska" || !in.source.readAt(head, 0) {
		return ""
	}
	_, name, _ := bytes.Cut(head, []byte("V_"))
	end := bytes.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-.", r) })
	if end <= 0 {
		return ""
	}
	return "V_" + string(name[:end])
}
