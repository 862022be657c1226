package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Digest returns "sha256:" and 64 hexadecimal digits that name the model: its
// tensors, its configuration as used, its tokenizer, and what more the family adds. Equal
// values give equal digests whether they lie in one safetensors file, in shards or in
// pytorch_model.bin, and however tensors are spelt; the preprocessing is not part of it. It
// is the sha256 of
//
//	"videoqa model 1\n", then for each tensor by sorted canonical name
//	name, dtype, shape and the sha256 of its bytes, then the configuration as
//	JSON, then the tokenizer's files, then more; each preceded by its length
//
// The first call hashes every weight on all cores; later ones, and those of
// other processes if CacheDir is set, are told by the files' stamps.
func (w *Weights) Digest(more ...[]byte) string {
	h := sha256.New()
	h.Write([]byte("videoqa model 1\n"))
	field(h, []byte(w.hash()))
	field(h, w.plan.Config)
	for _, part := range slices.Concat(w.from.Tokenizer.Digested(), more) {
		field(h, part)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// hash hashes the tensors, or recalls what it hashed before from the very same files for
// the same configuration.
func (w *Weights) hash() string {
	c, config := w.from, w.plan.Config
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.hashed[string(config)]; ok {
		return d
	}
	d := w.recall(config)
	c.hashed[string(config)] = d
	return d
}

// recall is hash for the first call of a process.
func (w *Weights) recall(config []byte) string {
	key, ok := w.from.memoryKey(config)
	if !ok {
		return w.hashTensors()
	}
	m := memory{w.from.CacheDir}
	if d, ok := m.recall(key); ok {
		return d
	}
	d := w.hashTensors()
	m.remember(key, d)
	return d
}

// hashTensors hashes the tensors side by side and their hashes in sorted order.
func (w *Weights) hashTensors() string {
	names := slices.Sorted(maps.Keys(w.tensors))
	sums := make([][]byte, len(names))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				sum := sha256.Sum256(w.tensors[names[i]].Bytes)
				sums[i] = sum[:]
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	workers.Wait()
	_ = w.Rest() // a failure leaves memory where it is

	h := sha256.New()
	for i, name := range names {
		t := w.tensors[name]
		field(h, []byte(name))
		field(h, []byte(t.DType))
		field(h, []byte(strings.Trim(fmt.Sprint(t.Shape), "[]")))
		field(h, sums[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// field writes one value after its length, so that no two lists of values give
// the same bytes.
func field(h hash.Hash, b []byte) {
	fmt.Fprintf(h, "%d:", len(b))
	h.Write(b)
}
