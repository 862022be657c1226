package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/internal/fault"
)

const (
	pingTime = 1500 * time.Millisecond // a broker that takes longer counts as gone
	pingKept = 3 * time.Second         // what was found holds so long, however many ask
)

// pinged is what the last ping found.
type pinged struct {
	mu  sync.Mutex // held while one asks, so that the others take over what it finds
	at  time.Time
	err error
}

// Ping asks whether a broker of the cluster answers, at most every 3 s and for 1.5 s;
// in between it returns what was found last. It asks which requests the broker
// takes: what this client knows of topics and leaders is a copy that outlives the
// brokers. An error is [fault.Unavailable].
func (c *Client) Ping(ctx context.Context) error {
	p := &c.pinged
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < pingKept {
		return p.err
	}
	// Not ctx's own end: what is found is kept for others.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
	defer cancel()
	err := c.askVersions(limited)
	if err != nil && limited.Err() == nil {
		err = c.askVersions(limited) // the connection that was kept may have been to a broker that went, and others are there
	}
	if err != nil {
		err = fmt.Errorf("kafka: no broker answers: %w: %w", err, fault.Unavailable)
	}
	p.at, p.err = time.Now(), err
	return err
}

func (c *Client) askVersions(ctx context.Context) error {
	got, err := c.client.ApiVersions(ctx, &kgo.ApiVersionsRequest{})
	if err != nil {
		return err
	}
	return got.Error
}

// Cluster returns the name that the cluster has given itself; "": it has none. An
// error is [fault.Unavailable].
func (c *Client) Cluster(ctx context.Context) (string, error) {
	got, err := c.client.Metadata(ctx, &kgo.MetadataRequest{})
	if err != nil {
		return "", fmt.Errorf("kafka: ask for the cluster's name: %w: %w", err, fault.Unavailable)
	}
	return got.ClusterID, nil
}
