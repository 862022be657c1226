package kafka

import (
	"context"
	"errors"

	kgo "github.com/segmentio/kafka-go"
)

// Passed counts the records that topics still have and the group has committed. known
// is false if this client may not know. An error is [fault.Unavailable].
func (c *Client) Passed(ctx context.Context, topics ...string) (records int64, known bool, err error) {
	positions, err := c.Positions(ctx, topics...)
	if errors.Is(err, kgo.GroupAuthorizationFailed) || errors.Is(err, kgo.TopicAuthorizationFailed) {
		return 0, false, nil
	}
	for _, at := range positions {
		records += max(0, min(at.Committed, at.End)-at.First)
	}
	return records, err == nil, err
}
