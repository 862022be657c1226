package bitstream

import (
	"errors"
	"io"
)

// A File is what the methods read a container's syntax from: bytes by place, and how many there are. Reads ask for a few
// bytes to 64 MiB at a time, mostly in ascending order. Where the reader fails, a method answers as if the file ended
// there; who has to know of the failure keeps it in the reader.
type File struct {
	Reader io.ReaderAt
	Size   int64 // bytes
}

// read fills b with the bytes from off on and reports whether it could.
func (f File) read(b []byte, off int64) bool {
	n, _ := f.Reader.ReadAt(b, off)
	return n == len(b)
}

// A Container is which kind of file a video is, and which of its bytes a demuxer gets to see.
type Container struct {
	Format string // FFmpeg's name of the demuxer: mov, matroska, avi, flv, mpeg or mpegts
	Begin  int64  // place in the file of the first byte that the demuxer sees
	Holes  []Span // stretches that it does not see, ascending
}

// A Span is a stretch of a file, in bytes.
type Span struct{ From, Size int64 }

// HeadBytes is how many bytes of a file's start decide what it is.
const HeadBytes = 16 << 10

// farBytes is how much of a file is looked through for streams that may begin
// anywhere: as much as the ffmpeg program looks at.
const farBytes = 1 << 20

// Container finds which container a file is, by its first bytes in head ([HeadBytes] of them, or the whole file) and,
// where these do not tell, by up to 1 MiB. Recorders put headers of their own before MPEG streams, cut them anywhere,
// and leave zeros; an MP4 file may begin with any of its boxes. What is no video is refused with [fault.BadVideo] and a
// guess at what it is instead; any other error is the reader's.
func (f File) Container(head []byte) (Container, error) {
	format, err := sniff(head)
	if err == nil && format == "flv" {
		return Container{Format: format, Holes: f.flvHeads()}, nil
	}
	if err == nil || len(head) == 0 {
		return Container{Format: format}, err
	}
	if kind := looksLike(head); kind != unknownKind && kind != textKind { // a text may stand before a stream
		return Container{}, err
	}
	if f.isBoxes() {
		return Container{Format: "mov"}, nil
	}
	far := make([]byte, min(f.Size, farBytes))
	if n, err := f.Reader.ReadAt(far, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(far)) {
		return Container{}, err
	}
	if isText(far) {
		return Container{}, err
	}
	if begin := transportStart(far); begin >= 0 {
		return Container{Format: "mpegts", Begin: int64(begin)}, nil
	}
	if begin := programStart(far); begin >= 0 {
		return Container{Format: "mpeg", Begin: int64(begin)}, nil
	}
	return Container{}, err
}
