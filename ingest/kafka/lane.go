package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	kgo "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"videoqa/ingest"
)

const (
	fetchWait  = 500 * time.Millisecond // a fetch of nothing returns after this
	fetchBytes = 1 << 20
	fetchSlack = 10 * time.Second // beyond fetchWait, before the broker counts as gone
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 2 * time.Second
)

// A lane is one partition during one generation: fetch fills its queue, hand
// empties it.
type lane struct {
	m         *consumer
	topic     string
	partition int
	next      int64 // offset to fetch; kgo.FirstOffset: the earliest
	revoked   chan struct{}

	from atomic.Int64 // where this generation began; negative: not known yet
	high atomic.Int64 // the partition's end at the last fetch; likewise

	tracker tracker
	slots   chan struct{} // one per record in hand
	queue   chan *ingest.Delivery
}

func (m *consumer) newLane(topic string, partition int, offset int64, revoked chan struct{}) *lane {
	l := &lane{
		m: m, topic: topic, partition: partition, next: offset, revoked: revoked,
		slots: make(chan struct{}, m.cfg.InHand),
		queue: make(chan *ingest.Delivery, m.cfg.InHand),
	}
	l.from.Store(offset)
	l.high.Store(-1)
	return l
}

// hand gives the queue's records to the handler, outside of the generation's
// functions. When the partition is revoked or the consumer stops, what was not
// given yet is dropped.
func (l *lane) hand() {
	ctx, cancel := context.WithCancel(l.m.hard)
	defer cancel()
	go func() {
		select {
		case <-l.revoked:
			cancel()
		case <-ctx.Done():
		}
	}()
	for d := range l.queue {
		select {
		case <-l.m.stop:
			d.Drop()
		case <-l.revoked:
			d.Drop()
		default:
			l.m.handle(ctx, d)
		}
	}
}

// fetch fills the queue until the generation ends. It must not return before:
// the generation ends with the first function that does.
func (l *lane) fetch(ctx context.Context) {
	defer close(l.queue)
	pause := pauseFirst
	for ctx.Err() == nil {
		select {
		case <-l.m.stop:
			<-ctx.Done()
			return
		default:
		}
		err := l.fetchOnce(ctx)
		if err == nil {
			pause = pauseFirst
			continue
		}
		if ctx.Err() != nil {
			return
		}
		l.m.cfg.Log.Warn("cannot fetch, still trying", "topic", l.topic, "partition", l.partition, "error", err)
		wait(ctx, pause)
		pause = min(2*pause, pauseMost)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (l *lane) fetchOnce(ctx context.Context) error {
	if l.next < 0 {
		if err := l.seek(ctx); err != nil {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, fetchWait+fetchSlack)
	defer cancel()
	got, err := l.m.client.Fetch(limited, &kgo.FetchRequest{
		Topic: l.topic, Partition: l.partition, Offset: l.next, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait,
	})
	if err != nil {
		return fmt.Errorf("kafka: fetch: %w", err)
	}
	if errors.Is(got.Error, kgo.OffsetOutOfRange) {
		return l.outOfRange(ctx)
	}
	if got.Error != nil {
		return fmt.Errorf("kafka: fetch: %w", got.Error)
	}
	l.high.Store(got.HighWatermark)
	return l.take(ctx, got.Records)
}

// take queues the records that were not seen yet. A broker may send a batch from
// its start, before the offset that was asked for.
func (l *lane) take(ctx context.Context, records kgo.RecordReader) error {
	for {
		r, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			l.skipMarkers(records)
			return nil
		}
		if err != nil {
			return fmt.Errorf("kafka: read record: %w", err)
		}
		record, err := l.record(r)
		if err != nil {
			return err
		}
		if record.Offset < l.next {
			continue
		}
		if !l.enqueue(ctx, record) {
			return nil
		}
		l.next = record.Offset + 1
	}
}

// skipMarkers steps over the markers of transactions, which are no records: a
// fetch that ends in one would return at once, for ever.
func (l *lane) skipMarkers(records kgo.RecordReader) {
	stream, ok := records.(*protocol.RecordStream)
	if !ok {
		return
	}
	for _, batch := range stream.Records {
		if marker, ok := batch.(*protocol.ControlBatch); ok && marker.BaseOffset >= l.next {
			l.next = marker.BaseOffset + 1
		}
	}
}

func (l *lane) record(r *kgo.Record) (ingest.Record, error) {
	key, err := protocol.ReadAll(r.Key)
	if err != nil {
		return ingest.Record{}, fmt.Errorf("kafka: read key at offset %d: %w", r.Offset, err)
	}
	value, err := protocol.ReadAll(r.Value)
	if err != nil {
		return ingest.Record{}, fmt.Errorf("kafka: read value at offset %d: %w", r.Offset, err)
	}
	record := ingest.Record{
		Origin: ingest.Origin{Topic: l.topic, Partition: l.partition, Offset: r.Offset},
		Key:    key, Value: value, Time: r.Time,
	}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, ingest.Header{Key: h.Key, Value: h.Value})
	}
	return record, nil
}

// enqueue takes r in hand once there is room; false: the generation ended, or
// the consumer stops.
func (l *lane) enqueue(ctx context.Context, r ingest.Record) bool {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	case <-l.m.stop:
		return false
	}
	entry := l.tracker.start(r.Offset)
	l.m.inHand.Add(1)
	l.queue <- ingest.NewDelivery(r, l.revoked, func(done bool) {
		if done {
			l.tracker.finish(entry)
		}
		<-l.slots
		l.m.inHand.Done()
	})
	return true
}

// seek finds the earliest offset.
func (l *lane) seek(ctx context.Context) error {
	first, _, err := l.bounds(ctx)
	if err == nil {
		l.next = first
		l.from.Store(first)
	}
	return err
}

// outOfRange continues at the earliest record and says exactly what is missing.
func (l *lane) outOfRange(ctx context.Context) error {
	first, last, err := l.bounds(ctx)
	if err != nil {
		return err
	}
	l.m.cfg.Log.Error("records are gone, continuing at the earliest", "topic", l.topic, "partition", l.partition,
		"wanted", l.next, "earliest", first, "latest", last, "lost", max(0, first-l.next))
	l.next = first
	l.from.Store(first)
	return nil
}

func (l *lane) bounds(ctx context.Context) (first, last int64, err error) {
	got, err := l.m.client.ListOffsets(ctx, &kgo.ListOffsetsRequest{Topics: map[string][]kgo.OffsetRequest{
		l.topic: {kgo.FirstOffsetOf(l.partition), kgo.LastOffsetOf(l.partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("kafka: list offsets: %w", err)
	}
	for _, p := range got.Topics[l.topic] {
		if p.Partition == l.partition {
			if p.Error != nil {
				return 0, 0, fmt.Errorf("kafka: list offsets: %w", p.Error)
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("kafka: list offsets: %s/%d is not in the answer", l.topic, l.partition)
}
