package bitstream

import "slices"

// OnlyPictures reports whether boxes of MP4 hold pictures as items (ISO/IEC 23008-12) and
// no track: FFmpeg would show the first item, perhaps one tile of a grid, not
// turned. Whatever the brands are, a file with a track is a video; an animated
// AVIF or HEIC has one. Brands decide where the boxes say nothing. brand is the main one, nil
// where the file names none.
func (f File) OnlyPictures() (brand []byte, only bool) {
	var brands [][]byte
	items, tracks := false, false
	f.eachBox(0, f.Size, func(kind string, from, to int64) bool {
		switch kind {
		case "ftyp":
			brands = f.brands(from, to)
		case "meta":
			items = items || f.hasPictureItems(from, to)
		case "moov":
			f.within(from, to, []string{"trak"}, func(_, _ int64) { tracks = true })
		}
		return !tracks
	})
	if len(brands) == 0 {
		return nil, items && !tracks
	}
	return brands[0], !tracks && (items || slices.ContainsFunc(brands, isPictureBrand))
}

// hasPictureItems reports whether a meta box at the top names a primary item, or its
// handler is that of pictures.
func (f File) hasPictureItems(from, to int64) (pictures bool) {
	from += 4 // version and flags
	f.within(from, to, []string{"pitm"}, func(_, _ int64) { pictures = true })
	f.within(from, to, []string{"hdlr"}, func(from, to int64) {
		kind := make([]byte, 4)
		pictures = pictures || to-from >= 12 && f.read(kind, from+8) && string(kind) == "pict"
	})
	return pictures
}

// brands gives the main brand that an ftyp box names, then those that the file is compatible with.
func (f File) brands(from, to int64) (brands [][]byte) {
	box := make([]byte, min(to-from, 1<<10))
	if len(box) < 4 || !f.read(box, from) {
		return nil
	}
	brands = [][]byte{box[:4]}
	for at := 8; at+4 <= len(box); at += 4 { // behind the main brand's version
		brands = append(brands, box[at:at+4])
	}
	return brands
}

// isPictureBrand reports whether a brand is that of pictures, one or many.
func isPictureBrand(brand []byte) bool {
	switch string(brand) {
	case "mif1", "mif2", "msf1", "miaf", "heif", "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "avif", "avis", "avci", "avcs", "jpeg", "jpgs", "j2ki", "vvic":
		return true
	}
	return false
}
