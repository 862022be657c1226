package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	kgo "github.com/segmentio/kafka-go"

	"videoqa/internal/sleep"
)

// A Topic is how a topic must be. One that exists keeps its own partitions and
// retention.
type Topic struct {
	Name       string
	Partitions int           // when it is created
	Retention  time.Duration // when it is created; never compacted
}

// Ensure creates the topics that are missing and describes all of them, trying
// again while no broker can be reached. It returns an error that names the topic
// if one is missing and may not be created, or is compacted: a compacted topic
// would lose answers whose keys are equal.
func (c *Client) Ensure(ctx context.Context, topics []Topic) error {
	var err error
	var last atomic.Pointer[error]
	defer every(complainEvery, func() {
		why := any("no answer yet")
		if failed := last.Load(); failed != nil {
			why = *failed
		}
		c.cfg.Log.Warn("cannot prepare the topics, still trying", "brokers", c.cfg.Brokers, "error", why)
	})()
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		var refused *refusal
		if err = c.ensureOnce(ctx, topics); err == nil || errors.As(err, &refused) {
			return err
		}
		failed := err
		last.Store(&failed)
		sleep.For(ctx, pause)
		if ctx.Err() != nil {
			return fmt.Errorf("kafka: ensure topics: %w: %w", err, ctx.Err())
		}
	}
}

// complainEvery is how often it is said that no broker can be reached: an attempt
// that hangs takes longer.
const complainEvery = 3 * time.Second

// every runs do at each interval until stop is called, which waits for it.
func every(interval time.Duration, do func()) (stop func()) {
	ended := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		running.Wait()
	}
}

// A refusal is an answer of the broker that trying again will not change.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func (c *Client) ensureOnce(ctx context.Context, topics []Topic) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	meta, err := c.client.Metadata(ctx, &kgo.MetadataRequest{Topics: names})
	if err != nil {
		return fmt.Errorf("kafka: describe topics: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(topics), func(t Topic) bool { return ready(meta, t.Name) })
	if len(missing) == 0 {
		return errors.Join(c.checkPolicies(ctx, names), c.checkLeaders(ctx, meta))
	}
	if err := c.create(ctx, missing, len(meta.Brokers)); err != nil {
		return err
	}
	return fmt.Errorf("kafka: describe topics: %d of %d are not there yet", len(missing), len(topics))
}

func ready(meta *kgo.MetadataResponse, name string) bool {
	for _, t := range meta.Topics {
		if t.Name == name {
			return t.Error == nil && len(t.Partitions) > 0
		}
	}
	return false
}

func (c *Client) create(ctx context.Context, topics []Topic, brokers int) error {
	copies, acknowledged := 1, 1
	if brokers >= replicas {
		copies, acknowledged = replicas, insync
	}
	request := &kgo.CreateTopicsRequest{}
	for _, t := range topics {
		request.Topics = append(request.Topics, kgo.TopicConfig{
			Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: copies,
			ConfigEntries: []kgo.ConfigEntry{
				{ConfigName: "cleanup.policy", ConfigValue: "delete"},
				{ConfigName: "retention.ms", ConfigValue: strconv.FormatInt(t.Retention.Milliseconds(), 10)},
				{ConfigName: "min.insync.replicas", ConfigValue: strconv.Itoa(acknowledged)},
			},
		})
	}
	got, err := c.client.CreateTopics(ctx, request)
	if err != nil {
		return fmt.Errorf("kafka: create topics: %w", err)
	}
	for _, t := range topics { // an existing topic is reported here, not above
		switch err := got.Errors[t.Name]; {
		case err == nil:
			c.cfg.Log.Info("topic created", "topic", t.Name, "partitions", t.Partitions, "replicas", copies)
		case errors.Is(err, kgo.TopicAlreadyExists):
		case lasting(err):
			return &refusal{fmt.Errorf("kafka: topic %s is missing and could not be created: %w", t.Name, err)}
		default:
			return fmt.Errorf("kafka: create topic %s: %w", t.Name, err)
		}
	}
	return nil
}

func lasting(err error) bool {
	return slices.ContainsFunc([]kgo.Error{
		kgo.TopicAuthorizationFailed, kgo.ClusterAuthorizationFailed, kgo.PolicyViolation, kgo.InvalidTopic,
		kgo.InvalidReplicationFactor, kgo.InvalidConfiguration, kgo.InvalidPartitionNumber,
	}, func(kind kgo.Error) bool { return errors.Is(err, kind) })
}

func (c *Client) checkPolicies(ctx context.Context, names []string) error {
	return c.describe(ctx, names, "cleanup.policy", func(name, value string) error {
		if strings.Contains(value, "compact") {
			return &refusal{fmt.Errorf("kafka: topic %s is compacted (cleanup.policy=%s): set it to delete", name, value)}
		}
		return nil
	})
}

// Replicas that a record should have, and of them those that have it before it is
// acknowledged, where the brokers are as many.
const (
	replicas = 3
	insync   = 2
)

// Frail says of each topic that a lost broker could take records along with it,
// and why; of none if none is. The topics exist.
func (c *Client) Frail(ctx context.Context, names []string) (warnings []string, err error) {
	meta, err := c.client.Metadata(ctx, &kgo.MetadataRequest{Topics: names})
	if err != nil {
		return nil, fmt.Errorf("kafka: describe topics: %w", err)
	}
	least := map[string]int{}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if n, known := least[t.Name]; !known || len(p.Replicas) < n {
				least[t.Name] = len(p.Replicas)
			}
		}
	}
	synced := map[string]int{}
	err = c.describe(ctx, names, "min.insync.replicas", func(name, value string) (err error) {
		synced[name], err = strconv.Atoi(value)
		return err
	})
	for _, name := range names {
		if least[name] < replicas || synced[name] < insync {
			warnings = append(warnings, fmt.Sprintf("topic %s has %d replicas and min.insync.replicas %d, less than %d and %d: a lost broker may take records along",
				name, least[name], synced[name], replicas, insync))
		}
	}
	return warnings, err
}

// Retention returns how long each topic keeps its records; 0: for ever.
func (c *Client) Retention(ctx context.Context, names []string) (map[string]time.Duration, error) {
	kept := map[string]time.Duration{}
	err := c.describe(ctx, names, "retention.ms", func(name, value string) error {
		ms, err := strconv.ParseInt(value, 10, 64)
		kept[name] = time.Duration(max(ms, 0)) * time.Millisecond
		return err
	})
	return kept, err
}

// describe tells do one setting of each topic.
func (c *Client) describe(ctx context.Context, names []string, setting string, do func(name, value string) error) error {
	request := &kgo.DescribeConfigsRequest{}
	for _, name := range names {
		request.Resources = append(request.Resources, kgo.DescribeConfigRequestResource{
			ResourceType: kgo.ResourceTypeTopic, ResourceName: name, ConfigNames: []string{setting},
		})
	}
	got, err := c.client.DescribeConfigs(ctx, request)
	if err != nil {
		return fmt.Errorf("kafka: describe configurations: %w", err)
	}
	for _, r := range got.Resources {
		if r.Error != nil && lasting(r.Error) {
			return &refusal{fmt.Errorf("kafka: describe configuration of %s: %w", r.ResourceName, r.Error)}
		}
		if r.Error != nil {
			return fmt.Errorf("kafka: describe configuration of %s: %w", r.ResourceName, r.Error)
		}
		for _, entry := range r.ConfigEntries {
			if entry.ConfigName != setting {
				continue
			}
			if err := do(r.ResourceName, entry.ConfigValue); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLeaders asks every partition's leader for its offsets: for a moment after
// a topic is created, a broker that is named as leader does not know it yet.
func (c *Client) checkLeaders(ctx context.Context, meta *kgo.MetadataResponse) error {
	request := &kgo.ListOffsetsRequest{Topics: map[string][]kgo.OffsetRequest{}}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			request.Topics[t.Name] = append(request.Topics[t.Name], kgo.LastOffsetOf(p.ID))
		}
	}
	got, err := c.client.ListOffsets(ctx, request)
	if err != nil {
		return fmt.Errorf("kafka: ask the topics' leaders: %w", err)
	}
	for name, partitions := range got.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return fmt.Errorf("kafka: ask the leader of %s/%d: %w", name, p.Partition, p.Error)
			}
		}
	}
	return nil
}
