package serve

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
)

func TestServeRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, c := range map[string]Settings{
		"--api-keys-file":        {Listen: "0.0.0.0:8080"},
		"--role api needs":       {Role: roleAPI},
		"--single-process":       {Kafka: KafkaSettings{Brokers: []string{"kafka:9092"}}},
		"--store-retention":      {Topics: TopicSettings{Retention: time.Hour}},
		"goes with --kafka-brok": {Single: true},
		"PLAIN without TLS":      {Kafka: KafkaSettings{Brokers: []string{"kafka:9092"}, SASL: "PLAIN", User: "u", Password: "p"}},
		"--spool-url: bucket":    {Spool: SpoolSettings{URL: "s3://b/p"}},
		"--s3-prefixes: bucket":  {S3: S3Settings{Prefixes: []string{"footage/a", "a..b/c"}}},
		"needs --s3-endpoint":    {Spool: SpoolSettings{URL: "s3://bucket/p"}},
		"--kafka-tls":            {Kafka: KafkaSettings{TLS: true}},
	} {
		p := &Process{Machine: modelflags.Machine{Getenv: func(key string) string {
			if key == name {
				return "x"
			}
			return ""
		}}}
		if err := c.Check(p); !errors.Is(err, fault.BadRequest) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeWithoutRootsSaysSo(t *testing.T) {
	for roots, want := range map[string]bool{"": true, "/srv/clips": false} {
		var said bytes.Buffer
		MediaSettings{Roots: strings.Fields(roots)}.tell(slog.New(slog.NewTextHandler(&said, nil)))
		if strings.Contains(said.String(), "--media-roots") != want {
			t.Errorf("with roots %q: %s", roots, said.String())
		}
	}
}
