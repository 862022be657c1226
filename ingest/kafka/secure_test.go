package kafka_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/kafka"
)

// secured is the listener of a real Kafka that wants TLS and SASL.
func secured(t *testing.T) (address string, right kafka.Security) {
	t.Helper()
	address = os.Getenv("VIDEOQA_TEST_KAFKA_SECURE")
	if address == "" && os.Getenv("VIDEOQA_TEST_REAL") != "" {
		t.Fatal("VIDEOQA_TEST_REAL is set, and VIDEOQA_TEST_KAFKA_SECURE is not")
	}
	if address == "" {
		t.Skip("needs a Kafka: testdata/kafka/run.sh go test ./ingest/kafka")
	}
	return address, kafka.Security{TLS: true, CAFile: os.Getenv("VIDEOQA_TEST_KAFKA_CA"), SASL: "SCRAM-SHA-512", User: "videoqa", Password: "secret"}
}

func TestARealKafkaIsReadAndWrittenOverTLSByEachMechanism(t *testing.T) {
	address, security := secured(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			security.SASL = mechanism
			c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: rand.Text(), Grace: time.Second, Security: security})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			topic, got := topicOf(t, c, 1), make(chan string, 1)
			if err := c.Publish(t.Context(), ingest.Message{Topic: topic, Value: []byte("over TLS")}); err != nil {
				t.Fatal(err)
			}
			consume(t, c, topic, func(_ context.Context, d *ingest.Delivery) {
				got <- string(d.Value)
				d.Done()
			})
			if value := await(t, "the record", got); value != "over TLS" {
				t.Errorf("read %q", value)
			}
		})
	}
}

func TestARealKafkaSaysWhyItLetsNobodyIn(t *testing.T) {
	address, right := secured(t)
	for _, tc := range []struct {
		name  string
		spoil func(*kafka.Security)
		want  string // within the error
	}{
		{"a wrong password", func(s *kafka.Security) { s.Password = "guess" }, "SASL Authentication Failed"},
		{"a wrong password by PLAIN", func(s *kafka.Security) { s.SASL, s.Password = "PLAIN", "guess" }, "SASL Authentication Failed"},
		{"an unknown user", func(s *kafka.Security) { s.User = "nobody" }, "SASL Authentication Failed"},
		{"an authority that is not trusted", func(s *kafka.Security) { s.CAFile = "" }, "certificate"},
		{"no SASL", func(s *kafka.Security) { s.SASL, s.User, s.Password = "", "", "" }, ""},
		{"no TLS", func(s *kafka.Security) { s.TLS, s.CAFile = false, "" }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := right
			tc.spoil(&s)
			c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g", Security: s})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := c.Ensure(ctx, []kafka.Topic{{Name: "t", Partitions: 1, Retention: time.Hour}}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Ensure = %v; want %q in it", err, tc.want)
			}
		})
	}
}

func TestAMissingTopicThatMayNotBeCreatedIsNamed(t *testing.T) {
	address, security := secured(t)
	security.User = "guest"
	c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g", Security: security})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	name := "t-" + rand.Text()
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: name, Partitions: 1, Retention: time.Hour}}); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "uthoriz") {
		t.Errorf("Ensure = %v; want an error that names %s and says why", err, name)
	}
}
