package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/internal/fault"
)

// What the client knows of the topics would go on saying that all is well.
func TestAPingFindsOutThatTheBrokerIsGoneAndThatItIsBack(t *testing.T) {
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, b.Addr(), "g-"+rand.Text())
	topicOf(t, c, 1)
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("beside a broker: %v", err)
	}
	b.Close()
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("within the time that an answer is kept: %v", err)
	}
	kafka.ForgetPing(c)
	if err := c.Ping(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("after the broker is gone: %v", err)
	}
	for _, when := range []string{"after it is back", "while a connection is kept to one that has another in its place"} {
		again, err := broker.Open(broker.Config{Listen: b.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		kafka.ForgetPing(c)
		if err := c.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		again.Close()
	}
}

func TestAPingOfABrokerThatSaysNothingEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := connect(t, silent.Addr().String(), "g-"+rand.Text())
	gone, cancel := context.WithCancel(t.Context())
	cancel() // of who asks first; what is found is for others too
	began := time.Now()
	for range 3 {
		if err := c.Ping(gone); !errors.Is(err, fault.Unavailable) || errors.Is(err, context.Canceled) {
			t.Errorf("it says %v", err)
		}
	}
	if took := time.Since(began); took < time.Second || took > 4*time.Second {
		t.Errorf("three pings took %v; want the time of one", took)
	}
}
