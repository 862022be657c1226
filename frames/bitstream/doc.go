// Package bitstream reads the syntax of videos as bytes, in pure Go: which container a file is, what the tables of MP4,
// Matroska and AVI would cost to open, and what a packet of H.264, HEVC, VP8 or VP9 is for.
//
//	file := bitstream.File{Reader: r, Size: size}
//	container, err := file.Container(head)                  // which demuxer, and where its bytes begin
//	hide, err := file.CheckOpening(container.Format, 16)    // refused before any demuxer sees it
//	packets := bitstream.NewClassifier(bitstream.H264, avcC) // one for each stream
//	packet := packets.Classify(data, key)                   // may decoding start here? is a picture missing before it?
//
// Nothing here decodes a picture or calls C, so all of it can be tested and fuzzed without FFmpeg. Every length that a
// file claims is checked against what is there: damaged bytes give wrong answers, never a panic or a read beyond the end.
// Sizes and places are in bytes. A File may be used by one goroutine for each reader that allows it; a Classifier by one.
package bitstream
