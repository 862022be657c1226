package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"videoqa/internal/cli"
)

// The settings are those of the tiny checkpoint, which has them in preprocessor_config.json.
func TestAskSaysWhereImageSettingsComeFromIfThatIsNotPlain(t *testing.T) {
	const checkpoint = "../../testdata/git/image"
	flat, err := os.ReadFile(checkpoint + "/preprocessor_config.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, nested string
		flat         []byte
		says         string
	}{
		{"one file says nothing", "", flat, ""},
		{"nor do two that agree", `{"image_processor":` + string(flat) + `}`, flat, ""},
		{"two that differ", `{"image_processor":{}}`, flat, "other image settings in preprocessor_config.json than in processor_config.json: those in processor_config.json are used"},
		{"none", "", nil, "has no image settings, neither in processor_config.json nor in preprocessor_config.json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "model")
			if err := os.CopyFS(dir, os.DirFS(checkpoint)); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string][]byte{"processor_config.json": []byte(tc.nested), "preprocessor_config.json": tc.flat} {
				err := os.Remove(filepath.Join(dir, name))
				if len(text) > 0 {
					err = os.WriteFile(filepath.Join(dir, name), text, 0o666)
				}
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			var out, errors bytes.Buffer
			args := []string{"frames", "--size", "model", "--model", dir, "--json", "--out", t.TempDir(), clips + "cfr.mp4"}
			environ := []string{"VIDEOQA_ONNXRUNTIME=" + os.Getenv("VIDEOQA_ONNXRUNTIME"), "XDG_CACHE_HOME=" + t.TempDir()}
			if status := cli.Main("v0-test", args, strings.NewReader(""), &out, &errors, environ); status != 0 {
				t.Fatalf("status %d: %s", status, errors.String())
			}
			if got := errors.String(); (got == "") != (tc.says == "") || !strings.Contains(got, tc.says) {
				t.Errorf("it says %q; want %q", got, tc.says)
			}
		})
	}
}
