package serve

import "log/slog"

// tell says what may be read where nothing is set, so that no operator looks for long why
// a file is refused.
func (m MediaSettings) tell(log *slog.Logger) {
	if len(m.Roots) == 0 {
		log.Info("no file: URI is read, because --media-roots is not set; questions about files become dead letters refused-uri")
	}
}
