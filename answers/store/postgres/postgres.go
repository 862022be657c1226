// Package postgres keeps clips, outcomes and the deferred queue in PostgreSQL, for
// as many processes as share it.
//
//	s, err := postgres.Open(ctx, "postgres://videoqa@db/videoqa?sslmode=verify-full&sslrootcert=ca.pem")
//	defer s.Close()
//
// Tables are named videoqa_… and lie in the first schema of the search path; the
// process that comes first makes or changes them. Times are milliseconds by the
// processes' clocks, which must agree to within a second or two: a lease lasts
// 15. A transaction that PostgreSQL gives up for another's sake is done again
// here. Whatever else goes wrong is [fault.Unavailable].
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"videoqa/answers/store"
	"videoqa/internal/fault"
)

// A Store is a pool of connections.
type Store struct{ pool *pgxpool.Pool }

var _ store.Store = (*Store)(nil)

// What the server ends on our behalf, unless the URL says otherwise: nothing here
// takes a second, and a hanging statement would hold others up.
const (
	statementTimeout = "15s"
	lockTimeout      = "10s"
	connectTimeout   = 5 * time.Second
	connections      = 8 // of a process: its slots, its partitions and the deferred queue, none behind another's
)

// Open connects and makes the tables if they are not there. url is a connection
// string as libpq has it; pool_max_conns in it bounds the connections (8). It returns [fault.BadRequest] if url cannot be read, and
// [fault.Unavailable] if no server answers.
func Open(ctx context.Context, url string) (*Store, error) {
	cfg, err := configOf(url)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, down("open", err)
	}
	s := &Store{pool}
	if err := s.change(ctx, "prepare", prepare); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// CheckURL returns the [fault.BadRequest] that Open would, of a URL or of the files
// that it names, without connecting.
func CheckURL(url string) error {
	_, err := configOf(url)
	return err
}

// Ping asks whether the server answers and lets this user in, and makes no tables.
// Errors are Open's.
func Ping(ctx context.Context, url string) error {
	cfg, err := configOf(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return down("ping", err)
	}
	defer conn.Close(ctx)
	if err := conn.Ping(ctx); err != nil {
		return down("ping", err)
	}
	return nil
}

// configOf reads url and sets what it leaves open.
func configOf(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the store's URL: %w: %w", err, fault.BadRequest) // pgx leaves the password out
	}
	for name, usual := range map[string]string{
		"application_name": "videoqa", "statement_timeout": statementTimeout, "lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": statementTimeout,
	} {
		if _, said := cfg.ConnConfig.RuntimeParams[name]; !said {
			cfg.ConnConfig.RuntimeParams[name] = usual
		}
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = connections
	}
	return cfg, nil
}

// Close closes the connections, when those in use are free.
func (s *Store) Close() error { s.pool.Close(); return nil }

// turns is how often a transaction is done that others get in the way of.
const turns = 10

// change runs one transaction, again if it met another one.
func (s *Store) change(ctx context.Context, what string, do func(ctx context.Context, tx pgx.Tx) error) error {
	var err error
	for range turns {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return do(ctx, tx) })
		if !collided(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return down(what, err)
	}
	return nil
}

// collided reports whether err is a deadlock or a failure to serialise.
func collided(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// down marks err as the store's: nothing is wrong with the question. What
// PostgreSQL has no room for, such as text with NUL, stays wrong however often it
// is tried (class 22, data exception). A damaged row is the row's; a damaged page
// has to be mended before the database can be used.
func down(what string, err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, fault.Damaged):
		return fmt.Errorf("postgres: %s: %w", what, err)
	case errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22"):
		return fmt.Errorf("postgres: %s: %w: %w", what, err, fault.BadRequest)
	case errors.As(err, &pg) && (pg.Code == "XX001" || pg.Code == "XX002"): // data corrupted, index corrupted
		return fmt.Errorf("postgres: %s: the database is damaged: %w: %w: %w", what, err, fault.Unavailable, fault.Damaged)
	}
	return fmt.Errorf("postgres: %s: %w: %w", what, err, fault.Unavailable)
}

// hold lets nobody else change who waits for what, nor bring it, until the
// transaction ends. Else a clip that comes while a question is about to wait for
// it could be missed by both.
func hold(ctx context.Context, tx pgx.Tx, awaited string) error {
	if awaited == "" {
		return nil
	}
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('videoqa/' || $1, 0))", awaited)
	return err
}
