package config_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/internal/config"
)

func TestFoldersFollowTheXDGRules(t *testing.T) {
	for _, tc := range []struct {
		name, xdg, home, data, cache string
	}{
		{"the variable's", "/x", "/people/x", "/x/videoqa", "/x/videoqa"},
		{"without it, below the home folder", "", "/people/x", "/people/x/.local/share/videoqa", "/people/x/.cache/videoqa"},
		{"a relative one is ignored", "x/y", "/people/x", "/people/x/.local/share/videoqa", "/people/x/.cache/videoqa"},
		{"a dot is relative", ".", "/people/x", "/people/x/.local/share/videoqa", "/people/x/.cache/videoqa"},
		{"neither", "", "", "", ""},
		{"a relative one and no home", "x", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			getenv := func(name string) string {
				if name == "HOME" {
					return tc.home
				}
				return tc.xdg
			}
			if got, err := config.DataDir(getenv); got != tc.data || (err == nil) != (tc.data != "") {
				t.Errorf("the data folder is %q, %v; want %q", got, err, tc.data)
			}
			if got, err := config.CacheDir(getenv); got != tc.cache || (err == nil) != (tc.cache != "") {
				t.Errorf("the cache folder is %q, %v; want %q", got, err, tc.cache)
			}
			script := exec.Command("../../deploy/cache.sh")
			script.Env = []string{"PATH=" + os.Getenv("PATH"), "XDG_CACHE_HOME=" + tc.xdg, "HOME=" + tc.home}
			if out, err := script.Output(); strings.TrimSpace(string(out)) != tc.cache || (err == nil) != (tc.cache != "") {
				t.Errorf("deploy/cache.sh prints %q, %v; want %q", out, err, tc.cache)
			}
		})
	}
}

// One script knows the rule, so that no other can forget it.
func TestScriptsAskOneScriptForTheCacheFolder(t *testing.T) {
	looked := 0
	for _, root := range []string{"../../deploy", "../../testdata", "../../Makefile"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".sh" && entry.Name() != "Makefile" {
				return err
			}
			looked++
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), "${XDG_") && entry.Name() != "cache.sh" {
				t.Errorf("%s reads XDG variables by itself", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 8 {
		t.Errorf("only %d scripts were looked at", looked)
	}
}
