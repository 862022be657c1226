package serve

import (
	"strings"
	"time"

	"videoqa/frames"
	"videoqa/ingest"
	"videoqa/internal/config"
)

// mediaLimits are what media may cost, by where they come from. What is taken in is what
// can be asked about: an upload or a fetch of more bytes is refused as it comes.
type mediaLimits struct {
	uploads, fetched frames.Limits
}

// usualLimits are those without any setting.
func usualLimits() mediaLimits { return mediaLimits{frames.Upload(), frames.Upload()} }

// limits are the settings'.
func (s *Settings) limits() mediaLimits {
	return mediaLimits{bounded(s.Spool.MaxBytes, s.Spool.MaxDuration), bounded(s.Media.MaxBytes, s.Media.MaxDuration)}
}

// picturesASecond is the most of a video whose length is just what it may be.
const picturesASecond = 60

// bounded are an upload's limits with other bytes and another length.
func bounded(most config.Bytes, length time.Duration) frames.Limits {
	l := frames.Upload()
	l.Bytes, l.Duration, l.Packets = int64(most), length, int(length.Seconds()*picturesASecond)
	return l
}

// of are a clip's limits. What lies under an allowed folder is footage, however long.
func (l mediaLimits) of(c ingest.Clip) frames.Limits {
	switch _, upload := ingest.UploadDigest(c.URI); {
	case strings.HasPrefix(c.URI, "file:"):
		return frames.Footage()
	case upload:
		return l.uploads
	}
	return l.fetched
}
