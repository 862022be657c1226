package kafka_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"videoqa/ingest/kafka"
)

// said hands on what is logged.
type said chan string

func (s said) Write(text []byte) (int, error) {
	select {
	case s <- string(text):
	default:
	}
	return len(text), nil
}

func TestAKafkaThatIsAwayAtStartIsSaid(t *testing.T) {
	t.Parallel()
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()
	log := make(said, 1)
	c, err := kafka.New(kafka.Config{Brokers: []string{away.Addr().String()}, Group: "g", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Ensure(ctx, []kafka.Topic{{Name: "t", Partitions: 1, Retention: time.Hour}}) }()
	line := await(t, "a word about the broker", log)
	if !strings.Contains(line, "still trying") || !strings.Contains(line, away.Addr().String()) || !strings.Contains(line, "refused") {
		t.Errorf("it says %s", line)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("topics are ready without a broker")
	}
}
