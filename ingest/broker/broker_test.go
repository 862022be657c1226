package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
)

// TestMain lets this program be the broker that a test kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("VIDEOQA_TEST_BROKER_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	b, err := broker.Open(broker.Config{Dir: dir})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	select {} // until killed
}

// spawn starts a broker in a process of its own and returns its address.
func spawn(t *testing.T, dir string) (address string, kill func()) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "VIDEOQA_TEST_BROKER_DIR="+dir)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		command.Process.Kill() // SIGKILL
		command.Wait()
	}
	t.Cleanup(kill)
	address, err = bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(address, "failed") {
		t.Fatalf("the broker says %q: %v", address, err)
	}
	return strings.TrimSpace(address), kill
}

func client(t *testing.T, address string) *kafka.Client {
	t.Helper()
	c, err := kafka.New(kafka.Config{Brokers: []string{address}, Group: "g"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// readUntil consumes topic from where its group stands, up to and with the
// record last, and returns what it read.
func readUntil(t *testing.T, c *kafka.Client, topic, last string) (values []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := c.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) {
		values = append(values, string(d.Value))
		d.Done()
		if string(d.Value) == last {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestKillingTheBrokerLosesNothing(t *testing.T) {
	dir, topic := t.TempDir(), "t"
	address, kill := spawn(t, dir)
	c := client(t, address)
	if err := c.Ensure(t.Context(), []kafka.Topic{{Name: topic, Partitions: 1, Retention: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := c.Publish(t.Context(), ingest.Message{Topic: topic, Value: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := readUntil(t, c, topic, "9"); got[0] != "0" {
		t.Fatalf("read %v", got)
	}
	kill()

	address, _ = spawn(t, dir)
	c = client(t, address)
	if err := c.Publish(t.Context(), ingest.Message{Topic: topic, Value: []byte("20")}); err != nil {
		t.Fatal(err)
	}
	got := readUntil(t, c, topic, "20")
	if got[len(got)-1] != "20" || len(got) > 11 || got[0] == "0" {
		t.Errorf("after kill -9 the group reads %v; want at most 10 to 20: records and offsets were acknowledged", got)
	}
	for i, value := range got {
		if want := fmt.Sprint(20 - len(got) + 1 + i); value != want {
			t.Errorf("record %d is %s, want %s", i, value, want)
		}
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:9092", "localhost:9092", "9092"} {
		if _, err := broker.Open(broker.Config{Listen: listen}); err == nil || !strings.Contains(err.Error(), "Listen") {
			t.Errorf("Open on %s: %v; want an error that names Listen", listen, err)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := broker.Open(broker.Config{Listen: b.Addr()}); err == nil || !strings.Contains(err.Error(), b.Addr()) {
		t.Errorf("Open on a taken port: %v", err)
	}
}
