package postgres

import "context"

// Health implements [store.Health]. Rows have checksums of ours; whether a row is there,
// and what an index says, only the server's own checksums of its pages hold it to.
func (s *Store) Health(ctx context.Context) (advice string, err error) {
	var checks string
	if err := s.pool.QueryRow(ctx, "SHOW data_checksums").Scan(&checks); err != nil {
		return "", down("ask for data checksums", err)
	}
	if checks == "on" {
		return "", nil
	}
	return "PostgreSQL keeps no checksums of its pages, so a damaged key or index makes what is stored look absent, and nobody notices: end the server and run pg_checksums --enable on its data folder, or make new clusters with initdb --data-checksums", nil
}
