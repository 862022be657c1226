package config_test

import (
	"log/slog"
	"testing"

	"videoqa/internal/config"
)

func TestLevelsHaveTheNamesThatProgramsHaveForThem(t *testing.T) {
	for text, want := range map[string]slog.Level{"warning": slog.LevelWarn, "WARN": slog.LevelWarn, "Debug": slog.LevelDebug, "err": slog.LevelError, "info+2": slog.LevelInfo + 2} {
		var l config.Level
		if err := l.UnmarshalText([]byte(text)); err != nil || l.Level != want {
			t.Errorf("%q is %v, %v; want %v", text, l, err, want)
		}
	}
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"0": 0, "4096": 4096, "3KiB": 3 << 10, "512MiB": 512 << 20, "1 GiB": 1 << 30, "2TiB": 2 << 40, "64MB": 64e6, "64 MB": 64e6, "64 mib": 64 << 20,
		"64Mi": 64 << 20, "1.5GiB": 3 << 29, "10 b": 10, "2tb": 2e12, " 7KB ": 7000, "0.5KiB": 512, "9223372036854775807": 1<<63 - 1,
	} {
		var b config.Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q is %d, %v; want %d", text, b, err, want)
		}
		again, err := b.MarshalText()
		var c config.Bytes
		if err != nil || c.UnmarshalText(again) != nil || c != b {
			t.Errorf("%d is written %q", b, again)
		}
	}
	for _, text := range []string{"", "-1", "1M", "x", "99999999TiB", "1.5.5GiB", ".5GiB", "1e3", "MB", "9223372036854775808", "99999999.5TiB", "1 mega"} {
		if err := new(config.Bytes).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for a size", text)
		}
	}
}
