package cli

import (
	"errors"
	"path/filepath"
)

// cacheDir is where built graphs and the like are kept.
func (a *App) cacheDir() (string, error) {
	base := a.xdg("XDG_CACHE_HOME", ".cache")
	if base == "" {
		return "", errors.New("neither XDG_CACHE_HOME nor HOME names an absolute path: there is no place for a cache")
	}
	return filepath.Join(base, "videoqa"), nil
}

// defaultDataDir is where the XDG rules put an application's data.
func (a *App) defaultDataDir() (string, error) {
	base := a.xdg("XDG_DATA_HOME", ".local/share")
	if base == "" {
		return "", errors.New("neither XDG_DATA_HOME nor HOME names an absolute path: name a data folder with --data-dir or VIDEOQA_DATA_DIR")
	}
	return filepath.Join(base, "videoqa"), nil
}

// xdg returns the folder that a variable of the XDG base directory specification
// names, or else the one below the home folder; "": there is no home either. A
// relative path is ignored, as the specification wants: what is kept would depend
// on the folder in which the program was started.
func (a *App) xdg(variable, belowHome string) string {
	if base := a.Getenv(variable); filepath.IsAbs(base) {
		return base
	}
	if home := a.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, belowHome)
	}
	return ""
}
