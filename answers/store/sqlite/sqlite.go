// Package sqlite keeps clips, outcomes and the deferred queue in one SQLite file,
// for one process.
//
//	s, err := sqlite.Open(ctx, filepath.Join(data, "store.db"))
//	defer s.Close()
//
// The journal is a write-ahead log with full synchronisation: a transaction is
// on the disk when its method returns. Times are kept in milliseconds. Only one
// process may have the file open: what a process had taken from the deferred queue
// when it ended is free again when the next one opens the file.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	driver "modernc.org/sqlite"

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
`, `
CREATE TABLE cameras (
	camera     TEXT PRIMARY KEY,
	reached_ms INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO cameras SELECT camera, max(end_ms) FROM clips WHERE camera <> '' AND end_ms IS NOT NULL GROUP BY camera;
ALTER TABLE clips ADD COLUMN touched_ms INTEGER NOT NULL DEFAULT 0;
UPDATE clips SET touched_ms = max(coalesce(put_ms, 0), coalesce(closed_ms, 0), coalesce(gone_ms, 0));
CREATE INDEX clips_by_touch ON clips (touched_ms);
ALTER TABLE outcomes ADD COLUMN answer_id TEXT NOT NULL DEFAULT '';
ALTER TABLE outcomes ADD COLUMN camera TEXT NOT NULL DEFAULT '';
ALTER TABLE outcomes ADD COLUMN start_ms INTEGER;
ALTER TABLE outcomes ADD COLUMN end_ms INTEGER;
CREATE INDEX outcomes_by_answer ON outcomes (answer_id) WHERE answer_id <> '';
CREATE INDEX outcomes_by_camera ON outcomes (camera, settled_ms, question_id) WHERE state = 'answered';
CREATE INDEX outcomes_by_state ON outcomes (state, settled_ms, question_id);
CREATE INDEX outcomes_by_time ON outcomes (settled_ms) WHERE settled_ms IS NOT NULL;
CREATE TABLE outcome_clips (
	clip_id     TEXT NOT NULL,
	question_id TEXT NOT NULL,
	PRIMARY KEY (clip_id, question_id)
) WITHOUT ROWID;
CREATE INDEX outcome_clips_by_question ON outcome_clips (question_id);
ALTER TABLE waiting ADD COLUMN replaces TEXT NOT NULL DEFAULT '';
`, `
CREATE TABLE claims (
	name       TEXT PRIMARY KEY,
	content    TEXT NOT NULL,
	claimed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX claims_by_time ON claims (claimed_ms);
CREATE INDEX clips_by_uri ON clips (uri) WHERE uri <> '';
`, `
DROP INDEX waiting_by_due;
CREATE INDEX waiting_by_due ON waiting (due_ms) WHERE awaits <> 'turn';
CREATE INDEX waiting_by_turn ON waiting (due_ms, seen_ms) WHERE awaits = 'turn';
`, `
ALTER TABLE clips ADD COLUMN gone_seen_ms INTEGER;
CREATE INDEX clips_by_deletion ON clips (gone_seen_ms) WHERE gone_seen_ms IS NOT NULL;
`, `
CREATE TABLE uploads (
	uri      TEXT PRIMARY KEY,
	lease_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE upload_users (
	uri      TEXT NOT NULL,
	used_by  TEXT NOT NULL,
	since_ms INTEGER NOT NULL,
	until_ms INTEGER,
	PRIMARY KEY (uri, used_by)
) WITHOUT ROWID;
CREATE INDEX upload_users_by_user ON upload_users (used_by);
CREATE INDEX upload_users_by_time ON upload_users (since_ms);
CREATE INDEX upload_users_by_end ON upload_users (until_ms) WHERE until_ms IS NOT NULL;
INSERT INTO upload_users SELECT uri, 'clip ' || clip_id, touched_ms, NULL FROM clips
	WHERE uri LIKE 'videoqa-media:%' AND put_ms IS NOT NULL AND (gone_ms IS NULL OR put_ms > gone_ms);
DROP INDEX clips_by_uri;
`, `
ALTER TABLE waiting ADD COLUMN reason TEXT NOT NULL DEFAULT '';
CREATE TABLE letters (
	letter_id TEXT PRIMARY KEY,
	message   BLOB NOT NULL,
	stored_ms INTEGER NOT NULL
);
CREATE INDEX letters_by_time ON letters (stored_ms, letter_id);
CREATE TABLE processes (
	process_id TEXT PRIMARY KEY,
	settings   TEXT NOT NULL,
	seen_ms    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX clips_by_start ON clips (coalesce(start_ms, 9223372036854775807), clip_id) WHERE put_ms IS NOT NULL;
CREATE INDEX clips_untimed ON clips (camera) WHERE camera <> '' AND (start_ms IS NULL OR end_ms IS NULL);
`, `
ALTER TABLE clips ADD COLUMN checksum BLOB;
ALTER TABLE cameras ADD COLUMN checksum BLOB;
ALTER TABLE outcomes ADD COLUMN checksum BLOB;
ALTER TABLE waiting ADD COLUMN checksum BLOB;
ALTER TABLE claims ADD COLUMN checksum BLOB;
ALTER TABLE letters ADD COLUMN checksum BLOB;
` + refuseUnchecked("clips", "cameras", "outcomes", "waiting", "claims", "letters"), `
CREATE TABLE properties (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
`, `-- pages have checksums; a program that does not write them must not write at all
`}

// checked is the step with which rows have checksums.
const checked = 8

// identified is the step with which a file has an identity.
const identified = 9

// summed is the first version all of whose files have checksums of pages.
const summed = 10

// refuseUnchecked keeps a program from writing that knows of no checksums and has
// had the file open since before.
func refuseUnchecked(tables ...string) (triggers string) {
	for _, table := range tables {
		triggers += "CREATE TRIGGER " + table + "_checked BEFORE INSERT ON " + table +
			" WHEN NEW.checksum IS NULL BEGIN SELECT RAISE(ABORT, 'a newer videoqa keeps this file: end this one'); END;\n"
	}
	return triggers
}

// A Store is an open file.
type Store struct {
	db    *sql.DB
	found pages // when it was opened
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, or makes it, for the process that serves from it. It
// looks at all of the file, and puts right what it can; see [store.Health].
func Open(ctx context.Context, path string) (*Store, error) {
	found, err := ready(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	s, err := open(ctx, path)
	if err == nil {
		s.found = found
	}
	return s, err
}

// Join opens a file that is there, beside a process that may be serving from it:
// what that has taken stays taken.
func Join(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: join %s: %w: %w", path, err, fault.NotFound)
	}
	s, err := open(ctx, path)
	if err == nil {
		if err = s.prepare(ctx, false); err != nil {
			err = errors.Join(fmt.Errorf("sqlite: join %s: %w", path, err), s.Close())
		}
	}
	return s, err
}

// ready brings a file up to date, and looks at its pages, before it is served from.
func ready(ctx context.Context, path string) (found pages, err error) {
	interrupted, err := checkLog(path)
	if err == nil {
		err = begin(path)
	}
	if err != nil {
		return found, err
	}
	look := func() (err error) {
		s, err := open(ctx, path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }() // all of the log is in the file then
		if err := s.prepare(ctx, true); err != nil {
			return err
		}
		if _, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return down("bring the log into the file", err)
		}
		if found, err = s.checkAll(ctx); err != nil {
			return err
		}
		if interrupted && len(found.Damaged) == 0 {
			if err := s.checkWhole(ctx); err != nil {
				return err
			}
		}
		return s.free(ctx)
	}
	err = look()
	if err != nil || len(found.Damaged) > 0 {
		sealed, failed := believe(ctx, path)
		if failed != nil {
			return found, errors.Join(err, failed)
		}
		if sealed > 0 {
			err = look()
			found.sealed = sealed
		}
	}
	if err != nil || found.Checked {
		return found, err
	}
	if err := give(ctx, path); err != nil {
		return found, fmt.Errorf("write it anew with checksums of its pages, which takes as much room again: %w", err)
	}
	return found, look()
}

func open(ctx context.Context, path string) (*Store, error) {
	// Without spilling, no frame of the log is written twice, so that each can be checked.
	db, err := connect(path, "busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_spill(0)")
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// connect returns the one connection to a file: writers would only wait for each other.
func connect(path string, pragmas ...string) (*sql.DB, error) {
	if err := install(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", location(path, url.Values{"_pragma": pragmas, "_txlock": {"immediate"}, "vfs": {FileSystem}}))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func location(path string, options url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()}).String()
}

// Health implements [store.Health], of the file as it was opened.
func (s *Store) Health(context.Context) (advice string, err error) {
	if n := len(s.found.Mended); n > 0 {
		advice = fmt.Sprintf("%d of the %d pages of the store's file had wrong bits, and were put right: look at the disk, and at the memory, that it was on", n, s.found.Pages)
	}
	if n := s.found.sealed; n > 0 {
		advice += fmt.Sprintf("%d of the %d pages of the store's file were written by another program, which writes no checksums; all that they hold fits, and they have been given theirs", n, s.found.Pages)
	}
	return advice, s.found.errDamaged()
}

func (s *Store) prepare(ctx context.Context, alone bool) error {
	return s.change(ctx, "prepare", func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > len(schema) {
			return fmt.Errorf("the file has schema %d, this program knows up to %d", version, len(schema))
		}
		if version < len(schema) && version > 0 && alone && version < summed { // the file may be larger than memory
			if _, err := tx.Exec("PRAGMA cache_spill = 1"); err != nil {
				return err
			}
		}
		before := version
		for ; version < len(schema); version++ {
			if _, err := tx.Exec(schema[version]); err != nil {
				return err
			}
			if version+1 == checked {
				if err := sealAll(tx); err != nil {
					return err
				}
			}
			if version+1 == identified {
				if err := identify(tx, before > 0); err != nil {
					return err
				}
			}
		}
		if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
			return err
		}
		return nil
	})
}

// free gives back what a process that has ended had taken. Where that is damaged, it is
// free when its lease ends.
func (s *Store) free(ctx context.Context) error {
	err := s.change(ctx, "give back what was taken", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE waiting SET lease_ms = 0 WHERE lease_ms <> 0")
		return err
	})
	if errors.Is(err, fault.Damaged) {
		return nil
	}
	return err
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

// down marks err as the store's: nothing is wrong with the question. A damaged row
// is the row's; a file of which a page is damaged cannot be used before someone has
// mended it.
func down(what string, err error) error {
	var failed *driver.Error
	switch {
	case errors.Is(err, fault.Damaged):
		return fmt.Errorf("sqlite: %s: %w", what, err)
	case errors.As(err, &failed) && (failed.Code()&0xff == corrupt || failed.Code()&0xff == notADatabase || failed.Code() == pageDamaged || failed.Code() == pageDamaged&0xff):
		return fmt.Errorf("sqlite: %s: the file is damaged: %w: %w: %w", what, err, fault.Unavailable, fault.Damaged)
	case errors.As(err, &failed) && (failed.Code()&0xff == readOnly || failed.Code()&0xff == cannotOpen):
		return fmt.Errorf("sqlite: %s: this process has to be able to write to the file and its folder: look at their owner, permissions and disk: %w: %w", what, err, fault.Unavailable)
	}
	return fmt.Errorf("sqlite: %s: %w: %w", what, err, fault.Unavailable)
}

// SQLite's primary result codes for a file that cannot be used (sqlite.org/rescode.html).
const (
	readOnly     = 8
	cannotOpen   = 14
	corrupt      = 11
	notADatabase = 26

	pageDamaged = 10 | 32<<8 // what our file system says; SQLite tells the first byte alone of the first page
)
