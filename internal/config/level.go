package config

import (
	"fmt"
	"log/slog"
	"strings"
)

// A Level is the least that is logged, by the names that programs have for it.
type Level struct{ slog.Level }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *Level) UnmarshalText(text []byte) error {
	name := strings.ToLower(strings.TrimSpace(string(text)))
	for alias, ours := range map[string]string{"warning": "warn", "err": "error", "information": "info"} {
		if name == alias {
			name = ours
		}
	}
	if err := l.Level.UnmarshalText([]byte(name)); err != nil {
		return fmt.Errorf("%q is not one of debug, info, warn (warning) and error", text)
	}
	return nil
}
