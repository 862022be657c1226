package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Digest returns "sha256:" and 64 hexadecimal digits that name the model: its
// tensors, its configuration as used, its tokenizer. Equal values give equal
// digests whether they lie in one safetensors file, in shards or in
// pytorch_model.bin, and however the temporal embeddings are spelt; the
// preprocessing is not part of it. It is the sha256 of
//
//	"videoqa model 1\n", then for each tensor by sorted canonical name
//	name, dtype, shape and the sha256 of its bytes, then the configuration as
//	JSON, then the tokenizer's files, then the detector's layers if it has one;
//	each preceded by its length
//
// The first call hashes every weight on all cores; later ones, and those of
// other processes if CacheDir is set, are told by the files' stamps.
func (c *Checkpoint) Digest() string {
	c.digestOnce.Do(func() { c.digest = c.computeDigest() })
	return c.digest
}

func (c *Checkpoint) computeDigest() string {
	config, err := json.Marshal(c.Config)
	if err != nil {
		panic(fmt.Sprintf("checkpoint: marshal config: %v", err)) // numbers and names only, validated to be finite
	}
	h := sha256.New()
	h.Write([]byte("videoqa model 1\n"))
	field(h, []byte(c.weightsDigest(config)))
	field(h, config)
	for _, part := range c.Tokenizer.Digested() {
		field(h, part)
	}
	if d := c.Extension.Detector; d != nil {
		for _, l := range []Layer{d.Token, d.Pooled, d.Output} {
			field(h, fmt.Appendf(nil, "layer %d %d", l.Out, l.In))
			field(h, values(l.Weight))
			field(h, values(l.Bias))
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// weightsDigest hashes the tensors, or recalls what it hashed before from the
// very same files for the same configuration.
func (c *Checkpoint) weightsDigest(config []byte) string {
	key, ok := c.memoryKey(config)
	if !ok {
		return c.hashWeights()
	}
	m := memory{c.CacheDir}
	if d, ok := m.recall(key); ok {
		return d
	}
	d := c.hashWeights()
	m.remember(key, d)
	return d
}

// hashWeights hashes the tensors side by side and their hashes in sorted order.
func (c *Checkpoint) hashWeights() string {
	names := slices.Sorted(maps.Keys(c.tensors))
	sums := make([][]byte, len(names))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				sum := sha256.Sum256(c.tensors[names[i]].Bytes)
				sums[i] = sum[:]
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	workers.Wait()
	_ = c.Rest() // a failure leaves memory where it is

	h := sha256.New()
	for i, name := range names {
		t := c.tensors[name]
		field(h, []byte(name))
		field(h, []byte(t.DType))
		field(h, []byte(strings.Trim(fmt.Sprint(t.Shape), "[]")))
		field(h, sums[i])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// values are x as little-endian float32.
func values(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// field writes one value after its length, so that no two lists of values give
// the same bytes.
func field(h hash.Hash, b []byte) {
	fmt.Fprintf(h, "%d:", len(b))
	h.Write(b)
}
