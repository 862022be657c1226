package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// Keys are those who may ask. Their file has a line for each, a name and the
// sha256 of the key, and may hold comments:
//
//	# name     sha256 of the key, in hex
//	dashboard  sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//
// Keys are long and random, so that a plain hash keeps them:
//
//	key=$(openssl rand -hex 32); echo "dashboard sha256:$(printf %s "$key" | sha256sum | cut -d' ' -f1)" >> keys
type Keys struct {
	path string
	list atomic.Pointer[[]key]
}

type key struct {
	name string
	hash [sha256.Size]byte
}

// OpenKeys reads a file of keys.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
	return k, k.Reload()
}

// Reload reads the file again. If it cannot be read or is wrong, the keys stay as
// they are, and the error says where.
func (k *Keys) Reload() error {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return fmt.Errorf("api: read keys: %w", err)
	}
	var list []key
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		one, err := parseKey(line)
		if err != nil {
			return fmt.Errorf("api: read keys: %s:%d: %w", k.path, n, err)
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return fmt.Errorf("api: read keys: %s holds none: %w", k.path, fault.BadRequest)
	}
	k.list.Store(&list)
	return nil
}

func parseKey(line string) (k key, err error) {
	fields := strings.Fields(line)
	if len(fields) != 2 || !strings.HasPrefix(fields[1], "sha256:") {
		return k, fmt.Errorf("a line is a name and sha256:HASH: %w", fault.BadRequest)
	}
	if err := ingest.CheckID("name", fields[0]); err != nil {
		return k, err
	}
	k.name = fields[0]
	hash, err := hex.DecodeString(strings.TrimPrefix(fields[1], "sha256:"))
	if err != nil || copy(k.hash[:], hash) != len(k.hash) || len(hash) != len(k.hash) {
		return k, errors.Join(fmt.Errorf("the hash of %s is not 64 hex digits", k.name), fault.BadRequest)
	}
	return k, nil
}

// Find returns the name of the key that token is, in a time that does not tell how
// nearly it is one.
func (k *Keys) Find(token string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(token))
	for _, one := range *k.list.Load() {
		if subtle.ConstantTimeCompare(one.hash[:], hash[:]) == 1 {
			name, ok = one.name, true
		}
	}
	return name, ok && token != ""
}

type callerKey struct{}

func withCaller(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// caller is the name of the key that a request came with.
func caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}
