package kafka_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
)

// BenchmarkConsume reads records of 400 bytes with a handler that does nothing.
func BenchmarkConsume(b *testing.B) {
	at, err := broker.Open(broker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer at.Close()
	c, err := kafka.New(kafka.Config{Brokers: []string{at.Addr()}, Group: "g"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	topic := rand.Text()
	if err := c.Ensure(b.Context(), []kafka.Topic{{Name: topic, Partitions: 4, Retention: time.Hour}}); err != nil {
		b.Fatal(err)
	}
	messages := make([]ingest.Message, b.N)
	for i := range messages {
		messages[i] = ingest.Message{Topic: topic, Key: []byte(rand.Text()), Value: make([]byte, 400)}
	}
	if err := c.Publish(b.Context(), messages...); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	read := make(chan struct{}, 1000)
	b.ResetTimer()
	ended := make(chan error, 1)
	go func() {
		ended <- c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) { d.Done(); read <- struct{}{} })
	}()
	for range b.N {
		<-read
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.StopTimer()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
