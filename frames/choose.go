package frames

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/asticode/go-astiav"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
)

// anyStream leaves it to the input which stream is the video.
const anyStream = -1

// probe chooses the stream and lets FFmpeg look into it, once. Some containers
// name their streams only along the way, and a broadcast those of its later
// programs, and then looking comes first. Where several streams may be the video
// and the container does not say how many pictures each has, it chooses none: they
// have to be watched.
func (in *input) probe(stream int) error {
	early := len(in.fc.Streams()) > max(0, stream) && (stream >= 0 || in.fc.NbPrograms() < 2)
	if early {
		if err := in.choose(stream); err != nil {
			return err
		}
	}
	most := probedOf(in.format, in.source.size)
	in.probing.begin(most)
	err := in.fc.FindStreamInfo(nil)
	if in.probing.end() {
		return bitstream.TooMuchMemory(in.source.size, fmt.Sprintf("packets that do not tell what is in its streams, %d of them", most))
	}
	if err != nil {
		return fmt.Errorf("no stream can be made out in it (%w): %w", err, fault.BadVideo)
	}
	if !early {
		return in.choose(stream)
	}
	return nil
}

// choose picks the video stream, unless they have to be watched, and tells the
// demuxer to drop all others.
func (in *input) choose(stream int) error {
	videos, others := in.videos()
	switch {
	case len(videos) == 0 && in.format == "mov" && in.source.plain().EndsInIndex():
		return fmt.Errorf("%s: %w", in.source.plain().WhyNoMP4(), fault.BadVideo)
	case len(videos) == 0 && others > 0:
		return fmt.Errorf("it holds %d streams and none of them is video: %w", others, fault.BadVideo)
	case len(videos) == 0:
		return fmt.Errorf("it holds no stream at all: %w", fault.BadVideo)
	case stream == anyStream && len(videos) > 1 && !in.countsPictures():
		return nil
	case stream == anyStream:
		in.video = in.best(videos, pictures)
	default:
		k := slices.IndexFunc(videos, func(s *astiav.Stream) bool { return s.Index() == stream })
		if k < 0 {
			return fmt.Errorf("its stream %d was video, and is not: %w", stream, fault.BadVideo)
		}
		in.video = videos[k]
	}
	for _, s := range videos {
		if s.Index() != in.video.Index() {
			s.SetDiscard(astiav.DiscardAll)
		}
	}
	return nil
}

// videos returns the streams that may be the video, and tells the demuxer to drop
// the others, of which covers and other attached pictures are some.
func (in *input) videos() (videos []*astiav.Stream, others int) {
	for _, s := range in.fc.Streams() {
		if s.CodecParameters().MediaType() == astiav.MediaTypeVideo && !s.DispositionFlags().Has(astiav.DispositionFlagAttachedPic) {
			videos = append(videos, s)
			continue
		}
		others++
		s.SetDiscard(astiav.DiscardAll)
	}
	return videos, others
}

// countsPictures reports whether the head says how many pictures each stream has.
func (in *input) countsPictures() bool { return in.format == "mov" || in.format == "avi" }

// pictures is how many pictures a stream has, as far as the head says.
func pictures(s *astiav.Stream) int { return max(indexed(s), int(s.NbFrames())) }

// best returns the stream that a viewer would call the video. Moving pictures come
// before a still one and before thumbnails, one picture before none, what can be
// decoded before what cannot,
// what the container marks as the default before the rest, larger pictures before
// smaller ones, and then the first.
func (in *input) best(videos []*astiav.Stream, pictures func(*astiav.Stream) int) *astiav.Stream {
	most := 0
	for _, s := range videos {
		most = max(most, pictures(s))
	}
	rank := func(s *astiav.Stream) []int {
		p, flags := s.CodecParameters(), s.DispositionFlags()
		return []int{
			ifElse(moves(s, pictures(s), most), 1, 0),
			ifElse(pictures(s) > 0, 1, 0),
			ifElse(decodable(p) && !in.encrypted(s), 1, 0),
			ifElse(flags.Has(astiav.DispositionFlagDefault), 1, 0),
			p.Width() * p.Height(),
		}
	}
	return slices.MaxFunc(videos, func(a, b *astiav.Stream) int { return slices.Compare(rank(a), rank(b)) })
}

// moves reports whether a stream of n pictures, beside one of most, is a video: not a
// single picture, nor the thumbnails of another, which are JPEG and far between.
func moves(s *astiav.Stream, n, most int) bool {
	flags := s.DispositionFlags()
	sparse := pictureByPicture(s) && 10*n < most
	return n > 1 && !sparse && !flags.Has(astiav.DispositionFlagStillImage) && !flags.Has(astiav.DispositionFlagTimedThumbnails)
}

func pictureByPicture(s *astiav.Stream) bool {
	return s.CodecParameters().CodecID() == astiav.CodecIDMjpeg
}

func decodable(p *astiav.CodecParameters) bool { return decoderOf(p.CodecID()) != nil }

// How far streams are watched: until one of them has shown so many pictures, or so
// many bytes were read.
const (
	watchedPictures = 300
	watchedBytes    = 64 << 20
)

// watch reads until it is plain which of several streams is the video, and returns
// its number. The input is of no other use then.
func (in *input) watch(ctx context.Context) (int, error) {
	videos, _ := in.videos()
	seen, bytes := map[int]int{}, 0
	likely := in.best(videos, func(*astiav.Stream) int { return 2 })
	p := astiav.AllocPacket()
	defer p.Free()
	for bytes < watchedBytes && seen[p.StreamIndex()] < watchedPictures && (seen[likely.Index()] < 2 || pictureByPicture(likely)) {
		p.Unref()
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		err := in.fc.ReadFrame(p)
		switch {
		case in.source.err != nil:
			return 0, in.cause(ctx, err)
		case errors.Is(err, astiav.ErrEagain):
			continue
		case err != nil: // its end, or as good as that
			bytes = watchedBytes
			continue
		}
		seen[p.StreamIndex()]++
		bytes += p.Size()
	}
	return in.best(videos, func(s *astiav.Stream) int { return seen[s.Index()] }).Index(), nil
}
