package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/internal/eventually"
)

func TestTopicsHaveThreeReplicasWhereThereAreThreeBrokers(t *testing.T) {
	for _, tc := range []struct {
		brokers int
		frail   bool
	}{{1, true}, {2, true}, {3, false}, {4, false}} {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(tc.brokers))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cluster.Close)
		c, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Group: "g"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Ensure(t.Context(), []kafka.Topic{{Name: "t", Partitions: 2, Retention: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		warnings, err := c.Frail(t.Context(), []string{"t"})
		if err != nil {
			t.Fatal(err)
		}
		if frail := len(warnings) == 1 && strings.Contains(warnings[0], "topic t has 1 replicas and min.insync.replicas 1"); frail != tc.frail || !frail && len(warnings) > 0 {
			t.Errorf("with %d brokers: %q", tc.brokers, warnings)
		}
	}
}

// member consumes a topic by c until the test ends.
func member(t *testing.T, c *kafka.Client, topic string, handle func(*ingest.Delivery)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) { handle(d) }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
}

func TestPartitionsThatAreAddedAreRead(t *testing.T) {
	at := address(t)
	c, topic := group(t, at, 1)
	read := make(chan string, 100)
	member(t, c, topic, func(d *ingest.Delivery) {
		read <- fmt.Sprint(d.Partition, " ", string(d.Value))
		d.Done()
	})
	eventually.True(t, "the partition is assigned", func() bool { return c.Assigned() == 1 })
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = 10_000
	added := kmsg.NewCreatePartitionsRequestTopic()
	added.Topic, added.Count = topic, 3
	request.Topics = append(request.Topics, added)
	other := foreign(t, at, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	response, err := request.RequestWith(t.Context(), other)
	if err != nil || response.Topics[0].ErrorCode != 0 {
		t.Fatalf("add partitions: %v, %+v", err, response)
	}
	eventually.True(t, "the new partitions are assigned", func() bool { return c.Assigned() == 3 })
	want := map[string]bool{}
	for p := range 3 {
		value := rand.Text()
		want[fmt.Sprint(p, " ", value)] = true
		if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		got := <-read
		if !want[got] {
			t.Errorf("read %s", got)
		}
		delete(want, got)
	}
}

// A member too many has nothing to read, and is to say so.
func TestAMemberTooManyIsAssignedNothing(t *testing.T) {
	at := address(t)
	first, topic := group(t, at, 1)
	name := "g-" + rand.Text()
	var clients []*kafka.Client
	for range 2 {
		c, err := kafka.New(kafka.Config{Brokers: []string{at}, Group: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		clients = append(clients, c)
		member(t, c, topic, func(d *ingest.Delivery) { d.Done() })
	}
	eventually.True(t, "one of two members has the partition", func() bool { return clients[0].Assigned()+clients[1].Assigned() == 1 })
	if err := first.Publish(t.Context(), ingest.Message{Topic: topic, Value: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the record is accounted for", func() bool {
		lags := append(clients[0].Lags(), clients[1].Lags()...)
		return len(lags) == 1 && lags[0].Records == 0
	})
}
