package redis_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"videoqa/answers/features"
	"videoqa/answers/features/featurestest"
	"videoqa/answers/features/redis"
	"videoqa/internal/eventually"
	"videoqa/internal/fault"
)

// program returns redis-server's path.
func program(t testing.TB) string {
	t.Helper()
	path := os.Getenv("VIDEOQA_TEST_REDIS_SERVER")
	if path == "" && os.Getenv("VIDEOQA_TEST_REAL") != "" {
		t.Fatal("VIDEOQA_TEST_REAL is set, and VIDEOQA_TEST_REDIS_SERVER is not")
	}
	if path == "" {
		t.Skip("needs a Redis: testdata/redis/run.sh go test ./answers/features/redis")
	}
	return path
}

// A server is a real Redis of one test, on a socket.
type server struct {
	t      testing.TB
	socket string
	args   []string
	client *goredis.Client // the operator's
	stop   func()
}

func start(t testing.TB, args ...string) *server {
	t.Helper()
	s := &server{t: t, socket: filepath.Join(t.TempDir(), "s"), args: args}
	s.client = goredis.NewClient(&goredis.Options{Network: "unix", Addr: s.socket})
	t.Cleanup(func() { s.client.Close() })
	s.run()
	return s
}

// run starts the server, which is empty.
func (s *server) run() {
	s.t.Helper()
	c := exec.Command(program(s.t), append([]string{"--port", "0", "--unixsocket", s.socket, "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"}, s.args...)...)
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() { c.Process.Kill(); c.Wait() })
	s.t.Cleanup(s.stop)
	eventually.True(s.t, "redis-server answers", func() bool { return s.client.Ping(context.Background()).Err() == nil })
}

func (s *server) store() *redis.Store { return connect(s.t, "unix://"+s.socket+"?db=0") }

func connect(t testing.TB, url string) *redis.Store {
	t.Helper()
	store, err := redis.New(redis.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// fill asks a cache for keys; each one's vector follows from its name.
func fill(t testing.TB, c *features.Cache, keys ...string) (encoded int) {
	t.Helper()
	vectors, _, err := c.Fill(t.Context(), keys, func(_ context.Context, missing []int) (out [][]float32, err error) {
		encoded += len(missing)
		for _, i := range missing {
			out = append(out, vectorOf(keys[i]))
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if !slices.Equal(vectors[i], vectorOf(key)) {
			t.Fatalf("%s has another vector", key)
		}
	}
	return encoded
}

func vectorOf(key string) []float32 {
	v := make([]float32, 20_000)
	for i := range v {
		v[i] = float32(len(key)) + float32(key[i%len(key)])/256
	}
	return v
}

func cacheOn(s features.Store) *features.Cache { return features.New(s, features.Float32) }

func TestStore(t *testing.T) {
	featurestest.Run(t, func(t *testing.T) features.Store { return start(t).store() })
}

func TestTwoProcessesShareWhatOneEncoded(t *testing.T) {
	s := start(t)
	if n := fill(t, cacheOn(s.store()), "a", "bb"); n != 2 {
		t.Errorf("the first encoded %d", n)
	}
	second := s.store()
	if n := fill(t, cacheOn(second), "bb", "ccc", "a"); n != 1 || second.Hits() != 2 {
		t.Errorf("the second encoded %d and got %d; want what the first had not, and what it had", n, second.Hits())
	}
	ttl, err := s.client.TTL(t.Context(), "videoqa:feature:a").Result()
	if err != nil || ttl < 21*time.Hour || ttl > 27*time.Hour {
		t.Errorf("a value lives %v, %v", ttl, err)
	}
}

// Two processes meet the same frames at the same moment, with some in common.
func TestOneFrameIsEncodedOnceByManyProcesses(t *testing.T) {
	s := start(t)
	var encoded atomic.Int64
	var group sync.WaitGroup
	var keys []string
	for i := range 12 {
		keys = append(keys, fmt.Sprint("frame-", i))
	}
	ready := make(chan struct{})
	for p := range 6 {
		c := cacheOn(s.store())
		group.Go(func() {
			<-ready
			window := keys[p : p+6]
			vectors, _, err := c.Fill(t.Context(), window, func(_ context.Context, missing []int) (out [][]float32, err error) {
				encoded.Add(int64(len(missing)))
				for _, i := range missing {
					out = append(out, vectorOf(window[i]))
				}
				return out, nil
			})
			for i, v := range vectors {
				if err != nil || !slices.Equal(v, vectorOf(window[i])) {
					t.Errorf("process %d: %s is wrong, %v", p, window[i], err)
				}
			}
		})
	}
	close(ready)
	group.Wait()
	if n := encoded.Load(); n != 11 { // of 12, the last is in nobody's window
		t.Errorf("%d frames were encoded; want 11, each once", n)
	}
	left, err := s.client.Keys(t.Context(), "videoqa:computing:*").Result()
	if err != nil || len(left) > 0 {
		t.Errorf("locks are left: %v, %v", left, err)
	}
}

func TestAProcessThatDiesWhileItComputesIsNotWaitedForForEver(t *testing.T) {
	s := start(t)
	dying, err := redis.New(redis.Config{URL: "unix://" + s.socket + "?db=0", Lock: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if held, _, err := dying.Lock(t.Context(), []string{"a"}); err != nil || !held[0] {
		t.Fatal(held, err)
	}
	dying.Close() // it can keep nothing locked any more
	c := cacheOn(s.store())
	if n := fill(t, c, "a", "bb"); n != 2 || c.Stats().Waited != 0 {
		t.Errorf("%d encoded, %+v", n, c.Stats())
	}
}

// renewals waits until the lock of a key was renewed so often, each time for as long
// as it lasts.
func renewals(t *testing.T, s *server, key string, times int) {
	t.Helper()
	renewed, left := 0, time.Duration(0)
	eventually.True(t, fmt.Sprintf("the lock is renewed %d times", times), func() bool {
		now, err := s.client.PTTL(t.Context(), "videoqa:computing:"+key).Result()
		if err != nil || now <= 0 {
			t.Fatalf("the lock is gone: %v left, %v", now, err)
		}
		if now > left && left > 0 {
			renewed++
		}
		left = now
		return renewed == times
	})
}

// Encoding that takes longer than a lock lasts is waited for all the same.
func TestASlowProcessKeepsItsLock(t *testing.T) {
	s := start(t)
	var encoded atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		store, err := redis.New(redis.Config{URL: "unix://" + s.socket + "?db=0", Lock: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		c := cacheOn(store)
		group.Go(func() {
			_, _, err := c.Fill(t.Context(), []string{"slow"}, func(context.Context, []int) ([][]float32, error) {
				encoded.Add(1)
				renewals(t, s, "slow", 8)
				return [][]float32{vectorOf("slow")}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := encoded.Load(); n != 1 {
		t.Errorf("encoded %d times", n)
	}
}

func TestAForeignLockIsNotTakenAway(t *testing.T) {
	s := start(t)
	store := s.store()
	_, unlock, err := store.Lock(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	s.client.Set(t.Context(), "videoqa:computing:a", "another's", 0) // ours had run out
	unlock()
	if who, err := s.client.Get(t.Context(), "videoqa:computing:a").Result(); err != nil || who != "another's" {
		t.Errorf("the lock is %q, %v", who, err)
	}
}

func TestRedisDownCostsTimeAndNeverAnAnswer(t *testing.T) {
	s := start(t)
	store := s.store()
	c := cacheOn(store)
	fill(t, c, "a")
	s.stop()
	for range 5 {
		if n := fill(t, c, "a"); n != 1 {
			t.Errorf("%d encoded while Redis is down", n)
		}
	}
	if store.State() != "open" {
		t.Errorf("the breaker is %s after %+v", store.State(), c.Stats())
	}
	failed := c.Stats().Failed
	if _, err := store.Get(t.Context(), []string{"a"}); !errors.Is(err, fault.Unavailable) || failed == 0 {
		t.Errorf("Get: %v, %+v", err, c.Stats())
	}
}

// A proxy that swallows what it gets: the server is there, and never answers.
func TestRedisThatHangsCostsItsTimeOutAFewTimes(t *testing.T) {
	program(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var asked atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			t.Cleanup(func() { conn.Close() })
		}
	}()
	store := connect(t, "redis://"+l.Addr().String())
	c := cacheOn(store)
	for range 40 {
		if n := fill(t, c, "a"); n != 1 {
			t.Errorf("%d encoded", n)
		}
	}
	if n := asked.Load(); store.State() != "open" || n > 8 {
		t.Errorf("%d connections, the breaker is %s", n, store.State())
	}
}

func TestRedisThatIsFullKeepsAnswering(t *testing.T) {
	s := start(t, "--maxmemory", "2mb", "--maxmemory-policy", "noeviction")
	store := s.store()
	c := cacheOn(store)
	for i := range 60 {
		fill(t, c, fmt.Sprint("frame ", i))
	}
	if c.Stats().Failed == 0 || store.State() != "closed" {
		t.Errorf("%+v, the breaker is %s: a full server is not down", c.Stats(), store.State())
	}
	if n := fill(t, c, "frame 0"); n != 0 {
		t.Error("what fitted in is not read any more")
	}
}

func TestRedisThatIsEmptiedIsFilledAgain(t *testing.T) {
	s := start(t)
	c := cacheOn(s.store())
	fill(t, c, "a", "bb")
	if err := s.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if n := fill(t, c, "a", "bb"); n != 2 {
		t.Errorf("%d encoded; want both again", n)
	}
	s.stop()
	s.run() // and it is another, empty server
	fill(t, c, "a")
	fill(t, c, "a")
	if n := fill(t, c, "a"); n != 0 {
		t.Errorf("%d encoded after the restart", n)
	}
}

func TestRedisThatLiesIsFoundOut(t *testing.T) {
	s := start(t)
	for name, lie := range map[string]func(ctx context.Context, mine, foreign string) string{
		"truncated":   func(_ context.Context, mine, _ string) string { return mine[:len(mine)/2] },
		"a bit":       func(_ context.Context, mine, _ string) string { return mine[:100] + string(mine[100]^4) + mine[101:] },
		"swapped":     func(_ context.Context, _, foreign string) string { return foreign },
		"empty":       func(context.Context, string, string) string { return "" },
		"other words": func(context.Context, string, string) string { return strings.Repeat("VQF1", 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			c, key := cacheOn(s.store()), rand.Text()
			fill(t, c, key, "foreign")
			mine := s.client.Get(t.Context(), "videoqa:feature:"+key).Val()
			foreign := s.client.Get(t.Context(), "videoqa:feature:foreign").Val()
			if err := s.client.Set(t.Context(), "videoqa:feature:"+key, lie(t.Context(), mine, foreign), 0).Err(); err != nil {
				t.Fatal(err)
			}
			if n := fill(t, c, key); n != 1 || c.Stats().Refused == 0 {
				t.Errorf("%d encoded, %+v", n, c.Stats())
			}
			if n := fill(t, c, key); n != 0 {
				t.Error("the lie was not overwritten")
			}
		})
	}
}

func TestAUserOfAnACLNeedsNoMoreThanIsSaid(t *testing.T) {
	s := start(t)
	rules := []any{"ACL", "SETUSER", "videoqa", "on", ">secret", "~videoqa:*", "+get", "+set", "+eval", "+evalsha", "+script|load", "+ping", "+hello", "+client", "+del", "+sadd", "+srem", "+smembers", "+pexpire", "+unlink"}
	if err := s.client.Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Do(t.Context(), "ACL", "SETUSER", "default", "off").Err(); err != nil {
		t.Fatal(err)
	}
	c := cacheOn(connect(t, "unix://videoqa:secret@"+s.socket+"?db=0"))
	fill(t, c, "a")
	c.Note(t.Context(), "clip", []string{"a"})
	if n := fill(t, c, "a"); n != 0 || c.Stats().Failed != 0 {
		t.Errorf("%d encoded, %+v", n, c.Stats())
	}
	if err := c.Forget(t.Context(), "clip"); err != nil {
		t.Error(err)
	}
	if n := fill(t, c, "a"); n != 1 || c.Stats().Failed != 0 {
		t.Errorf("after its owner was forgotten %d encoded, %+v", n, c.Stats())
	}
}

func TestWhatIsNotedOutlivesTheValues(t *testing.T) {
	s := start(t)
	c := cacheOn(s.store())
	fill(t, c, "a")
	c.Note(t.Context(), "clip", []string{"a"})
	value, owner := s.client.TTL(t.Context(), "videoqa:feature:a").Val(), s.client.TTL(t.Context(), "videoqa:owner:clip").Val()
	if value <= 0 || owner < value {
		t.Errorf("the value lives %v, the note that it is the clip's %v", value, owner)
	}
	if err := c.Forget(t.Context(), "clip"); err != nil {
		t.Error(err)
	}
	if keys := s.client.Keys(t.Context(), "*").Val(); len(keys) != 0 {
		t.Errorf("left are %v", keys)
	}
}

// certify writes a key and a certificate for 127.0.0.1 that vouches for itself.
func certify(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestRedisOverTLSIsBelievedOnlyIfItsCertificateIs(t *testing.T) {
	cert, key := certify(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	url := "rediss://127.0.0.1:" + port
	store, err := redis.New(redis.Config{URL: url, CAFile: cert})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := cacheOn(store)
	fill(t, c, "a")
	if n := fill(t, c, "a"); n != 0 || c.Stats().Failed != 0 {
		t.Errorf("%d encoded, %+v", n, c.Stats())
	}
	if _, err := connect(t, url).Get(t.Context(), []string{"a"}); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	if _, err := redis.New(redis.Config{URL: "redis://127.0.0.1", CAFile: cert}); !errors.Is(err, fault.BadRequest) {
		t.Errorf("a CA file without TLS: %v", err)
	}
}

func TestAURLThatCannotBeReadIsRefusedWithoutItsPassword(t *testing.T) {
	for _, url := range []string{"http://me:hunter2@cache", "redis://me:hunter2@cache:port", "hunter2"} {
		if _, err := redis.New(redis.Config{URL: url}); !errors.Is(err, fault.BadRequest) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	store := start(b).store()
	keys, values := make([]string, 6), make([][]byte, 6)
	for i := range keys {
		keys[i], values[i] = fmt.Sprint("frame-", i), make([]byte, 197*768*4)
	}
	if err := store.Set(b.Context(), keys, values); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(6 * 197 * 768 * 4)
	for b.Loop() {
		if got, err := store.Get(b.Context(), keys); err != nil || len(got[5]) != len(values[5]) {
			b.Fatal(err)
		}
	}
}
