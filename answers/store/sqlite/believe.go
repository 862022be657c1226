package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/url"
	"os"
)

// Another program, such as sqlite3, that writes to the file, if only what a killed
// process left in the log, writes no checksums of pages. All of what the file holds then
// shows that it is whole nevertheless.

// believe gives those pages of a file checksums that do not fit and are whole
// nevertheless, and returns how many they are; 0: they are not, or that cannot be told.
// No process may have the file open: SQLite opens none whose first page does not fit.
func believe(ctx context.Context, path string) (sealed int, err error) {
	if !wholeOtherwise(ctx, path) {
		return 0, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Sync(), file.Close()) }()
	page := make([]byte, pageSize)
	for n := int64(1); ; n++ {
		switch _, err := file.ReadAt(page, (n-1)*pageSize); {
		case errors.Is(err, io.EOF):
			return sealed, nil
		case err != nil:
			return sealed, err
		case n == 1 && !declaresSums(page): // it has no checksums
			return 0, nil
		case pageFits(n, page):
			continue
		}
		sealPage(n, page)
		if _, err := file.WriteAt(page, (n-1)*pageSize); err != nil {
			return sealed, err
		}
		sealed++
	}
}

// wholeOtherwise reports whether a file is whole by all but the checksums of its pages: its tables
// and indexes agree, and each row's checksum fits.
func wholeOtherwise(ctx context.Context, path string) bool {
	db, err := sql.Open("sqlite", location(path, url.Values{"_pragma": {"busy_timeout(10000)"}}))
	if err != nil {
		return false
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var said string
	if db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said) != nil || said != "ok" {
		return false
	}
	for _, table := range sealedTables() {
		if !rowsFit(ctx, db, table) {
			return false
		}
	}
	return true
}

// rowsFit reports whether all rows of a table can be read and are what was written.
func rowsFit(ctx context.Context, db *sql.DB, table sealedTable) bool {
	rows, err := db.QueryContext(ctx, "SELECT "+table.columns+" FROM "+table.name)
	if err != nil {
		return false
	}
	defer rows.Close()
	for rows.Next() {
		r, _ := table.make()
		if rows.Scan(r.Into()...) != nil || r.Check() != nil {
			return false
		}
	}
	return rows.Err() == nil
}
