package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"videoqa/internal/fault"
	"videoqa/internal/tokenizer/files"
)

// folder returns the repository's folder in the cache.
func (h Hub) folder(repo Repo) string {
	return filepath.Join(h.CacheDir, folderName(repo))
}

func folderName(repo Repo) string {
	return "models--" + strings.ReplaceAll(repo.Name, "/", "--")
}

// snapshot returns the folder of the commit that the cache has for repo, empty if
// none, and whether a whole checkpoint lies there.
func (h Hub) snapshot(repo Repo) (dir string, whole bool) {
	commit := repo.Revision
	if !commitForm.MatchString(commit) {
		b, err := os.ReadFile(filepath.Join(h.folder(repo), "refs", filepath.FromSlash(repo.Revision)))
		if err != nil {
			return "", false
		}
		if commit = strings.TrimSpace(string(b)); !commitForm.MatchString(commit) {
			return "", false
		}
	}
	dir = filepath.Join(h.folder(repo), "snapshots", commit)
	files, err := fs.Glob(os.DirFS(dir), "*")
	if err != nil || len(files) == 0 {
		return "", false
	}
	there := files[:0]
	for _, f := range files {
		if st, err := os.Stat(filepath.Join(dir, f)); err == nil && st.Mode().IsRegular() { // the link leads somewhere
			there = append(there, f)
		}
	}
	needed, err := h.choose(there)
	return dir, err == nil && shardsComplete(needed)
}

// configFile must be there, and a tokenizer.
const configFile = "config.json"

// weights are the ways in which weights lie, the better first: a file, or an index
// and its shards.
var weights = []struct {
	single, index string
	shard         *regexp.Regexp
}{
	{"model.safetensors", "model.safetensors.index.json", regexp.MustCompile(`^model-(\d{5})-of-(\d{5})\.safetensors$`)},
	{"pytorch_model.bin", "pytorch_model.bin.index.json", regexp.MustCompile(`^pytorch_model-(\d{5})-of-(\d{5})\.bin$`)},
}

// choose picks the files of a checkpoint among all files of a repository.
func (h Hub) choose(all []string) ([]string, error) {
	var needed []string
	for _, name := range slices.Concat([]string{configFile}, h.Sidecars, files.Names()) {
		if slices.Contains(all, name) && !slices.Contains(needed, name) {
			needed = append(needed, name)
		}
	}
	if !slices.Contains(needed, configFile) {
		return nil, fmt.Errorf("it has no config.json, so it is not a checkpoint of transformers: %w", fault.NotFound)
	}
	if err := files.Enough(func(name string) bool { return slices.Contains(all, name) }); err != nil {
		return nil, fmt.Errorf("%w: %w", err, fault.NotFound)
	}
	for _, w := range weights {
		if slices.Contains(all, w.single) {
			return append(needed, w.single), nil
		}
		if !slices.Contains(all, w.index) {
			continue
		}
		needed = append(needed, w.index)
		for _, name := range all {
			if w.shard.MatchString(name) {
				needed = append(needed, name)
			}
		}
		return needed, nil
	}
	return nil, fmt.Errorf("it has no weights that can be read, neither safetensors nor pytorch_model.bin: %w", fault.NotFound)
}

// shardsComplete reports whether all the shards that the shards' own names count up
// to are among files. A single file is complete.
func shardsComplete(files []string) bool {
	for _, w := range weights {
		if !slices.Contains(files, w.index) {
			continue
		}
		var shards int
		total := "none"
		for _, f := range files {
			if m := w.shard.FindStringSubmatch(f); m != nil {
				shards, total = shards+1, m[2]
			}
		}
		return fmt.Sprintf("%05d", shards) == total
	}
	return true
}

// writeRef notes which commit the revision stood for.
func (h Hub) writeRef(repo Repo, commit string) error {
	if repo.Revision == commit {
		return nil
	}
	name := filepath.Join(h.folder(repo), "refs", filepath.FromSlash(repo.Revision))
	if old, err := os.ReadFile(name); err == nil && string(old) == commit {
		return nil // perhaps in a cache that may only be read
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return fmt.Errorf("note the commit of %s: %w", repo.Revision, disk(err))
	}
	tmp := filepath.Join(h.folder(repo), fmt.Sprintf("tmp_%016x", rand.Uint64())) // another pull may be here too
	if err := errors.Join(os.WriteFile(tmp, []byte(commit), 0o666), os.Rename(tmp, name)); err != nil {
		return fmt.Errorf("note the commit of %s: %w", repo.Revision, disk(err))
	}
	return nil
}

// link makes pointer a relative link to blob, whatever it was before.
func link(blob, pointer string) error {
	if err := os.MkdirAll(filepath.Dir(pointer), 0o777); err != nil {
		return disk(err)
	}
	target, err := filepath.Rel(filepath.Dir(pointer), blob)
	if err != nil {
		return err
	}
	if old, err := os.Readlink(pointer); err == nil && old == target {
		return nil
	}
	tmp := pointer + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return disk(err)
	}
	if err := os.Symlink(target, tmp); err != nil {
		return disk(err)
	}
	if err := os.Rename(tmp, pointer); err != nil {
		return disk(err)
	}
	return nil
}
