package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	kgo "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	fetchapi "github.com/segmentio/kafka-go/protocol/fetch"
)

const readCommitted = 1 // isolation level of a fetch

// request fetches what follows p.next, up to the last stable offset. It goes past
// kafka.Client.Fetch, which does not tell the aborted transactions.
func (p *partitionConsumer) request(ctx context.Context) (*fetchapi.ResponsePartition, error) {
	limited, cancel := context.WithTimeout(ctx, fetchWait+fetchSlack)
	defer cancel()
	got, err := p.m.transport.RoundTrip(limited, p.m.client.Addr, &fetchapi.Request{
		ReplicaID: -1, MaxWaitTime: int32(fetchWait.Milliseconds()), MinBytes: 1, MaxBytes: fetchBytes,
		IsolationLevel: readCommitted, SessionID: -1, SessionEpoch: -1,
		Topics: []fetchapi.RequestTopic{{Topic: p.topic, Partitions: []fetchapi.RequestPartition{{
			Partition: int32(p.partition), CurrentLeaderEpoch: -1, FetchOffset: p.next, LogStartOffset: -1, PartitionMaxBytes: fetchBytes,
		}}}},
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: fetch: %w", err)
	}
	response := got.(*fetchapi.Response)
	switch {
	case response.ErrorCode != 0:
		return nil, fmt.Errorf("kafka: fetch: %w", kgo.Error(response.ErrorCode))
	case len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1:
		return nil, fmt.Errorf("kafka: fetch: %s/%d is not in the answer", p.topic, p.partition)
	}
	return &response.Topics[0].Partitions[0], nil
}

// take queues the records that were not seen yet, and passes what is none: the
// markers of transactions, and what was aborted. A broker may send a batch from its
// start, before the offset that was asked for.
func (p *partitionConsumer) take(ctx context.Context, got *fetchapi.ResponsePartition) error {
	stream, ok := got.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return nil // nothing
	}
	aborted := newAborted(got.AbortedTransactions)
	for _, batch := range stream.Records {
		switch batch := batch.(type) {
		case *protocol.ControlBatch:
			aborted.end(batch)
			p.pass(batch.BaseOffset)
			continue
		case *protocol.RecordBatch:
			if aborted.holds(batch) {
				if err := p.passBatch(batch); err != nil {
					return err
				}
				continue
			}
		}
		if more, err := p.takeBatch(ctx, batch); err != nil || !more {
			return err
		}
	}
	return nil
}

// takeBatch returns false if the generation ended, or the consumer stops.
func (p *partitionConsumer) takeBatch(ctx context.Context, batch kgo.RecordReader) (more bool, err error) {
	for {
		r, err := batch.ReadRecord()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, fmt.Errorf("kafka: read record: %w", err)
		}
		record, err := p.record(r)
		if err != nil {
			return false, err
		}
		if record.Offset < p.next {
			continue
		}
		if !p.enqueue(ctx, record) {
			return false, nil
		}
		p.next = record.Offset + 1
	}
}

// passBatch steps over the records of an aborted batch.
func (p *partitionConsumer) passBatch(batch kgo.RecordReader) error {
	for {
		r, err := batch.ReadRecord()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("kafka: read record: %w", err)
		}
		p.pass(r.Offset)
	}
}

// pass steps over the record at offset, which nobody needs.
func (p *partitionConsumer) pass(offset int64) {
	if offset >= p.next {
		p.tracker.pass(offset)
		p.next = offset + 1
	}
}

// aborted knows, while batches are read in their order, which producers' present
// transaction was aborted.
type aborted struct {
	ahead []fetchapi.ResponseTransaction // by first offset
	now   map[int64]bool                 // by producer
}

func newAborted(all []fetchapi.ResponseTransaction) *aborted {
	ahead := slices.SortedFunc(slices.Values(all), func(a, b fetchapi.ResponseTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &aborted{ahead, map[int64]bool{}}
}

func (a *aborted) reach(offset int64) {
	for len(a.ahead) > 0 && a.ahead[0].FirstOffset <= offset {
		a.now[a.ahead[0].ProducerID] = true
		a.ahead = a.ahead[1:]
	}
}

// holds reports whether the transaction that b is part of was aborted.
func (a *aborted) holds(b *protocol.RecordBatch) bool {
	a.reach(b.BaseOffset)
	return b.Attributes.Transactional() && a.now[b.ProducerID]
}

// end notes that the transaction that b is the marker of is over.
func (a *aborted) end(b *protocol.ControlBatch) {
	a.reach(b.BaseOffset)
	delete(a.now, b.ProducerID)
}
