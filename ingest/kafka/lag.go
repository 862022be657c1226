package kafka

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Lag is how many records of a partition are not accounted for yet: in progress,
// or still to be fetched.
type Lag struct {
	Topic     string
	Partition int
	Records   int64
	Position  int64         // offset of the first of them
	Age       time.Duration // of the last fetch that the broker answered
}

// assigned is what the group has given to this client.
type assigned struct {
	mu         sync.Mutex
	partitions []*partitionConsumer
}

func (a *assigned) set(partitions []*partitionConsumer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.partitions = partitions
}

func (a *assigned) get() []*partitionConsumer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.partitions
}

// Assigned returns how many partitions the group has given to this client: 0
// before it has joined, between two generations, and if there are too many
// members.
func (c *Client) Assigned() int { return len(c.assigned.get()) }

// Lags returns the lag of each of these partitions, as of its last fetch; those
// that were not fetched from yet are left out.
func (c *Client) Lags() (lags []Lag) {
	for _, p := range c.assigned.get() {
		if from, records, known := p.behind(); known {
			lags = append(lags, Lag{p.topic, p.partition, records, from, time.Since(time.UnixMilli(p.fetched.Load()))})
		}
	}
	return lags
}

// behind counts from the first unfinished record, else from where this
// generation began, to the end as the broker last told it.
func (p *partitionConsumer) behind() (from, records int64, known bool) {
	from = p.from.Load()
	high := p.high.Load()
	if next, ok := p.tracker.watermark(); ok {
		from = max(from, next)
	}
	return from, max(0, high-from), from >= 0 && high >= 0
}

// Gaps are the records that were gone, by the topics' retention or by hand, before
// this client came to read them.
type Gaps struct {
	Count   int64 // times that it had to continue at the earliest record
	Records int64 // offsets that were skipped so
}

type gaps struct{ count, records atomic.Int64 }

// Gaps returns those since the client was made.
func (c *Client) Gaps() Gaps { return Gaps{c.gaps.count.Load(), c.gaps.records.Load()} }
