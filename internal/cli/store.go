package cli

import (
	"context"
	"fmt"
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

// joinStore opens it beside the service.
func joinStore(ctx context.Context, url, dataDir string) (store.Store, error) {
	if url == "" {
		return sqlite.Join(ctx, filepath.Join(dataDir, storeFile))
	}
	return shared(ctx, url)
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

var errNotPostgres = fmt.Errorf("cli: open store: its URL begins with neither postgres:// nor postgresql://: %w", fault.BadRequest)
