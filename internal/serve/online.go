package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"videoqa/answers/store/postgres"
	"videoqa/ingest"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media/bucket"
)

const serverPatience = 10 * time.Second // of config check --online, with each server

// ServerStore is the name of the store among the servers.
const ServerStore = "store"

// A server is one that the settings name.
type server struct {
	name string
	ask  func(context.Context) error
}

// servers are those that serve would talk to. Asking them changes nothing in them.
func (s *Settings) servers() (all []server) {
	if len(s.Kafka.Brokers) > 0 {
		all = append(all, server{"kafka", s.askKafka})
	}
	if s.Store.URL != "" {
		all = append(all, server{ServerStore, func(ctx context.Context) error { return postgres.Ping(ctx, s.Store.URL) }})
	}
	if s.Redis.URL != "" {
		all = append(all, server{"redis", s.askRedis})
	}
	if s.S3.Endpoint != "" {
		all = append(all, server{"s3", s.askBucket})
	}
	return all
}

// AskServers asks all of them at once, and tells of each in their order.
func (s *Settings) AskServers(ctx context.Context, tell func(name string, err error)) {
	all := s.servers()
	found := make([]error, len(all))
	var asked sync.WaitGroup
	for i, one := range all {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, serverPatience)
			defer cancel()
			found[i] = one.ask(ctx)
		})
	}
	asked.Wait()
	for i, one := range all {
		tell(one.name, found[i])
	}
}

func (s *Settings) askKafka(ctx context.Context) (err error) {
	client, err := kafka.New(s.kafka())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	kept, err := client.Retention(ctx, []string{ingest.TopicClips, ingest.TopicQuestions})
	if err != nil {
		return nil // they are not there yet, and serve makes them
	}
	return newRetention(s.Store.Retention).covers(kept)
}

func (s *Settings) askRedis(ctx context.Context) (err error) {
	kept, err := s.features()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	return kept.redis.Ping(ctx)
}

var errEnough = errors.New("one object is enough")

func (s *Settings) askBucket(ctx context.Context) error {
	at, err := spoolPlace(s.Spool.URL, s.DataDir)
	if err != nil || at.bucket == "" {
		return err // which buckets events will name is not known
	}
	client, err := s.bucket()
	if err != nil {
		return err
	}
	err = client.Each(ctx, at.bucket, at.prefix, func(bucket.Object) error { return errEnough })
	if errors.Is(err, errEnough) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list bucket %s: %w", at.bucket, err)
	}
	return nil
}
