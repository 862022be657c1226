package kafka

import (
	"context"
	"fmt"
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

	fetched atomic.Int64 // when that was, in milliseconds

	tracker tracker
	window  *window
	queue   chan *ingest.Delivery
}

func (m *consumer) newLane(topic string, partition int, offset int64, revoked chan struct{}) *lane {
	l := &lane{
		m: m, topic: topic, partition: partition, next: offset, revoked: revoked,
		window: newWindow(m.cfg.ReadAhead, m.cfg.ReadAheadBytes),
		queue:  make(chan *ingest.Delivery, m.cfg.ReadAhead), // never full: the window is
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
	got, err := l.request(ctx)
	if err != nil {
		return err
	}
	switch kind := kgo.Error(got.ErrorCode); {
	case kind == kgo.OffsetOutOfRange:
		return l.outOfRange(ctx)
	case kind != 0:
		return fmt.Errorf("kafka: fetch: %w", kind)
	}
	l.fetched.Store(time.Now().UnixMilli())
	l.high.Store(got.HighWatermark)
	return l.take(ctx, got)
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
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	if !l.window.take(ctx, l.m.stop, size) {
		return false
	}
	if !l.m.unfinished.begin() {
		l.window.put(size)
		return false
	}
	entry := l.tracker.start(r.Offset)
	l.queue <- ingest.NewDelivery(r, l.revoked, func(done bool) {
		if done {
			l.tracker.finish(entry)
		}
		l.window.put(size)
		l.m.unfinished.finish()
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
	lost := max(0, first-l.next)
	l.m.gaps.count.Add(1)
	l.m.gaps.records.Add(lost)
	l.m.cfg.Log.Error("records are gone, continuing at the earliest", "topic", l.topic, "partition", l.partition,
		"wanted", l.next, "earliest", first, "latest", last, "lost", lost)
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
