package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"videoqa/internal/fault"
)

// begin makes a file with checksums where there is none.
func begin(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replace(path, func(name string) error { return os.WriteFile(name, emptyFile(), 0o644) })
}

// emptyFile is a database without a table (sqlite.org/fileformat2.html), whose pages
// have room for a checksum. SQLite makes such room only through an interface that the
// driver does not have, and keeps it in files that have it.
func emptyFile() []byte {
	page := make([]byte, pageSize)
	copy(page, magic)
	binary.BigEndian.PutUint16(page[16:], pageSize)
	page[18], page[19] = 1, 1 // version of the format
	page[20] = sumSize
	page[21], page[22], page[23] = 64, 32, 32
	page[31] = 1                                        // size in pages
	page[100] = 0x0d                                    // a leaf of the table of tables
	binary.BigEndian.PutUint16(page[105:], contentSize) // where its cells begin: there are none
	sealPage(1, page)
	return page
}

// replace has write write a file, and puts it in the place of path when it is on the disk.
func replace(path string, write func(name string) error) (err error) {
	next := path + ".new"
	if err := errors.Join(remove(next), remove(next+"-journal")); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(next))
		}
	}()
	if err := write(next); err != nil {
		return err
	}
	if err := flush(next); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return flush(filepath.Dir(path))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// flush has a file, or the names in a folder, on the disk.
func flush(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// checkAll looks at all pages of a file and puts right which it can.
func (s *Store) checkAll(ctx context.Context) (found pages, err error) {
	err = s.change(ctx, "check the file's pages", func(tx *sql.Tx) error { // nobody else writes meanwhile
		var text string
		err := tx.QueryRow("PRAGMA " + pagesPragma).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) { // SQLite knows no such pragma: the file has no checksums
			return nil
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &found)
		}
		return err
	})
	return found, err
}

// checkWhole returns [fault.Damaged] if the pages of a file do not belong together,
// as when file and log were copied one after the other while a process wrote to them.
func (s *Store) checkWhole(ctx context.Context) error {
	var said string
	if err := s.db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return down("check the file as a whole", err)
	}
	if said != "ok" {
		return fmt.Errorf("its parts do not belong together (%s): was it copied while a process wrote to it? Bring it back, with its -wal and -shm, from a copy that was made while no process ran: %w", said, fault.Damaged)
	}
	return nil
}

// give gives the pages of the file at path checksums: it is written anew. What it holds
// has to be in the file, and not in its log.
func give(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return replace(path, func(next string) error {
		if err := os.WriteFile(next, emptyFile(), info.Mode().Perm()); err != nil {
			return err
		}
		db, err := connect(next, "journal_mode(OFF)", "synchronous(OFF)")
		if err != nil {
			return err
		}
		return errors.Join(copyAll(ctx, db, path), db.Close())
	})
}

// copyAll copies every table of the file at path, then its indexes and triggers.
func copyAll(ctx context.Context, db *sql.DB, path string) error {
	if _, err := db.ExecContext(ctx, "ATTACH ? AS old", location(path, nil)); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT type || ' ' || name || ' ' || sql FROM old.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type <> 'table'")
	made, err := column(rows, err)
	if err != nil {
		return err
	}
	for _, one := range made {
		words := strings.SplitN(one, " ", 3)
		if _, err := db.ExecContext(ctx, words[2]); err != nil {
			return err
		}
		if words[0] == "table" {
			if _, err := db.ExecContext(ctx, "INSERT INTO main."+words[1]+" SELECT * FROM old."+words[1]); err != nil {
				return err
			}
		}
	}
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA old.user_version").Scan(&version); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA main.user_version = %d", version))
	return err
}

// errDamaged says that some pages can neither be read nor put right.
func (p pages) errDamaged() error {
	if len(p.Damaged) == 0 {
		return nil
	}
	return fmt.Errorf("sqlite: check the file: %d of its %d pages are damaged, the first is page %d: what is on them cannot be read: go back to a backup: %w", len(p.Damaged), p.Pages, p.Damaged[0], fault.Damaged)
}
