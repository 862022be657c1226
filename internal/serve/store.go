package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"videoqa/answers/store"
	"videoqa/answers/store/postgres"
	"videoqa/answers/store/sqlite"
	"videoqa/internal/fault"
)

const storeFile = "store.db" // in the data folder

// openStore opens what a service keeps its outcomes in.
func openStore(ctx context.Context, url, dataDir string) (store.Store, error) {
	if url == "" {
		return sqlite.Open(ctx, filepath.Join(dataDir, storeFile))
	}
	return shared(ctx, url)
}

// JoinStore opens a store beside the service that uses it.
func JoinStore(ctx context.Context, url, dataDir string) (store.Store, error) {
	if url != "" {
		return shared(ctx, url)
	}
	path := filepath.Join(dataDir, storeFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store in the data folder %s: name the service's with --data-dir, or its --store-url: %w", dataDir, fault.NotFound)
	}
	return sqlite.Join(ctx, path)
}

func shared(ctx context.Context, url string) (store.Store, error) {
	if !isPostgres(url) {
		return nil, errNotPostgres
	}
	return postgres.Open(ctx, url)
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

var errNotPostgres = fmt.Errorf("a store's URL begins with postgres:// or postgresql://: %w", fault.BadRequest)
