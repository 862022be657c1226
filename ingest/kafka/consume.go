package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/ingest"
)

const (
	commitEvery  = 200 * time.Millisecond
	lastCommit   = 800 * time.Millisecond // of a generation that has ended
	joinAgain    = 500 * time.Millisecond
	watchEvery   = 10 * time.Second // for partitions that were added
	coordination = 3 * time.Second  // one request to the group's coordinator
)

// A Handler begins work on a record. Records of one partition come one after the
// other, each when the one before has returned; Done may be called much later,
// in any order. ctx ends when the record's partition is taken away, or the grace
// time is over.
type Handler = func(ctx context.Context, d *ingest.Delivery)

// A consumer is one membership of the group, through all its generations.
type consumer struct {
	*Client
	handle Handler
	stop   <-chan struct{} // closed: begin work on nothing more
	hard   context.Context // ends with the grace time; parent of what handlers get

	unfinished unfinished     // deliveries not finished
	handlers   sync.WaitGroup // goroutines that call handle
}

// Consume joins the group and hands every record of topics to handle until ctx
// ends. Then it takes no more records, gives those in progress [Config.Grace] to be
// finished, commits, leaves the group and returns nil. Brokers that cannot be
// reached are tried again and again. The topics must exist: see [Client.Ensure].
func (c *Client) Consume(ctx context.Context, topics []string, handle Handler) error {
	group, err := kgo.NewConsumerGroup(kgo.ConsumerGroupConfig{
		ID: c.cfg.Group, Brokers: c.cfg.Brokers, Dialer: c.dialer, Topics: topics,
		SessionTimeout: c.cfg.Session, HeartbeatInterval: c.cfg.Heartbeat, RebalanceTimeout: c.cfg.Session,
		JoinGroupBackoff: joinAgain, Timeout: coordination,
		WatchPartitionChanges: true, PartitionWatchInterval: watchEvery,
		StartOffset: kgo.FirstOffset,
		ErrorLogger: slog.NewLogLogger(c.cfg.Log.Handler(), slog.LevelDebug),
	})
	if err != nil {
		return fmt.Errorf("kafka: consume %v: %w", topics, err)
	}
	hard, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	m := &consumer{Client: c, handle: handle, stop: ctx.Done(), hard: hard}
	m.run(ctx, group)
	m.drain()
	end() // handlers still at work are told, and nothing of theirs is committed
	err = group.Close()
	m.handlers.Wait()
	return err
}

// run starts one generation after the other until ctx ends. kafka-go ends a
// generation when one of its functions returns, and asks for the next one only
// when all have.
func (m *consumer) run(ctx context.Context, group *kgo.ConsumerGroup) {
	for failures := 0; ctx.Err() == nil; {
		gen, err := group.Next(ctx)
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrGroupClosed):
			return
		case err != nil:
			// Common while a coordinator starts: the group itself pauses and tries again.
			if failures++; failures%10 == 3 {
				m.cfg.Log.Warn("cannot join the consumer group, still trying", "group", m.cfg.Group, "error", err)
			}
			continue
		}
		failures = 0
		m.begin(gen)
	}
}

// begin starts the functions of a generation: one that fetches for each
// partition, and the only one that commits.
func (m *consumer) begin(gen *kgo.Generation) {
	revoked := make(chan struct{})
	var once sync.Once
	revoke := func() {
		once.Do(func() {
			m.assigned.set(nil)
			close(revoked)
		})
	}
	var consumers []*partitionConsumer
	for topic, partitions := range gen.Assignments {
		for _, p := range partitions {
			consumers = append(consumers, m.newPartition(topic, p.ID, p.Offset, revoked))
		}
	}
	m.cfg.Log.Info("partitions assigned", "group", m.cfg.Group, "generation", gen.ID, "partitions", len(consumers))
	m.assigned.set(consumers)
	for _, p := range consumers {
		m.handlers.Go(p.hand)
		gen.Start(func(ctx context.Context) {
			defer revoke() // before kafka-go can ask for the next generation
			p.fetch(ctx)
		})
	}
	gen.Start(func(ctx context.Context) {
		m.commit(ctx, gen, consumers, revoke)
	})
}

// A committer writes offsets of the group; a generation does.
type committer interface {
	CommitOffsets(offsets map[string]map[int]int64) error
}

// commit is the generation's only committer: two would race each other back. It
// returns within lastCommit of the end of ctx even if the coordinator is silent;
// kafka-go then closes the connection, which ends the call that hangs.
func (m *consumer) commit(ctx context.Context, to committer, consumers []*partitionConsumer, revoke func()) {
	wake, ended := make(chan struct{}), make(chan struct{})
	m.handlers.Go(func() {
		defer close(ended)
		committed := map[*partitionConsumer]int64{}
		for range wake {
			m.commitOnce(to, consumers, committed)
		}
	})
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			select {
			case wake <- struct{}{}:
			default: // the one before has not returned yet
			}
		}
	}
	revoke()
	limit, cancel := context.WithTimeout(context.Background(), lastCommit)
	defer cancel()
	select {
	case wake <- struct{}{}: // for what was finished since
	case <-limit.Done():
	}
	close(wake)
	select {
	case <-ended:
	case <-limit.Done():
	}
}

func (m *consumer) commitOnce(to committer, consumers []*partitionConsumer, committed map[*partitionConsumer]int64) {
	offsets, fresh := map[string]map[int]int64{}, map[*partitionConsumer]int64{}
	for _, p := range consumers {
		next, ok := p.tracker.watermark()
		if before, some := committed[p]; !ok || some && before == next {
			continue
		}
		if offsets[p.topic] == nil {
			offsets[p.topic] = map[int]int64{}
		}
		offsets[p.topic][p.partition], fresh[p] = next, next
	}
	if len(fresh) == 0 {
		return
	}
	if err := to.CommitOffsets(offsets); err != nil {
		m.cfg.Log.Warn("offsets not committed, records may be read again", "error", err)
		return
	}
	for p, next := range fresh {
		committed[p] = next
	}
}

// drain waits until nothing is in progress, at most the grace time, and long enough
// for the committer to have seen it.
func (m *consumer) drain() {
	idle := m.unfinished.end()
	grace := time.NewTimer(m.cfg.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
		m.cfg.Log.Warn("stopped with records in progress, they will be read again", "grace", m.cfg.Grace)
	}
}
