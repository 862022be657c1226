package kafka

import (
	"context"
	"fmt"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/internal/fault"
)

// Members returns how many members the consumer group has now. One that was killed is
// counted until its session is over. An error is [fault.Unavailable].
func (c *Client) Members(ctx context.Context) (n int, err error) {
	r, err := c.client.DescribeGroups(ctx, &kgo.DescribeGroupsRequest{GroupIDs: []string{c.cfg.Group}})
	if err == nil && len(r.Groups) == 1 {
		n, err = len(r.Groups[0].Members), r.Groups[0].Error
	}
	if err != nil {
		return 0, fmt.Errorf("kafka: describe group %s: %w: %w", c.cfg.Group, err, fault.Unavailable)
	}
	return n, nil
}
