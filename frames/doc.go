// Package frames turns a video into the few pictures a model looks at.
//
//	pics, report, err := frames.Sample(ctx, clip, size, frames.Plan{Count: 6}, frames.Upload())
//	still, _, err := frames.DecodeStill(ctx, photo, size, frames.Upload())
//	square := prepare.Preparation{ShortestEdge: 224, CropWidth: 224, CropHeight: 224, Filter: prepare.Bicubic}.Apply(pics[0].Image)
//
// Time counts from the first shown picture; container timestamps never leave
// this package. Pixels are RGB, 8 bits a channel, rows unpadded, upright, in Go
// memory, and equal those of a linear decode of the whole file. A damaged frame
// is never passed off as a picture: it is left out, and the report says so.
//
// A Plan is decoded as a whole: each group of pictures once, several at a time,
// without the packets that no wanted frame needs; of a long MP4 file no others are
// read, and what is wrong elsewhere is not seen. Media comes through an
// [io.ReaderAt] only; no name or address in a file is followed.
//
// Nothing is kept between calls, so everything here may run in many goroutines.
// It may also move into a process of its own without a change to its callers,
// because only plain data crosses the package's boundary:
//
//   - in: a [Plan], [Limits], and a reader that is asked for bytes by place;
//   - out: each [Picture] in Go memory, a [Report], and an error of one of the
//     kinds of internal/fault, or the reader's or the context's own;
//   - both ways: an [Index], which callers keep and never look into.
//
// No type of FFmpeg, no C memory and no handle crosses. What needs neither is in
// packages of its own, frames/bitstream and frames/prepare.
package frames
