package serve

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
)

// A served is a data folder on which a question was answered.
type served struct {
	t       *testing.T
	data    string
	brokers []string // of a Kafka; none: the embedded broker
	reset   bool
}

// run serves until stop, which returns why it ended; brokers are nil if it ended before.
func (s served) run() (brokers []string, stop func() error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan []string, 1), make(chan error, 1)
	go func() {
		ended <- Stream{
			DataDir: s.data, Listen: "127.0.0.1:0", Kafka: kafka.Config{Group: "g", Brokers: s.brokers, Grace: time.Second}, Topics: TopicSettings{Partitions: 1, Retention: time.Hour},
			Work: worker.Config{Grace: time.Second}, Asker: deaf{}, Reset: s.reset, Log: slog.New(slog.DiscardHandler), Ready: func(brokers []string, _ string) { ready <- brokers },
		}.Run(ctx)
	}()
	stop = func() error { cancel(); return <-ended }
	select {
	case brokers = <-ready:
	case err := <-ended:
		ended <- err
	}
	return brokers, stop
}

// answer has one question answered.
func (s served) answer(id string) {
	s.t.Helper()
	brokers, stop := s.run()
	if brokers == nil {
		s.t.Fatal(stop())
	}
	client, err := kafka.New(kafka.Config{Brokers: brokers, Group: "outside-" + id, Grace: time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	if err := client.Publish(s.t.Context(), ingest.Message{Topic: ingest.TopicQuestions, Value: fmt.Appendf(nil, `{"question_id":%q,"question":"what?","uri":"file:///none"}`, id)}); err != nil {
		s.t.Fatal(err)
	}
	ctx, end := context.WithTimeout(s.t.Context(), time.Minute)
	defer end()
	found := false
	if err := client.Consume(ctx, []string{ingest.TopicDeadLetters}, func(_ context.Context, d *ingest.Delivery) {
		found = found || strings.Contains(string(d.Value), `"question_id":"`+id+`"`)
		d.Done()
		if found {
			end()
		}
	}); err != nil || !found {
		s.t.Fatalf("%s has no outcome: %v", id, err)
	}
	if err := stop(); err != nil {
		s.t.Fatal(err)
	}
}

// A deaf asker is never asked: the media that are asked about are refused.
type deaf struct{}

func (deaf) Ask(context.Context, answers.About, []ingest.Question) ([]answers.Result, error) {
	return nil, errors.New("nobody listens")
}

func TestAStoreAndABrokerThatDoNotBelongTogetherAreRefused(t *testing.T) {
	whole := served{t: t, data: filepath.Join(t.TempDir(), "data")}
	whole.answer("q-1")
	for _, tc := range []struct {
		name  string
		spoil func(data string) error
		says  string
	}{
		{"a store that is gone", func(data string) error { return removeAll(data, "store.db*") }, "was in use"},
		{"a store that is empty", func(data string) error {
			return errors.Join(removeAll(data, "store.db*"), os.WriteFile(filepath.Join(data, "store.db"), nil, 0o600))
		}, "belongs together with another store"},
		{"another store", func(data string) error {
			other, err := sqlite.Open(context.Background(), filepath.Join(data, "other.db"))
			if err != nil {
				return err
			}
			return errors.Join(other.Close(), removeAll(data, "store.db*"), os.Rename(filepath.Join(data, "other.db"), filepath.Join(data, "store.db")))
		}, "belongs together with another store"},
		{"a broker that is gone", func(data string) error { return removeAll(data, "broker") }, "is not at"},
		{"a broker that is empty", func(data string) error { return removeAll(data, "broker/*") }, "is not at"},
		{"a broker without meta.json", func(data string) error { return removeAll(data, "broker/meta.json") }, "meta.json"},
		{"a broker without topics.json", func(data string) error { return removeAll(data, "broker/topics.json") }, "topics.json"},
		{"a broker whose topics.json is torn", func(data string) error { return os.Truncate(filepath.Join(data, "broker/topics.json"), 9) }, "topics.json"},
		{"a broker whose topics.json lists nothing", func(data string) error {
			return os.WriteFile(filepath.Join(data, "broker/topics.json"), []byte(`{"version":1}`), 0o600)
		}, "entry in topics.json"},
		{"a broker without its identity", func(data string) error { return removeAll(data, "broker/identity.json") }, "is not that of"},
		{"a partition without its folder", func(data string) error { return removeAll(data, "broker/partitions/vqa.questions.v1-0") }, "vqa.questions.v1-0/0.dat"},
		{"a partition without its file", func(data string) error { return removeAll(data, "broker/partitions/vqa.questions.v1-0/0.dat") }, "vqa.questions.v1-0/0.dat"},
		{"a partition whose file is cut", func(data string) error {
			return os.Truncate(filepath.Join(data, "broker/partitions/vqa.questions.v1-0/0.dat"), 20)
		}, "end of partitions/vqa.questions.v1-0/0.dat"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data") // and a folder that was copied is as good as the first
			if err := os.CopyFS(data, os.DirFS(whole.data)); err != nil {
				t.Fatal(err)
			}
			if err := tc.spoil(data); err != nil {
				t.Fatal(err)
			}
			spoilt := served{t: t, data: data}
			if brokers, stop := spoilt.run(); brokers != nil {
				t.Fatalf("it serves (%v)", stop())
			} else if err := stop(); err == nil || !strings.Contains(err.Error(), tc.says) && !strings.Contains(err.Error(), "belongs together with another store") || !strings.Contains(err.Error(), "--reset") {
				t.Fatalf("it says %v", err)
			}
			spoilt.reset = true
			spoilt.answer("q-2")
			spoilt.reset = false
			spoilt.answer("q-3")
			aside, err := filepath.Glob(data + "/broker.reset-*")
			if err != nil || len(aside) > 1 {
				t.Errorf("moved aside are %v (%v)", aside, err)
			}
		})
	}
	t.Run("what belongs together goes on, copied or not", func(t *testing.T) {
		data := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(data, os.DirFS(whole.data)); err != nil {
			t.Fatal(err)
		}
		served{t: t, data: data}.answer("q-2")
		whole.answer("q-3")
	})
}

// removeAll removes what a pattern below data matches, which has to be something.
func removeAll(data, pattern string) (err error) {
	paths, err := filepath.Glob(filepath.Join(data, pattern))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("nothing matches %s", pattern)
	}
	for _, path := range paths {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

func TestAStoreThatAKafkaWasNotServedBesideIsRefused(t *testing.T) {
	b, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first := served{t: t, data: filepath.Join(t.TempDir(), "data"), brokers: []string{b.Addr()}}
	first.answer("q-1")
	first.answer("q-2")
	other := served{t: t, data: filepath.Join(t.TempDir(), "data"), brokers: first.brokers}
	if brokers, stop := other.run(); brokers != nil {
		t.Fatalf("another store serves (%v)", stop())
	} else if err := stop(); err == nil || !strings.Contains(err.Error(), "group g has passed") || !strings.Contains(err.Error(), "--reset") {
		t.Fatalf("it says %v", err)
	}
	other.reset = true
	other.answer("q-3")
	other.reset = false
	other.answer("q-4")
}

// A first start that was cut short goes on, wherever that was.
func TestAFirstStartThatWasCutShortGoesOn(t *testing.T) {
	for name, begin := range map[string]func(data string) error{
		"a store only": func(data string) error {
			s, err := sqlite.Open(context.Background(), filepath.Join(data, "store.db"))
			if err != nil {
				return err
			}
			return s.Close()
		},
		"a broker that has its name only": func(data string) error {
			s, err := sqlite.Open(context.Background(), filepath.Join(data, "store.db"))
			if err != nil {
				return err
			}
			p, err := newPairing(context.Background(), s, "", false, nil)
			return errors.Join(err, s.Close(), os.Mkdir(filepath.Join(data, "broker"), 0o700),
				os.WriteFile(filepath.Join(data, "broker", "identity.json"), fmt.Appendf(nil, `{"broker_id":"b","store_id":%q}`, p.id), 0o600),
				os.WriteFile(filepath.Join(data, "broker", "topics.json"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			if err := begin(data); err != nil {
				t.Fatal(err)
			}
			served{t: t, data: data}.answer("q-1")
		})
	}
}

// A data folder from before there were identities is taken as it is.
func TestAFolderFromBeforeIsTakenAsItIs(t *testing.T) {
	whole := served{t: t, data: filepath.Join(t.TempDir(), "data")}
	whole.answer("q-1")
	if err := errors.Join(os.Remove(filepath.Join(whole.data, "broker", "identity.json")), os.Remove(filepath.Join(whole.data, "broker", "files.json"))); err != nil {
		t.Fatal(err)
	}
	older(t, filepath.Join(whole.data, "store.db"))
	whole.answer("q-2")
	whole.answer("q-3")
	if err := removeAll(whole.data, "store.db*"); err != nil {
		t.Fatal(err)
	}
	if brokers, stop := whole.run(); brokers != nil {
		t.Fatalf("without its store it serves (%v)", stop())
	} else if err := stop(); err == nil || !strings.Contains(err.Error(), "--reset") {
		t.Errorf("it says %v", err)
	}
}

// older makes a store what it would be after an update from a version without identities.
func older(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)&vfs="+sqlite.FileSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range []string{"DROP TABLE properties", "PRAGMA user_version = 8"} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
}
