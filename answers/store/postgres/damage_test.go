package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"videoqa/answers/store"
	"videoqa/answers/store/storetest"
)

func TestDamagedRowsAreNoticed(t *testing.T) {
	var address string
	storetest.RunDamaged(t, func(t *testing.T) (store.Store, func() store.Store) {
		address = fresh(t)
		return open(t, address), nil
	}, func(store.Store) storetest.Spoil {
		return func(t *testing.T, table, column, keyColumn, key string) {
			t.Helper()
			db, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close(context.Background())
			var value any
			if err := db.QueryRow(t.Context(), "SELECT "+column+" FROM videoqa_"+table+" WHERE "+keyColumn+" = $1", key).Scan(&value); err != nil {
				t.Fatal(err)
			}
			if small, is := value.(int32); is {
				value = int64(small)
			}
			if _, err := db.Exec(t.Context(), "UPDATE videoqa_"+table+" SET "+column+" = $1 WHERE "+keyColumn+" = $2", storetest.Flip(t, value), key); err != nil {
				t.Fatal(err)
			}
		}
	})
}
