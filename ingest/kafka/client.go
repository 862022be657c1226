// Package kafka reads events from Kafka topics and writes events to them.
//
//	c, err := kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:9092"}, Group: "videoqa"})
//	err = c.Ensure(ctx, topics)                                  // created, described, refused if compacted
//	err = c.Consume(ctx, names, func(ctx context.Context, d *ingest.Delivery) { … ; d.Done() })
//	err = c.Publish(ctx, messages...)                            // returns when all in-sync replicas have them
//
// A record's offset is committed only after its Done, and never past a record
// that is still in progress: work may be finished in any order. The functions of a
// generation only fetch and commit; what handles records runs outside them, so
// that a long answer never delays a rebalance. When a partition is taken away its
// records in progress are told (Delivery.Revoked), and its next owner reads them
// again. There is no pause: fetching stops while too many records are in progress.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/ingest"
	"videoqa/internal/fault"
)

// Config says which brokers to talk to, and as whom. Brokers and Group are
// needed; the rest has a useful zero value.
type Config struct {
	Brokers        []string      // host:port
	Group          string        // consumer group
	ReadAhead      int           // most records of one partition in progress, being worked on or waiting for it; 0: 1000
	ReadAheadBytes int           // likewise their bytes; 0: 4 MiB
	Session        time.Duration // the group gives our partitions away after this silence; 0: 6 s
	Heartbeat      time.Duration // 0: a third of Session
	Grace          time.Duration // what is in progress when Consume is told to stop may take this long; 0: 20 s
	Security       Security      // zero: plain text, and no name
	Log            *slog.Logger  // nil: nothing is logged
}

// Validate returns an error that names the field.
func (c Config) Validate() error {
	switch {
	case len(c.Brokers) == 0:
		return errors.New("kafka: check Brokers: none given")
	case c.Group == "":
		return errors.New("kafka: check Group: it is empty")
	case c.ReadAhead < 0 || c.ReadAheadBytes < 0 || c.Session < 0 || c.Heartbeat < 0 || c.Grace < 0:
		return errors.New("kafka: check ReadAhead, ReadAheadBytes, Session, Heartbeat, Grace: one is negative")
	}
	return c.Security.Validate()
}

func (c Config) withDefaults() Config {
	orDuration(&c.Session, 6*time.Second)
	orDuration(&c.Heartbeat, c.Session/3)
	orDuration(&c.Grace, 20*time.Second)
	if c.ReadAhead == 0 {
		c.ReadAhead = 1000
	}
	if c.ReadAheadBytes == 0 {
		c.ReadAheadBytes = 4 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDuration(d *time.Duration, usual time.Duration) {
	if *d == 0 {
		*d = usual
	}
}

// A Client reads and writes topics. It may be used by many goroutines.
type Client struct {
	cfg       Config
	transport *kgo.Transport
	dialer    *kgo.Dialer // of the group's connections; the same security
	client    *kgo.Client
	writer    *kgo.Writer
	assigned  assigned
	gaps      gaps
	pinged    pinged
}

const (
	clientID    = "videoqa"
	dialTimeout = 3 * time.Second
)

// New returns a client; it connects when it is first used. Files of
// [Config.Security] are read here.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	secured, err := cfg.Security.tlsConfig()
	if err != nil {
		return nil, err
	}
	mechanism, err := cfg.Security.mechanism()
	if err != nil {
		return nil, err
	}
	transport := &kgo.Transport{ClientID: clientID, DialTimeout: dialTimeout, MetadataTTL: 3 * time.Second, TLS: secured, SASL: mechanism}
	address := kgo.TCP(cfg.Brokers...)
	return &Client{
		cfg:       cfg,
		transport: transport,
		dialer:    &kgo.Dialer{ClientID: clientID, Timeout: dialTimeout, DualStack: true, TLS: secured, SASLMechanism: mechanism},
		client:    &kgo.Client{Addr: address, Timeout: 10 * time.Second, Transport: transport},
		writer: &kgo.Writer{
			Addr: address, Transport: transport,
			Balancer:     &kgo.Hash{},
			RequiredAcks: kgo.RequireAll, // the default waits for nobody
			BatchTimeout: 5 * time.Millisecond,
			MaxAttempts:  5, // of a second at most; the caller of Publish decides about more
		},
	}, nil
}

// Close ends the client's connections. Consume must have returned.
func (c *Client) Close() error {
	err := c.writer.Close()
	c.transport.CloseIdleConnections()
	return err
}

// Publish writes messages and returns when all in-sync replicas have all of
// them. Messages of one key keep their order. After an error some may have been
// written: publishing again repeats them. Every error is [fault.Unavailable]; of a
// record that the broker finds too large it is [fault.TooLarge] as well, because it
// stays so until the topic's configuration is changed.
func (c *Client) Publish(ctx context.Context, messages ...ingest.Message) error {
	out := make([]kgo.Message, len(messages))
	for i, m := range messages {
		out[i] = kgo.Message{Topic: m.Topic, Key: m.Key, Value: m.Value}
		for _, h := range m.Headers {
			out[i].Headers = append(out[i].Headers, kgo.Header{Key: h.Key, Value: h.Value})
		}
	}
	err := c.writer.WriteMessages(ctx, out...)
	if tooLarge(err) {
		err = fmt.Errorf("%w: %w", err, fault.TooLarge)
	}
	if err != nil {
		return fmt.Errorf("kafka: publish %d records: %w: %w", len(out), err, fault.Unavailable)
	}
	return nil
}

// tooLarge reports whether the client or the broker found one of the records too large.
func tooLarge(err error) bool {
	var all kgo.WriteErrors
	if errors.As(err, &all) {
		return slices.ContainsFunc(all, tooLarge)
	}
	var one kgo.MessageTooLargeError
	return errors.As(err, &one) || errors.Is(err, kgo.MessageSizeTooLarge)
}
