package sqlite

import (
	"context"
	"errors"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// keysRead is how many keys of a list are read at a time.
const keysRead = 500

// oneByOne lists rows where a page of the file is damaged: keys selects their places
// and ids from an index, which lies apart from them, and read reads each by itself. One
// that cannot be read is told to damaged. read returns false for one that is not wanted.
func (s *Store) oneByOne(ctx context.Context, keys string, from store.Cursor, limit int, read func(id string) (bool, error), damaged func(id string)) (next string, err error) {
	for listed := 0; ; {
		some, err := s.keysAfter(ctx, keys, from)
		if err != nil {
			return "", err
		}
		for _, key := range some {
			if listed == limit {
				return from.String(), nil
			}
			from = key
			wanted, err := read(key.QuestionID)
			if err != nil {
				if err = down("read a row of a list", err); !errors.Is(err, fault.Damaged) {
					return "", err
				}
				damaged(key.QuestionID)
			}
			if wanted || err != nil {
				listed++
			}
		}
		if len(some) < keysRead {
			return "", nil
		}
	}
}

// keysAfter returns the keys that keys selects behind from.
func (s *Store) keysAfter(ctx context.Context, keys string, from store.Cursor) (some []store.Cursor, err error) {
	rows, err := s.db.QueryContext(ctx, keys, from.Millis, from.QuestionID, keysRead)
	if err != nil {
		return nil, down("list keys", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key store.Cursor
		if err := rows.Scan(&key.Millis, &key.QuestionID); err != nil {
			return nil, down("list keys", err)
		}
		some = append(some, key)
	}
	if err := rows.Err(); err != nil {
		return nil, down("list keys", err)
	}
	return some, nil
}
