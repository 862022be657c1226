package config

import (
	"errors"
	"path/filepath"
)

// CacheDir is the folder in which built graphs and the like are kept.
func CacheDir(getenv func(string) string) (string, error) {
	base := xdg(getenv, "XDG_CACHE_HOME", ".cache")
	if base == "" {
		return "", errors.New("neither XDG_CACHE_HOME nor HOME names an absolute path: there is no place for a cache")
	}
	return filepath.Join(base, "videoqa"), nil
}

// DataDir is the folder in which a service keeps its data, if no setting names one.
func DataDir(getenv func(string) string) (string, error) {
	base := xdg(getenv, "XDG_DATA_HOME", ".local/share")
	if base == "" {
		return "", errors.New("neither XDG_DATA_HOME nor HOME names an absolute path: name a data folder with --data-dir or VIDEOQA_DATA_DIR")
	}
	return filepath.Join(base, "videoqa"), nil
}

// xdg returns the folder that a variable of the XDG base directory specification
// names, or else the one below the home folder; "": there is no home either. A
// relative path is ignored, as the specification wants: what is kept would depend
// on the folder in which the program was started.
func xdg(getenv func(string) string, variable, belowHome string) string {
	if base := getenv(variable); filepath.IsAbs(base) {
		return base
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, belowHome)
	}
	return ""
}
