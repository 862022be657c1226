// Package broker is a Kafka-protocol broker in the process, so that one machine
// needs nothing else to run the stream.
//
//	b, err := broker.Open(broker.Config{Dir: filepath.Join(data, "broker"), Listen: "127.0.0.1:9092"})
//	defer b.Close()
//	… any Kafka client on b.Addr() …
//
// An acknowledged record and a committed offset are on the disk: a restart, and
// kill -9, lose nothing. It has one node and no authentication, so it listens on
// loopback only. One process may have a folder open; the caller holds the lock.
package broker

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where a broker keeps its topics and listens. The zero value keeps
// them in memory and takes a free port.
type Config struct {
	Dir    string       // "": in memory
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
	cluster *kfake.Cluster
	addr    string
}

// Open starts a broker on what Dir holds. It returns an error if Listen is taken
// or Dir cannot be read.
func Open(c Config) (*Broker, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, c.Listen) }),
	}
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("broker: open: %w", err)
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
	return &Broker{cluster, cluster.ListenAddrs()[0]}, nil
}

// Addr is the host:port to give to clients.
func (b *Broker) Addr() string { return b.addr }

// Close ends every connection and writes what a quick start wants. It may repeat.
func (b *Broker) Close() { b.cluster.Close() }

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
