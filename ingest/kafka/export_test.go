package kafka

import (
	"context"
	"time"

	kgo "github.com/segmentio/kafka-go"
)

// CreateCompacted creates a topic as Ensure never would.
func CreateCompacted(ctx context.Context, c *Client, name string) error {
	got, err := c.client.CreateTopics(ctx, &kgo.CreateTopicsRequest{Topics: []kgo.TopicConfig{{
		Topic: name, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kgo.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}},
	}}})
	if err != nil {
		return err
	}
	return got.Errors[name]
}

// ForgetPing has the next Ping ask a broker.
func ForgetPing(c *Client) {
	c.pinged.mu.Lock()
	defer c.pinged.mu.Unlock()
	c.pinged.at = time.Time{}
}
