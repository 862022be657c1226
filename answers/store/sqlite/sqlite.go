// Package sqlite keeps clips, outcomes and the waiting room in one SQLite file,
// for one process.
//
//	s, err := sqlite.Open(ctx, filepath.Join(data, "store.db"))
//	defer s.Close()
//
// The journal is a write-ahead log with full synchronisation: a transaction is
// on the disk when its method returns. Times are kept in milliseconds. Only one
// process may have the file open: what a process had taken from the waiting room
// when it ended is free again when the next one opens the file.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // the driver

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// schema is applied step by step; user_version counts the steps that a file has.
var schema = []string{`
CREATE TABLE clips (
	clip_id   TEXT PRIMARY KEY,
	uri       TEXT NOT NULL DEFAULT '',
	camera    TEXT NOT NULL DEFAULT '',
	start_ms  INTEGER,
	end_ms    INTEGER,
	digest    TEXT NOT NULL DEFAULT '',
	put_ms    INTEGER,
	closed_ms INTEGER,
	gone_ms   INTEGER
) WITHOUT ROWID;
CREATE INDEX clips_by_camera ON clips (camera, start_ms) WHERE camera <> '';
CREATE TABLE outcomes (
	question_id TEXT PRIMARY KEY,
	request     TEXT NOT NULL,
	state       TEXT NOT NULL,
	message     BLOB,
	settled_ms  INTEGER
) WITHOUT ROWID;
CREATE TABLE waiting (
	question_id TEXT PRIMARY KEY,
	request     TEXT NOT NULL,
	record      BLOB NOT NULL,
	awaits      TEXT NOT NULL,
	due_ms      INTEGER NOT NULL,
	until_ms    INTEGER NOT NULL,
	attempts    INTEGER NOT NULL,
	seen_ms     INTEGER NOT NULL,
	lease_ms    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX waiting_by_due ON waiting (due_ms);
CREATE INDEX waiting_by_what ON waiting (awaits) WHERE awaits <> '';
`}

// A Store is an open file.
type Store struct{ db *sql.DB }

var _ store.Store = (*Store)(nil)

// Open opens the file at path, or makes it.
func Open(ctx context.Context, path string) (*Store, error) {
	options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // writers would only wait for each other
	s := &Store{db}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), db.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	return s.change(ctx, "prepare", func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(schema) {
			return fmt.Errorf("the file has schema %d, this program knows up to %d", version, len(schema))
		}
		for ; version < len(schema); version++ {
			if _, err := tx.Exec(schema[version]); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE waiting SET lease_ms = 0") // taken by a process that has ended
		return err
	})
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// change runs one transaction.
func (s *Store) change(ctx context.Context, what string, do func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return down(what, err)
	}
	if err := do(tx); err != nil {
		tx.Rollback() // the error that matters is err
		return down(what, err)
	}
	if err := tx.Commit(); err != nil {
		return down(what, err)
	}
	return nil
}

// down marks err as the store's: nothing is wrong with the question.
func down(what string, err error) error {
	return fmt.Errorf("sqlite: %s: %w: %w", what, err, fault.Unavailable)
}
