package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copied copies a made checkpoint, so that its files are the test's own.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../testdata/checkpoints/safetensors")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openLater opens dir as if its files had been written age ago.
func openLater(t *testing.T, dir, cache string, age time.Duration) *Weights {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.CacheDir = cache
	c.now = func() time.Time { return time.Unix(0, c.files[0].stamp.Ctime).Add(age) }
	w, err := c.Weights(PlanOfMade(t))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestADigestIsRemembered(t *testing.T) {
	dir, cache := copied(t), t.TempDir()
	c := openLater(t, dir, cache, time.Hour)
	honest := c.Digest()
	if again := openLater(t, dir, cache, time.Hour).Digest(); again != honest {
		t.Errorf("recalled digest is %s; want %s", again, honest)
	}
	name := memoryFile(t, cache)
	key := strings.TrimSuffix(filepath.Base(name), ".json")
	memory{cache}.remember(key, "forged")
	if got := openLater(t, dir, cache, time.Hour).Digest(); got == honest {
		t.Error("the weights were hashed again though their digest was remembered")
	}
}

func memoryFile(t *testing.T, cache string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cache, "digests", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the memory holds %v, %v; want one file", files, err)
	}
	return files[0]
}

func TestADamagedMemoryIsMended(t *testing.T) {
	dir, cache := copied(t), t.TempDir()
	honest := openLater(t, dir, cache, time.Hour).Digest()
	name := memoryFile(t, cache)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for damage, content := range map[string]string{
		"empty":              "",
		"cut":                string(good[:len(good)/2]),
		"a changed digest":   strings.Replace(string(good), `"digest":"`, `"digest":"00`, 1),
		"another key's file": strings.Replace(string(good), `"key":"`, `"key":"00`, 1),
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := openLater(t, dir, cache, time.Hour).Digest(); got != honest {
			t.Errorf("with a memory that is %s the digest is %s; want %s", damage, got, honest)
		}
		if mended, err := os.ReadFile(name); err != nil || string(mended) != string(good) {
			t.Errorf("a memory that is %s is now %s, %v; want %s", damage, mended, err, good)
		}
	}
}

func TestWeightsOfTheSameSizeAndTimeAreToldApart(t *testing.T) {
	dir, cache := copied(t), t.TempDir()
	weights := filepath.Join(dir, "model.safetensors")
	before := openLater(t, dir, cache, time.Hour).Digest()
	st, err := os.Stat(weights)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(weights+".new", data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(weights+".new", st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(weights+".new", weights); err != nil {
		t.Fatal(err)
	}
	if after := openLater(t, dir, cache, time.Hour).Digest(); after == before {
		t.Errorf("digest is still %s after a bit of the weights changed", after)
	}
}

func TestYoungWeightsAreNotRemembered(t *testing.T) {
	dir, cache := copied(t), t.TempDir()
	openLater(t, dir, cache, time.Second).Digest()
	if files, err := os.ReadDir(cache); err != nil || len(files) != 0 {
		t.Errorf("the memory holds %v, %v; want nothing for weights a second old", files, err)
	}
}

func TestAMemoryThatCannotBeWrittenDoesNotMatter(t *testing.T) {
	dir := copied(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := openLater(t, dir, file, time.Hour).Digest(), openLater(t, dir, "", time.Hour).Digest(); got != want {
		t.Errorf("digest is %s; want %s", got, want)
	}
}
