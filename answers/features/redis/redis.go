// Package redis keeps features in Redis, for all processes that share it.
//
//	s, err := redis.New(redis.Config{URL: "rediss://videoqa:secret@cache:6380/0"})
//	defer s.Close()
//	cache := features.New(features.NewNear(features.NewMemory(256<<20), s), features.Float32)
//
// Redis is a pure cache here: it holds nothing that cannot be computed again, and
// may be emptied, restarted or full at any time. It should evict by itself
// (maxmemory and allkeys-lfu) and need not persist anything. A server that is down
// or slow costs a short time-out a few times; then a breaker keeps it from being
// asked, but for one try every few seconds.
//
// Keys are videoqa:feature:<hash>, videoqa:computing:<hash> for some seconds while
// a process computes one, and videoqa:owner:<clip>, a set of hashes that outlives
// them. An ACL user needs ~videoqa:* +get +set +del +sadd +srem +smembers +pexpire
// +unlink +eval +evalsha +script|load +ping +hello +client.
package redis

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"

	"videoqa/answers/features"
	"videoqa/internal/fault"
)

// Config says which Redis, and for how long. Only URL is needed.
type Config struct {
	URL     string        // redis://, rediss:// or unix://, with user and password
	CAFile  string        // PEM of who signed the server's certificate, for rediss://; "": the system's
	TTL     time.Duration // of a value, give or take a tenth; 0: 24 h
	Timeout time.Duration // of one exchange; 0: 500 ms
	Lock    time.Duration // a process that computes has this long before others do; 0: 10 s
}

// MaxValue is the largest value that is kept, in bytes.
const MaxValue = 16 << 20

const (
	valuePrefix = "videoqa:feature:"
	lockPrefix  = "videoqa:computing:"
	ownerPrefix = "videoqa:owner:"
)

// What opens the breaker, and for how long it stays so.
const (
	failuresToOpen = 3
	openFor        = 5 * time.Second
)

// A Store is a client. It may be used by many goroutines.
type Store struct {
	cfg     Config
	client  *goredis.Client
	breaker *gobreaker.CircuitBreaker[struct{}]

	hits    atomic.Int64 // values that it had
	trouble trouble
}

var (
	_ features.Store  = (*Store)(nil)
	_ features.Locker = (*Store)(nil)
)

// New returns a store; it connects when it is first used. A URL that cannot be
// read is [fault.BadRequest]; its password is not in the error.
func New(cfg Config) (*Store, error) {
	options, err := goredis.ParseURL(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("redis: the URL is not of the form redis://user:password@host:port/0, or rediss:// or unix://: %w", fault.BadRequest)
	}
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{{&cfg.TTL, 24 * time.Hour}, {&cfg.Timeout, 500 * time.Millisecond}, {&cfg.Lock, 10 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.usual
		}
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cfg.Timeout/2, cfg.Timeout, cfg.Timeout
	options.ContextTimeoutEnabled = true // else the time-out of a call is not kept
	options.MaxRetries, options.DialerRetries = 1, 1
	options.PoolTimeout = cfg.Timeout / 5
	options.ReadBufferSize, options.WriteBufferSize = 128<<10, 128<<10 // values are some hundred kilobytes
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if cfg.CAFile != "" {
		if options.TLSConfig == nil {
			return nil, fmt.Errorf("redis: a CA file goes with a rediss:// URL: %w", fault.BadRequest)
		}
		if options.TLSConfig.RootCAs, err = authorities(cfg.CAFile); err != nil {
			return nil, fmt.Errorf("redis: read CA file: %w: %w", err, fault.BadRequest)
		}
	}
	goredis.SetLogger(quiet{}) // the process's own; what it would say of each dial is in our errors
	return &Store{cfg: cfg, client: goredis.NewClient(options), breaker: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
		IsSuccessful: answered,
	})}, nil
}

func authorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// answered reports whether a server spoke, if only to refuse: then it is not down.
// Who gave up asking says nothing about it.
func answered(err error) bool {
	var refusal goredis.Error
	return err == nil || errors.As(err, &refusal) || errors.Is(err, context.Canceled)
}

// Ping asks whether the server answers and lets this user in, whatever the breaker
// says. An error is [fault.Unavailable].
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis: ping: %w: %w", err, fault.Unavailable)
	}
	return nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.client.Close() }

// State says in a word whether Redis is asked: "closed" is well, "open" is not,
// "half-open" is trying.
func (s *Store) State() string { return s.breaker.State().String() }

// ask runs one exchange through the breaker, within its time.
func (s *Store) ask(ctx context.Context, what string, do func(ctx context.Context) error) error {
	if err := s.try(ctx, true, do); err != nil {
		return fmt.Errorf("redis: %s: %w: %w", what, err, fault.Unavailable)
	}
	return nil
}

// try is ask, without the words; what fails is counted, or not.
func (s *Store) try(ctx context.Context, counts bool, do func(ctx context.Context) error) error {
	_, err := s.breaker.Execute(func() (struct{}, error) {
		limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
		return struct{}{}, do(limited)
	})
	s.trouble.note(err, counts)
	return err
}

// Hits returns how many values were got from Redis. What it has not is asked for
// several times before it is computed, so that is counted where it is computed.
func (s *Store) Hits() int64 { return s.hits.Load() }

// Get implements [features.Store].
func (s *Store) Get(ctx context.Context, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	err := s.ask(ctx, "read features", func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		commands := make([]*goredis.StringCmd, len(keys))
		for i, key := range keys {
			commands[i] = pipe.Get(ctx, valuePrefix+key)
		}
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, goredis.Nil) {
			return err
		}
		for i, command := range commands {
			if value, err := command.Bytes(); err == nil {
				values[i] = value
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, value := range values {
		if value != nil {
			s.hits.Add(1)
		}
	}
	return values, nil
}

// Set implements [features.Store]. Values over [MaxValue] are not kept.
func (s *Store) Set(ctx context.Context, keys []string, values [][]byte) error {
	return s.ask(ctx, "write features", func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		for i, key := range keys {
			if len(values[i]) <= MaxValue {
				pipe.Set(ctx, valuePrefix+key, values[i], s.lifetime())
			}
		}
		_, err := pipe.Exec(ctx)
		return err
	})
}

// Note implements [features.Store].
func (s *Store) Note(ctx context.Context, owner string, keys []string) error {
	return s.ask(ctx, "note features", func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		pipe.SAdd(ctx, ownerPrefix+owner, keys)
		pipe.PExpire(ctx, ownerPrefix+owner, 2*s.cfg.TTL) // a value lives 1.1 TTL at most
		_, err := pipe.Exec(ctx)
		return err
	})
}

// together is how many keys are removed in one exchange.
const together = 1000

// Forget implements [features.Store]. What is noted meanwhile stays noted.
func (s *Store) Forget(ctx context.Context, owner string) error {
	var keys []string
	err := s.ask(ctx, "list an owner's features", func(ctx context.Context) (err error) {
		keys, err = s.client.SMembers(ctx, ownerPrefix+owner).Result()
		return err
	})
	for some := range slices.Chunk(keys, together) {
		if err != nil {
			break
		}
		err = s.ask(ctx, "forget features", func(ctx context.Context) error {
			pipe := s.client.Pipeline()
			for _, key := range some {
				pipe.Unlink(ctx, valuePrefix+key)
			}
			pipe.SRem(ctx, ownerPrefix+owner, some)
			_, err := pipe.Exec(ctx)
			return err
		})
	}
	return err
}

// lifetime differs from value to value, so that those written together do not all
// go together.
func (s *Store) lifetime() time.Duration {
	return s.cfg.TTL*9/10 + mrand.N(s.cfg.TTL/5+1)
}

// prolongScript and unlockScript touch a lock that is still ours.
var prolongScript = goredis.NewScript(`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`)
var unlockScript = goredis.NewScript(`if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`)

// Lock implements [features.Locker].
func (s *Store) Lock(ctx context.Context, keys []string) (held []bool, unlock func(), err error) {
	held, token := make([]bool, len(keys)), rand.Text()
	err = s.ask(ctx, "lock features", func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		commands := make([]*goredis.BoolCmd, len(keys))
		for i, key := range keys {
			commands[i] = pipe.SetNX(ctx, lockPrefix+key, token, s.cfg.Lock)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		for i, command := range commands {
			held[i] = command.Val()
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	ctx = context.WithoutCancel(ctx)
	stop := s.keepLocked(ctx, keys, held, token)
	return held, func() {
		stop()
		s.unlock(ctx, keys, held, token)
	}, nil
}

// keepLocked prolongs what is held until stop is called: encoding may wait for its
// turn, and take long.
func (s *Store) keepLocked(ctx context.Context, keys []string, held []bool, token string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var kept sync.WaitGroup
	kept.Go(func() {
		again := time.NewTicker(s.cfg.Lock / 3)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				s.eachHeld(ctx, "keep features locked", prolongScript, keys, held, token, s.cfg.Lock.Milliseconds())
			}
		}
	})
	return func() {
		cancel()
		kept.Wait()
	}
}

// unlock gives keys free; one that cannot be is free when its time is over.
func (s *Store) unlock(ctx context.Context, keys []string, held []bool, token string) {
	s.eachHeld(ctx, "unlock features", unlockScript, keys, held, token)
}

func (s *Store) eachHeld(ctx context.Context, what string, script *goredis.Script, keys []string, held []bool, args ...any) {
	s.ask(ctx, what, func(ctx context.Context) error {
		for i, key := range keys {
			if !held[i] {
				continue
			}
			if err := script.Run(ctx, s.client, []string{lockPrefix + key}, args...).Err(); err != nil {
				return err
			}
		}
		return nil
	})
}
