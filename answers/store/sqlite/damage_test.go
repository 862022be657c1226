package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"videoqa/answers/store"
	"videoqa/answers/store/storetest"
)

func TestDamagedRowsAreNoticed(t *testing.T) {
	var path string
	storetest.RunDamaged(t, func(t *testing.T) (store.Store, func() store.Store) {
		path = filepath.Join(t.TempDir(), "store.db")
		return open(t, path), nil
	}, func(store.Store) storetest.Spoil {
		return func(t *testing.T, table, column, keyColumn, key string) {
			t.Helper()
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var value any
			if err := db.QueryRow("SELECT "+column+" FROM "+table+" WHERE "+keyColumn+" = ?", key).Scan(&value); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE "+keyColumn+" = ?", storetest.Flip(t, value), key); err != nil {
				t.Fatal(err)
			}
		}
	})
}
