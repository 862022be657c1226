package kafka_test

import (
	"context"
	"testing"

	"videoqa/ingest"
)

func TestMembersOfAGroupAreCounted(t *testing.T) {
	address := brokerFor(t)
	client := connect(t, address, "g-members")
	if n, err := client.Members(t.Context()); n != 0 || err != nil {
		t.Errorf("at first there are %d members (%v)", n, err)
	}
	topic := topicOf(t, client, 2)
	for range 2 {
		defer consume(t, connect(t, address, "g-members"), topic, func(context.Context, *ingest.Delivery) {})()
	}
	for n := 0; n != 2; {
		var err error
		if n, err = client.Members(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
