package checkpoint

import (
	"bytes"
	"fmt"
	"strings"

	"videoqa/internal/fault"
)

// refuseStandIn returns an error, [fault.BadModel], if the file name holds not its
// own content but what a tool puts in its place, and says what to do.
func refuseStandIn(name string, b []byte) error {
	begin := b[:min(len(b), 1024)]
	switch {
	case bytes.HasPrefix(begin, []byte("version https://git-lfs.github.com/spec/")), bytes.HasPrefix(begin, []byte("version https://hawser.github.com/spec/")):
		return fmt.Errorf("%s is a Git LFS pointer: it only names the file%s, which git has not fetched; run 'git lfs pull' in its repository, or fetch the checkpoint with 'videoqa pull': %w",
			name, announced(begin, "size "), fault.BadModel)
	case bytes.HasPrefix(begin, []byte("# xet version ")):
		return fmt.Errorf("%s is a Xet pointer: it only names the file%s, which git has not fetched; run 'git xet pull' in its repository, or fetch the checkpoint with 'videoqa pull': %w",
			name, announced(begin, "filesize = "), fault.BadModel)
	case isWebPage(begin):
		return fmt.Errorf("%s is a web page: it was saved from a page about the file; fetch the checkpoint with 'videoqa pull': %w", name, fault.BadModel)
	}
	return nil
}

// announced is what a pointer says of the file's size: " of N bytes", or nothing.
func announced(pointer []byte, field string) string {
	for _, line := range strings.Split(string(pointer), "\n") {
		if size, ok := strings.CutPrefix(strings.TrimSpace(line), field); ok && size != "" && strings.Trim(size, "0123456789") == "" {
			return " of " + size + " bytes"
		}
	}
	return ""
}

func isWebPage(begin []byte) bool {
	text := strings.ToLower(string(bytes.TrimSpace(bytes.TrimPrefix(begin, []byte("\xef\xbb\xbf")))))
	return strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html")
}
