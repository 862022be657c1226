package kafka

import (
	"context"
	"errors"
	"fmt"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/internal/fault"
)

// A Position is how far the group has come in one partition.
type Position struct {
	Topic     string
	Partition int
	Committed int64 // the next offset to read; negative: nothing was committed
	First     int64 // the earliest offset that the partition still has
	End       int64 // the offset after its last record
}

// Positions returns how far the group has come in every partition of topics, whether
// or not this client has joined it. It returns [fault.Unavailable] if a broker does not
// answer or a topic is not there.
func (c *Client) Positions(ctx context.Context, topics ...string) ([]Position, error) {
	positions, err := c.positions(ctx, topics)
	if err != nil {
		return nil, fmt.Errorf("kafka: read the offsets of group %s: %w: %w", c.cfg.Group, err, fault.Unavailable)
	}
	return positions, nil
}

func (c *Client) positions(ctx context.Context, topics []string) (all []Position, err error) {
	described, err := c.client.Metadata(ctx, &kgo.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, err
	}
	wanted, asked := map[string][]int{}, map[string][]kgo.OffsetRequest{}
	for _, t := range described.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			wanted[t.Name] = append(wanted[t.Name], p.ID)
			asked[t.Name] = append(asked[t.Name], kgo.FirstOffsetOf(p.ID), kgo.LastOffsetOf(p.ID))
		}
	}
	bounds, err := c.client.ListOffsets(ctx, &kgo.ListOffsetsRequest{Topics: asked})
	if err != nil {
		return nil, err
	}
	committed, err := c.client.OffsetFetch(ctx, &kgo.OffsetFetchRequest{GroupID: c.cfg.Group, Topics: wanted})
	if err == nil && !errors.Is(committed.Error, kgo.GroupIdNotFound) { // that has committed nothing yet
		err = committed.Error
	}
	if err != nil {
		return nil, err
	}
	for topic, partitions := range bounds.Topics {
		for _, b := range partitions {
			p := Position{Topic: topic, Partition: b.Partition, Committed: -1, First: b.FirstOffset, End: b.LastOffset}
			for _, o := range committed.Topics[topic] {
				if err := o.Error; err != nil {
					return nil, fmt.Errorf("topic %s, partition %d: %w", topic, o.Partition, err)
				}
				if o.Partition == b.Partition {
					p.Committed = o.CommittedOffset
				}
			}
			if b.Error != nil {
				return nil, fmt.Errorf("topic %s, partition %d: %w", topic, b.Partition, b.Error)
			}
			all = append(all, p)
		}
	}
	return all, nil
}
