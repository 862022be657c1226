package frames

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// ReadAt reads beside what FFmpeg reads. The reader's error is kept, and nothing is read once the source has ended.
func (s *source) ReadAt(b []byte, off int64) (int, error) {
	if s.ended != nil {
		if err := s.ended(); err != nil {
			return 0, err
		}
	}
	n, err := s.r.ReadAt(b, off)
	if n < len(b) && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// file is what the container's syntax is read from; what goes wrong with reading is kept.
func (s *source) file() bitstream.File { return bitstream.File{Reader: s, Size: s.size} }

// plain is file, but that failures to read are forgotten.
func (s *source) plain() bitstream.File { return bitstream.File{Reader: s.r, Size: s.size} }

// recognise finds out which container the source is, by its first bytes, and which of its bytes FFmpeg gets to see.
func (in *input) recognise(head []byte) error {
	c, err := in.source.file().Container(head)
	if err != nil && !errors.Is(err, fault.BadVideo) {
		in.source.err = err // the reader's
	}
	in.format, in.source.begin, in.source.holes = c.Format, c.Begin, c.Holes
	return err
}

// place returns where in the file the byte lies that is the at-th for FFmpeg, and
// where from there on the next one that it does not get to see does.
func (s *source) place(at int64) (from, until int64) {
	from = s.begin + at
	for _, h := range s.holes {
		if from < h.From {
			return from, h.From
		}
		from += h.Size
	}
	return from, s.size
}

// length is how many bytes FFmpeg gets to see.
func (s *source) length() int64 {
	n := s.size - s.begin
	for _, h := range s.holes {
		n -= min(h.Size, s.size-h.From)
	}
	return n
}

// errHEIF refuses a picture in HEIF, of which HEIC and AVIF are kinds, by its brand.
func errHEIF(brand []byte) error {
	return fmt.Errorf("it is a picture in HEIF (%s), which is not read: save it as JPEG, PNG or WebP: %w", strings.TrimSpace(string(brand)), fault.BadVideo)
}

var errEncrypted = fmt.Errorf("its video is encrypted, and can only be read with its key: %w", fault.BadVideo)

// encrypted reports whether a stream's container says that its pictures are
// encrypted. Of MP4 FFmpeg does not tell, and hands out what nobody can decode.
func (in *input) encrypted(s *astiav.Stream) bool {
	switch in.format {
	case "mov":
		return in.source.file().Protected(int64(s.ID()))
	case "matroska":
		tags := s.Metadata() // nil: nothing at all
		return tags != nil && tags.Get("enc_key_id", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagMatchCase)) != nil
	case "mpegts":
		return in.source.file().Scrambled(in.source.begin, s.ID())
	}
	return false
}

// programCodec is that of the program stream which begins where the source does.
// FFmpeg would try raw demuxers on it, which are not built in.
func (in *input) programCodec() (astiav.CodecID, error) {
	head := make([]byte, min(in.source.size-in.source.begin, bitstream.HeadBytes))
	if !in.source.readAt(head, in.source.begin) {
		return 0, errors.New("its head cannot be read")
	}
	return codecID(bitstream.ProgramCodec(head)), nil
}

// codecID is FFmpeg's number of a codec.
func codecID(c bitstream.Codec) astiav.CodecID {
	switch c {
	case bitstream.H264:
		return astiav.CodecIDH264
	case bitstream.HEVC:
		return astiav.CodecIDHevc
	case bitstream.VP8:
		return astiav.CodecIDVp8
	case bitstream.VP9:
		return astiav.CodecIDVp9
	case bitstream.MPEG1:
		return astiav.CodecIDMpeg1Video
	case bitstream.MPEG2:
		return astiav.CodecIDMpeg2Video
	}
	return astiav.CodecIDNone
}

// newClassifier reads the packets of a stream with these parameters.
func newClassifier(p *astiav.CodecParameters) *bitstream.Classifier {
	codec := bitstream.OtherCodec
	for _, c := range []bitstream.Codec{bitstream.H264, bitstream.HEVC, bitstream.VP8, bitstream.VP9} {
		if codecID(c) == p.CodecID() {
			codec = c
		}
	}
	return bitstream.NewClassifier(codec, p.ExtraData())
}
