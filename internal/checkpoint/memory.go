package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A memory keeps digests of weights in a folder, one small file each, so that
// 1.6 GB are not hashed at every start. What it holds can always be computed
// again: a file that is missing, unreadable or damaged is as good as none, and
// whatever fails on writing is left alone.
type memory struct{ folder string }

// remembered is what one file holds.
type remembered struct {
	Key    string `json:"key"`
	Digest string `json:"digest"`
	Check  string `json:"check"` // of the two above, against a damaged file
}

func (r remembered) sum() string {
	s := sha256.Sum256([]byte(r.Key + "\n" + r.Digest))
	return hex.EncodeToString(s[:])
}

func (m memory) file(key string) string {
	return filepath.Join(m.folder, "digests", key+".json")
}

// recall returns the digest that was remembered under key.
func (m memory) recall(key string) (string, bool) {
	data, err := os.ReadFile(m.file(key))
	if err != nil {
		return "", false
	}
	var r remembered
	if json.Unmarshal(data, &r) != nil || r.Key != key || r.Check != r.sum() {
		return "", false
	}
	return r.Digest, true
}

// remember keeps digest under key, atomically.
func (m memory) remember(key, digest string) {
	r := remembered{Key: key, Digest: digest}
	r.Check = r.sum()
	data, err := json.Marshal(r)
	if err != nil || os.MkdirAll(filepath.Dir(m.file(key)), 0o755) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(m.file(key)), "new-*")
	if err != nil {
		return
	}
	_, werr := tmp.Write(data)
	cerr := tmp.Close()
	if werr != nil || cerr != nil || os.Rename(tmp.Name(), m.file(key)) != nil {
		os.Remove(tmp.Name())
	}
}

// settled is how old a file must be before its stamp is trusted: a file system's
// clock may be so coarse that a write just after ours leaves the same times.
const settled = 2 * time.Second

// memoryKey names the state of all weights files together with the configuration
// and the scheme of hashing. ok is false if a file has no stamp, is too young to
// be told from its successor, or nothing is to be remembered.
func (c *Checkpoint) memoryKey(config []byte) (key string, ok bool) {
	if c.CacheDir == "" {
		return "", false
	}
	stamps := map[string]stamp{}
	for _, f := range c.files {
		if f.stamp == (stamp{}) || c.now().Sub(time.Unix(0, max(f.stamp.Mtime, f.stamp.Ctime))) < settled {
			return "", false
		}
		stamps[f.stamp.Path] = f.stamp
	}
	h := sha256.New()
	h.Write([]byte("videoqa weights 1\n"))
	field(h, config)
	for _, path := range slices.Sorted(maps.Keys(stamps)) {
		b, err := json.Marshal(stamps[path])
		if err != nil {
			return "", false
		}
		field(h, b)
	}
	return hex.EncodeToString(h.Sum(nil)), true
}
