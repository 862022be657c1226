package broker_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
)

// What a client that is not ours does to a topic that we read: on the embedded
// broker, and on a real one if VIDEOQA_TEST_KAFKA says where it is.

func address(t *testing.T) string {
	if address := os.Getenv("VIDEOQA_TEST_KAFKA"); address != "" {
		return address
	}
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.Addr()
}

func foreign(t *testing.T, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(address))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func group(t *testing.T, address string, partitions int) (c *kafka.Client, topic string) {
	t.Helper()
	c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g-" + rand.Text()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	topic = "t-" + rand.Text()
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: topic, Partitions: partitions, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	return c, topic
}

func produce(t *testing.T, c *kgo.Client, topic string, values ...string) {
	t.Helper()
	for _, value := range values {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("dock-3"), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWasAbortedIsNeverRead(t *testing.T) {
	at := address(t)
	c, topic := group(t, at, 1)
	writer := foreign(t, at, kgo.TransactionalID(rand.Text()))
	transaction := func(end kgo.TransactionEndTry, values ...string) {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, writer, topic, values...)
		if err := writer.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	transaction(kgo.TryCommit, "a", "b")
	transaction(kgo.TryAbort, "no", "never")
	transaction(kgo.TryCommit, "c")
	transaction(kgo.TryAbort, "nor this")
	produce(t, foreign(t, at), topic, "d")
	transaction(kgo.TryAbort, "last")
	var got []string
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	read := make(chan string, 10)
	go func() {
		ended <- c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) {
			d.Done()
			read <- string(d.Value)
		})
	}()
	for len(got) < 4 {
		select {
		case value := <-read:
			got = append(got, value)
		case err := <-ended:
			t.Fatalf("read %v, then it ended: %v", got, err)
		}
	}
	for settled := false; !settled; { // what was aborted counts as accounted for
		if ctx.Err() != nil {
			t.Fatalf("the lag stays at %v", c.Lags())
		}
		lags := c.Lags()
		settled = len(lags) == 1 && lags[0].Records == 0
		select {
		case value := <-read:
			got = append(got, value)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// franz-go hashes keys as Java does, we as Sarama does.
func TestKeysMayBeHashedByAnyLibrary(t *testing.T) {
	at := address(t)
	c, topic := group(t, at, 8)
	other := foreign(t, at)
	want := map[string]bool{}
	for i := range 20 {
		theirs, ours := fmt.Sprint("theirs ", i), fmt.Sprint("ours ", i)
		want[theirs], want[ours] = true, true
		key := fmt.Append(nil, "camera-", i)
		if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: key, Value: []byte(theirs)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(t.Context(), ingest.Message{Topic: topic, Key: key, Value: []byte(ours)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	read := make(chan ingest.Record, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) { d.Done(); read <- d.Record })
	}()
	partitions := map[string]map[int]bool{}
	for len(want) > 0 {
		select {
		case r := <-read:
			delete(want, string(r.Value))
			if partitions[string(r.Key)] == nil {
				partitions[string(r.Key)] = map[int]bool{}
			}
			partitions[string(r.Key)][r.Partition] = true
		case err := <-ended:
			t.Fatalf("it ended (%v) before %v was read", err, want)
		}
	}
	stop()
	<-ended
	apart := 0
	for _, p := range partitions {
		apart += len(p) - 1
	}
	if apart == 0 {
		t.Error("both libraries chose the same partitions: the test shows nothing")
	}
}

func TestAGapIsSkippedAndCounted(t *testing.T) {
	at := address(t)
	c, topic := group(t, at, 1)
	other := foreign(t, at)
	produce(t, other, topic, "0", "1")
	readUntil(t, c, topic, "1") // and so the group stands at 2
	produce(t, other, topic, "2", "3", "4", "5", "6", "7", "8", "9")
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 5000
	request.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 10}}}}
	for _, shard := range other.RequestSharded(t.Context(), request) {
		if shard.Err != nil {
			t.Fatal(shard.Err)
		}
	}
	produce(t, other, topic, "10")
	got := readUntil(t, c, topic, "10")
	if !slices.Equal(got, []string{"10"}) {
		t.Errorf("read %v after the gap, want 10", got)
	}
	if gaps, want := c.Gaps(), (kafka.Gaps{Count: 1, Records: 8}); gaps != want {
		t.Errorf("gaps are %+v, want %+v: the group stood at 2, and the earliest record is 10", gaps, want)
	}
}
