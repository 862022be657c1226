package bitstream

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"videoqa/internal/fault"
)

// sniff names FFmpeg's demuxer for a file that starts with head, so that none is
// ever guessed from content that a stranger chose. What is no video is refused
// with [fault.BadVideo] and a guess at what it is instead.
func sniff(head []byte) (string, error) {
	switch {
	case len(head) == 0:
		return "", fmt.Errorf("the file is empty: %w", fault.BadVideo)
	case isMP4(head):
		return "mov", nil
	case bytes.HasPrefix(head, []byte("\x1a\x45\xdf\xa3")):
		return "matroska", nil
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12 && bytes.Equal(head[8:11], []byte("AVI")):
		return "avi", nil
	case isFLV(head):
		return "flv", nil
	case bytes.HasPrefix(head, []byte("\x00\x00\x01\xba")):
		return "mpeg", nil
	case looksLike(head) == unknownKind && isTransportStream(head):
		return "mpegts", nil
	}
	return "", fmt.Errorf("%s, not MP4, Matroska, WebM, MPEG-TS, MPEG-PS, AVI or FLV: %w", looksLike(head), fault.BadVideo)
}

func isMP4(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "moov", "mdat", "styp", "moof", "pnot":
		return true
	}
	return false
}

// isTransportStream looks for three packets on end, at the sizes in use; a recording
// may start in the middle of a packet.
func isTransportStream(head []byte) bool {
	for _, size := range transportSizes {
		for at := 0; at < size && at+3*size <= len(head); at++ {
			if isTransportPacket(head[at:]) && isTransportPacket(head[at+size:]) && isTransportPacket(head[at+2*size:]) {
				return true
			}
		}
	}
	return false
}

func looksLike(head []byte) string {
	for magic, what := range map[string]string{
		"#EXTM3U": "it is a playlist", "ffconcat": "it is a concat script",
		"\xff\xd8\xff": "it is a JPEG picture", "\x89PNG": "it is a PNG picture", "GIF8": "it is a GIF picture",
		"II*\x00": "it is a TIFF picture", "MM\x00*": "it is a TIFF picture",
		"version https://git-lfs.": "it is a Git LFS pointer (git lfs pull fetches the file itself)",
		"OggS":                     "it is Ogg", "ID3": "it is MP3 audio", "fLaC": "it is FLAC audio", "%PDF": "it is a PDF document",
		"PK\x03\x04": "it is a ZIP archive", "\x1f\x8b": "it is gzip data", "BM": "it is a BMP picture",
		"\x00\x00\x00\x0cjP  ": "it is a picture in JPEG 2000", "\x00\x00\x00\x0cJXL ": "it is a picture in JPEG XL",
		"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "it is Windows Media (ASF)", ".RMF": "it is RealMedia", "DHAV": "it is a Dahua recording (DAV)",
		"\x06\x0e\x2b\x34": "it is MXF", "YUV4MPEG2": "it is YUV4MPEG2", "DKIF": "it is IVF", "\x7fELF": "it is a program", "MZ": "it is a program",
		"\x00\x00\x01\xb3": "it is bare MPEG-1 or MPEG-2 video without a container", "\x00\x00\x01\xb0": "it is bare MPEG-4 video without a container",
		"\x00\x00\x00\x01\x67": "it is bare H.264 without a container", "\x00\x00\x00\x01\x27": "it is bare H.264 without a container",
		"\x00\x00\x00\x01\x09": "it is bare H.264 without a container", "\x00\x00\x00\x01\x40": "it is bare HEVC without a container",
		"\x00\x00\x00\x01\x46": "it is bare HEVC without a container",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return what
		}
	}
	if riff := bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12; riff {
		switch string(head[8:12]) {
		case "WAVE":
			return "it is WAV audio"
		case "WEBP":
			return "it is a WebP picture"
		}
	}
	switch text := isText(head[:min(len(head), 512)]); {
	case text && head[0] == '<':
		return "it is XML or HTML"
	case text:
		return textKind
	}
	return unknownKind
}

const (
	unknownKind = "it is of no known kind"
	textKind    = "it is text"
)

// isText reports whether data, which may end within a letter, is text in UTF-8.
func isText(data []byte) bool {
	return utf8.Valid(data[:max(0, len(data)-utf8.UTFMax)]) && !bytes.ContainsRune(data, 0)
}
