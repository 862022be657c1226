// Package broker is a Kafka-protocol broker in the process, so that one machine
// needs nothing else to run the stream.
//
//	b, err := broker.Open(broker.Config{Dir: filepath.Join(data, "broker"), Listen: "127.0.0.1:9092"})
//	defer b.Close()
//	… any Kafka client on b.Addr() …
//
// An acknowledged record and a committed offset are on the disk: a restart, and
// kill -9, lose nothing. A folder of which something is missing is refused. The
// broker has one node and no authentication, so it listens on
// loopback only. One process may have a folder open; the caller holds the lock.
package broker

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where a broker keeps its topics and listens. The zero value keeps
// them in memory and takes a free port.
type Config struct {
	Dir    string       // "": in memory
	Store  string       // the store that its questions' outcomes are in, noted in a folder that names none; "": not known
	Group  string       // which must not have read more than there is; "": any may
	Listen string       // host:port, the host a loopback address; "": 127.0.0.1 and a free port
	Log    *slog.Logger // nil: nothing is logged
}

// Validate returns an error that names the field.
func (c Config) Validate() error {
	if c.Listen == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(c.Listen)
	if err != nil {
		return fmt.Errorf("broker: check Listen: %q is not address:port: %w", c.Listen, err)
	}
	if !at.Addr().IsLoopback() {
		return fmt.Errorf("broker: check Listen: %s is not a loopback address, and the embedded broker lets anyone in", at.Addr())
	}
	return nil
}

// A Broker is running until it is closed.
type Broker struct {
	cluster  *kfake.Cluster
	addr     string
	identity Identity
	census   *census // nil: it is in memory
	closed   sync.Once
}

// Open starts a broker on what Dir holds. It returns an error if Listen is taken
// or Dir cannot be read, and [fault.Damaged] if something is missing there.
func Open(c Config) (*Broker, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	b := &Broker{}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, c.Listen) }),
	}
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("broker: open: %w", err)
		}
		if err := checkFolder(c.Dir, c.Group); err != nil {
			return nil, err
		}
		if err := b.identify(c.Dir, c.Store); err != nil {
			return nil, fmt.Errorf("broker: open %s: %w", c.Dir, err)
		}
		options = append(options, kfake.DataDir(c.Dir), kfake.SyncWrites())
	}
	if c.Log != nil {
		options = append(options, kfake.WithLogger(logger{c.Log}))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("broker: open on %s: %w", c.Listen, err)
	}
	b.cluster, b.addr = cluster, cluster.ListenAddrs()[0]
	if c.Dir == "" {
		return b, nil
	}
	b.census = &census{dir: c.Dir, log: c.Log}
	b.census.begin()
	b.identity.Made = true
	if err := writeJSON(filepath.Join(c.Dir, identityFile), b.identity); err != nil {
		b.Close()
		return nil, fmt.Errorf("broker: open %s: %w", c.Dir, err)
	}
	return b, nil
}

// identify reads which broker this is, or names it.
func (b *Broker) identify(dir, store string) error {
	known, err := readJSON(filepath.Join(dir, identityFile), &b.identity)
	if err != nil {
		return err
	}
	if known && (b.identity.Store == store || store == "" || b.identity.Store != "") {
		return nil
	}
	if !known {
		b.identity.Broker = rand.Text()
		_, _, b.identity.Made, err = Look(dir)
	}
	b.identity.Store = store
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, identityFile), b.identity)
}

// Identity says which broker this is. That of a broker in memory is empty.
func (b *Broker) Identity() Identity { return b.identity }

// Addr is the host:port to give to clients.
func (b *Broker) Addr() string { return b.addr }

// Close ends every connection and writes what a quick start wants. It may repeat.
func (b *Broker) Close() {
	b.closed.Do(func() {
		b.cluster.Close()
		if b.census != nil {
			b.census.end()
		}
	})
}

// A logger hands the broker's warnings and errors on.
type logger struct{ log *slog.Logger }

// Logf implements [kfake.Logger].
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("broker: " + fmt.Sprintf(format, args...))
	}
}
