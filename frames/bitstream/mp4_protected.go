package bitstream

// Protected reports whether all descriptions that an MP4 file has of a track's samples
// are those of protected ones (ISO/IEC 14496-12, 8.12), or of Apple's older kind.
func (f File) Protected(track int64) bool {
	protected, open := f.descriptions(func(id int64) bool { return id == track })
	return protected > 0 && open == 0
}

// AnyProtected reports whether any track has descriptions of protected pictures.
func (f File) AnyProtected() bool {
	protected, _ := f.descriptions(func(int64) bool { return true })
	return protected > 0
}

// descriptions counts those of protected pictures and the others, of the tracks that are meant.
func (f File) descriptions(meant func(track int64) bool) (protected, open int) {
	f.within(0, f.Size, []string{"moov", "trak"}, func(from, to int64) {
		if !meant(f.trackID(from, to)) {
			return
		}
		f.within(from, to, []string{"mdia", "minf", "stbl", "stsd"}, func(from, to int64) {
			f.eachBox(from+8, to, func(kind string, _, _ int64) bool { // after version, flags and count
				if kind == "encv" || kind == "drmi" {
					protected++
				} else {
					open++
				}
				return true
			})
		})
	})
	return protected, open
}
