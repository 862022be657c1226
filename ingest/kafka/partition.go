package kafka

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	kgo "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"videoqa/ingest"
	"videoqa/internal/sleep"
)

const (
	fetchWait  = 500 * time.Millisecond // a fetch of nothing returns after this
	fetchBytes = 1 << 20
	fetchSlack = 10 * time.Second // beyond fetchWait, before the broker counts as gone
	pauseFirst = 100 * time.Millisecond
	pauseMost  = 2 * time.Second
)

// A partitionConsumer reads one partition during one generation: fetch fills its queue, hand
// empties it.
type partitionConsumer struct {
	m         *consumer
	topic     string
	partition int
	next      int64 // offset to fetch; kgo.FirstOffset: the earliest
	revoked   chan struct{}

	from atomic.Int64 // where this generation began; negative: not known yet
	high atomic.Int64 // the partition's end at the last fetch; likewise

	fetched atomic.Int64 // when that was, in milliseconds

	tracker tracker
	window  *window
	queue   chan *ingest.Delivery
}

func (m *consumer) newPartition(topic string, partition int, offset int64, revoked chan struct{}) *partitionConsumer {
	p := &partitionConsumer{
		m: m, topic: topic, partition: partition, next: offset, revoked: revoked,
		window: newWindow(m.cfg.ReadAhead, m.cfg.ReadAheadBytes),
		queue:  make(chan *ingest.Delivery, m.cfg.ReadAhead), // never full: the window is
	}
	p.from.Store(offset)
	p.high.Store(-1)
	return p
}

// hand gives the queue's records to the handler, outside of the generation's
// functions. When the partition is revoked or the consumer stops, what was not
// given yet is dropped.
func (p *partitionConsumer) hand() {
	ctx, cancel := context.WithCancel(p.m.hard)
	defer cancel()
	go func() {
		select {
		case <-p.revoked:
			cancel()
		case <-ctx.Done():
		}
	}()
	for d := range p.queue {
		select {
		case <-p.m.stop:
			d.Drop()
		case <-p.revoked:
			d.Drop()
		default:
			p.m.handle(ctx, d)
		}
	}
}

// fetch fills the queue until the generation ends. It must not return before:
// the generation ends with the first function that does.
func (p *partitionConsumer) fetch(ctx context.Context) {
	defer close(p.queue)
	pause := pauseFirst
	for ctx.Err() == nil {
		select {
		case <-p.m.stop:
			<-ctx.Done()
			return
		default:
		}
		err := p.fetchOnce(ctx)
		if err == nil {
			pause = pauseFirst
			continue
		}
		if ctx.Err() != nil {
			return
		}
		p.m.cfg.Log.Warn("cannot fetch, still trying", "topic", p.topic, "partition", p.partition, "error", err)
		sleep.For(ctx, pause)
		pause = min(2*pause, pauseMost)
	}
}

func (p *partitionConsumer) fetchOnce(ctx context.Context) error {
	if p.next < 0 {
		if err := p.seek(ctx); err != nil {
			return err
		}
	}
	got, err := p.request(ctx)
	if err != nil {
		return err
	}
	switch kind := kgo.Error(got.ErrorCode); {
	case kind == kgo.OffsetOutOfRange:
		return p.outOfRange(ctx)
	case kind != 0:
		return fmt.Errorf("kafka: fetch: %w", kind)
	}
	p.fetched.Store(time.Now().UnixMilli())
	p.high.Store(got.HighWatermark)
	return p.take(ctx, got)
}

func (p *partitionConsumer) record(r *kgo.Record) (ingest.Record, error) {
	key, err := protocol.ReadAll(r.Key)
	if err != nil {
		return ingest.Record{}, fmt.Errorf("kafka: read key at offset %d: %w", r.Offset, err)
	}
	value, err := protocol.ReadAll(r.Value)
	if err != nil {
		return ingest.Record{}, fmt.Errorf("kafka: read value at offset %d: %w", r.Offset, err)
	}
	record := ingest.Record{
		Origin: ingest.Origin{Topic: p.topic, Partition: p.partition, Offset: r.Offset},
		Key:    key, Value: value, Time: r.Time,
	}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, ingest.Header{Key: h.Key, Value: h.Value})
	}
	return record, nil
}

// enqueue takes r in hand once there is room; false: the generation ended, or
// the consumer stops.
func (p *partitionConsumer) enqueue(ctx context.Context, r ingest.Record) bool {
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if !p.window.take(ctx, p.m.stop, size) {
		return false
	}
	if !p.m.unfinished.begin() {
		p.window.put(size)
		return false
	}
	entry := p.tracker.start(r.Offset)
	p.queue <- ingest.NewDelivery(r, p.revoked, func(done bool) {
		if done {
			p.tracker.finish(entry)
		}
		p.window.put(size)
		p.m.unfinished.finish()
	})
	return true
}

// seek finds the earliest offset.
func (p *partitionConsumer) seek(ctx context.Context) error {
	first, _, err := p.bounds(ctx)
	if err == nil {
		p.next = first
		p.from.Store(first)
	}
	return err
}

// outOfRange continues at the earliest record and says exactly what is missing.
func (p *partitionConsumer) outOfRange(ctx context.Context) error {
	first, last, err := p.bounds(ctx)
	if err != nil {
		return err
	}
	lost := max(0, first-p.next)
	p.m.gaps.count.Add(1)
	p.m.gaps.records.Add(lost)
	p.m.cfg.Log.Error("records are gone, continuing at the earliest", "topic", p.topic, "partition", p.partition,
		"wanted", p.next, "earliest", first, "latest", last, "lost", lost)
	p.next = first
	p.from.Store(first)
	return nil
}

func (p *partitionConsumer) bounds(ctx context.Context) (first, last int64, err error) {
	got, err := p.m.client.ListOffsets(ctx, &kgo.ListOffsetsRequest{Topics: map[string][]kgo.OffsetRequest{
		p.topic: {kgo.FirstOffsetOf(p.partition), kgo.LastOffsetOf(p.partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("kafka: list offsets: %w", err)
	}
	for _, offsets := range got.Topics[p.topic] {
		if offsets.Partition == p.partition {
			if offsets.Error != nil {
				return 0, 0, fmt.Errorf("kafka: list offsets: %w", offsets.Error)
			}
			return offsets.FirstOffset, offsets.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("kafka: list offsets: %s/%d is not in the answer", p.topic, p.partition)
}
