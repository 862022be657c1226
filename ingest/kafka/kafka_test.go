package kafka_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
)

func brokerFor(t *testing.T) string {
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

func connect(t *testing.T, address, group string) *kafka.Client {
	t.Helper()
	c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: group, Grace: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// consume runs one member of the group until stop is called or the test ends.
func consume(t *testing.T, c *kafka.Client, topic string, handle func(context.Context, *ingest.Delivery)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Consume(ctx, []string{topic}, handle); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func topicOf(t *testing.T, c *kafka.Client, partitions int) string {
	name := "t-" + rand.Text()
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: name, Partitions: partitions, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	return name
}

func publish(t *testing.T, c *kafka.Client, topic string, from, to int) {
	t.Helper()
	var messages []ingest.Message
	for i := from; i < to; i++ {
		messages = append(messages, ingest.Message{Topic: topic, Key: fmt.Append(nil, "k", i%7), Value: fmt.Append(nil, i)})
	}
	if err := c.Publish(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
}

// await receives from c, or fails the test after half a minute.
func await[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	select {
	case v = <-c:
	case <-timeout.C:
		t.Fatalf("%s did not happen in 30 s", what)
	}
	return v
}

func TestEveryRecordIsRead(t *testing.T) {
	address := brokerFor(t)
	c := connect(t, address, "g-"+rand.Text())
	topic := topicOf(t, c, 3)
	got := make(chan string, 2000)
	consume(t, c, topic, func(_ context.Context, d *ingest.Delivery) {
		got <- string(d.Value)
		d.Done()
	})
	publish(t, c, topic, 0, 1000)
	seen := map[string]bool{}
	for len(seen) < 1000 {
		seen[await(t, "the next record", got)] = true
	}
}

func TestARecordThatWasNotDoneIsReadAgain(t *testing.T) {
	address := brokerFor(t)
	group := "g-" + rand.Text()
	c := connect(t, address, group)
	topic := topicOf(t, c, 1)
	publish(t, c, topic, 0, 10)
	all := make(chan struct{})
	stop := consume(t, c, topic, func(_ context.Context, d *ingest.Delivery) {
		switch string(d.Value) { // 3 is never finished, the others in any order
		case "3":
			d.Drop()
		case "9":
			d.Done()
			close(all)
		default:
			d.Done()
		}
	})
	await(t, "the last record", all)
	stop()
	again := make(chan string, 20)
	consume(t, connect(t, address, group), topic, func(_ context.Context, d *ingest.Delivery) {
		again <- string(d.Value)
		d.Done()
	})
	var values []string
	for range 7 {
		values = append(values, await(t, "a record read again", again))
	}
	if want := []string{"3", "4", "5", "6", "7", "8", "9"}; !slices.Equal(values, want) {
		t.Errorf("read again: %v, want %v", values, want)
	}
}

func TestStoppingFinishesWhatIsInHand(t *testing.T) {
	address := brokerFor(t)
	group := "g-" + rand.Text()
	c := connect(t, address, group)
	topic := topicOf(t, c, 1)
	publish(t, c, topic, 0, 1)
	began := make(chan *ingest.Delivery, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) { began <- d })
	}()
	d := await(t, "the record", began)
	cancel()
	select {
	case err := <-ended:
		t.Fatalf("Consume returned %v with a record in progress", err)
	default:
	}
	if !d.Owned() {
		t.Error("the partition was given up with a record in progress")
	}
	d.Done()
	if err := await(t, "the end", ended); err != nil {
		t.Fatal(err)
	}
	publish(t, c, topic, 1, 2)
	next := make(chan string, 2)
	consume(t, connect(t, address, group), topic, func(_ context.Context, d *ingest.Delivery) {
		next <- string(d.Value)
		d.Done()
	})
	if got := await(t, "the next record", next); got != "1" {
		t.Errorf("after the restart %s is read, want 1: the offset was not committed", got)
	}
}

// A second member takes partitions away while their records are in progress. Those
// are told, the rebalance does not wait for them, and nothing is lost.
func TestRevocationDoesNotWaitForWork(t *testing.T) {
	address := brokerFor(t)
	group := "g-" + rand.Text()
	first, second := connect(t, address, group), connect(t, address, group)
	topic := topicOf(t, first, 2)
	publish(t, first, topic, 0, 14)
	var mu sync.Mutex
	var held []*ingest.Delivery
	all := make(chan struct{})
	consume(t, first, topic, func(_ context.Context, d *ingest.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		switch held = append(held, d); {
		case len(held) == 14:
			close(all)
		case len(held) > 14: // given to it again
			d.Done()
		}
	})
	await(t, "all records in the first member's hands", all)
	mu.Lock()
	mine := slices.Clone(held)
	mu.Unlock()
	got := make(chan int, 100)
	consume(t, second, topic, func(_ context.Context, d *ingest.Delivery) {
		got <- d.Partition
		d.Done()
	})
	partition := await(t, "a record read by the second member", got) // while the first still works on it
	for _, d := range mine {
		if d.Partition == partition {
			await(t, "the first member being told", d.Revoked)
			if d.Owned() {
				t.Error("a revoked record is still owned")
			}
		}
		d.Done() // the answer comes too late; it must not move anybody's offset
	}
}

func TestACompactedTopicIsRefused(t *testing.T) {
	address := brokerFor(t)
	c := connect(t, address, "g")
	name := "t-" + rand.Text()
	if err := kafka.CreateCompacted(t.Context(), c, name); err != nil {
		t.Fatal(err)
	}
	err := c.Ensure(t.Context(), []kafka.Topic{{Name: name, Partitions: 1, Retention: time.Hour}})
	if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "compact") {
		t.Errorf("Ensure: %v; want a refusal that names %s and says that it is compacted", err, name)
	}
}

func TestATopicsRetentionIsTold(t *testing.T) {
	c := connect(t, brokerFor(t), "g")
	name := "t-" + rand.Text()
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: name, Partitions: 1, Retention: 36 * time.Hour}}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Retention(t.Context(), []string{name}); err != nil || got[name] != 36*time.Hour {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRecordsKeepTheirHeaders(t *testing.T) {
	c := connect(t, brokerFor(t), "g-"+rand.Text())
	topic := topicOf(t, c, 1)
	got := make(chan ingest.Record, 1)
	consume(t, c, topic, func(_ context.Context, d *ingest.Delivery) {
		got <- d.Record
		d.Done()
	})
	headers := []ingest.Header{{Key: "ce_type", Value: []byte("x")}, {Key: "empty", Value: []byte{}}}
	if err := c.Publish(t.Context(), ingest.Message{Topic: topic, Value: []byte("v"), Headers: headers}); err != nil {
		t.Fatal(err)
	}
	r := await(t, "the record", got)
	if kind, ok := r.Header("ce_type"); !ok || kind != "x" || len(r.Headers) != 2 || r.Topic != topic || r.Time.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	for field, cfg := range map[string]kafka.Config{
		"Brokers": {Group: "g"}, "Group": {Brokers: []string{"a:1"}}, "Grace": {Brokers: []string{"a:1"}, Group: "g", Grace: -1},
	} {
		if _, err := kafka.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New(%+v): %v; want it to name %s", cfg, err, field)
		}
	}
}
