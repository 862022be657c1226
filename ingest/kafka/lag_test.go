package kafka_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"videoqa/ingest"
)

func TestLagCountsWhatIsNotAccountedFor(t *testing.T) {
	c := connect(t, brokerFor(t), "g-"+rand.Text())
	topic := topicOf(t, c, 1)
	publish(t, c, topic, 0, 5)
	if c.Assigned() != 0 || len(c.Lags()) != 0 {
		t.Errorf("before it has joined: %d partitions, lags %v", c.Assigned(), c.Lags())
	}
	hand := make(chan *ingest.Delivery, 5)
	stop := consume(t, c, topic, func(_ context.Context, d *ingest.Delivery) { hand <- d })
	var all []*ingest.Delivery
	for range 5 {
		all = append(all, await(t, "the next record", hand))
	}
	want := func(when string, records int64) {
		t.Helper()
		if lags := c.Lags(); c.Assigned() != 1 || len(lags) != 1 || lags[0].Topic != topic || lags[0].Partition != 0 || lags[0].Records != records || lags[0].Position != 5-records || lags[0].Age < 0 || lags[0].Age > time.Minute {
			t.Errorf("%s: %d partitions, lags %+v; want %d records of five", when, c.Assigned(), lags, records)
		}
	}
	want("with five in progress", 5)
	all[1].Done()
	want("with the first still in progress", 5)
	all[0].Done()
	want("with three in progress", 3)
	for _, d := range all[2:] {
		d.Done()
	}
	want("with all accounted for", 0)
	stop()
	if c.Assigned() != 0 {
		t.Error("after it has left, partitions are still assigned")
	}
}
