package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"videoqa/answers"
	"videoqa/internal/fault"
)

// Serve is videoqa serve.
type Serve struct {
	ModelFlags
	KafkaBrokers []string `env:"VIDEOQA_KAFKA_BROKERS" placeholder:"HOST:PORT,…" help:"Kafka to serve. Without it, a broker of its own is started."`
	KafkaListen  string   `env:"VIDEOQA_KAFKA_LISTEN" default:"127.0.0.1:9092" placeholder:"ADDRESS:PORT" help:"Where its own broker listens, on loopback (${default})."`
	KafkaGroup   string   `env:"VIDEOQA_KAFKA_GROUP" default:"videoqa" placeholder:"NAME" help:"Consumer group (${default})."`
	DataDir      string   `env:"VIDEOQA_DATA_DIR" placeholder:"DIR" help:"Where its broker's topics, clips and outcomes are kept; without it, $$XDG_DATA_HOME/videoqa or ~/.local/share/videoqa."`
	MediaRoots   []string `env:"VIDEOQA_MEDIA_ROOTS" placeholder:"DIR,…" help:"Folders that a file: URI may name; without it, none."`
	Single       bool     `name:"single-process" help:"With a Kafka of yours: this is the only process of its group, which keeps outcomes in its own data folder."`
	JSON         bool     `name:"log-json" help:"Write the log as JSON, not as text."`
}

// Help is shown below the flags.
func (Serve) Help() string {
	return "Example: videoqa serve --media-roots /srv/clips, and then any Kafka client on 127.0.0.1:9092: clips go to vqa.clips.v1, questions to vqa.questions.v1, answers come on vqa.answers.v1."
}

// notYet are settings of the design that this version does not know: whoever
// gives one would wait in vain for what it says.
var notYet = []struct{ name, instead string }{
	{"VIDEOQA_REDIS_URL", "features are remembered in the process"},
	{"VIDEOQA_STORE_URL", "clips and outcomes are kept by SQLite in the data folder"},
	{"VIDEOQA_LISTEN", "there is no HTTP interface"},
	{"VIDEOQA_OPS_LISTEN", "there is no HTTP interface"},
	{"VIDEOQA_API_KEYS_FILE", "there is no HTTP interface"},
}

func (c *Serve) check(a *App) error {
	for _, s := range notYet {
		if a.Getenv(s.name) != "" {
			return fmt.Errorf("%s is set, but in this version %s: %w", s.name, s.instead, fault.BadRequest)
		}
	}
	if len(c.KafkaBrokers) > 0 && !c.Single {
		return fmt.Errorf("with --kafka-brokers, say --single-process if this is the only process of group %s: its outcomes are kept in its own data folder, where no other would find them: %w", c.KafkaGroup, fault.BadRequest)
	}
	if len(c.KafkaBrokers) == 0 && c.Single {
		return fmt.Errorf("--single-process goes with --kafka-brokers: %w", fault.BadRequest)
	}
	return nil
}

// Run serves until it is interrupted, which is no failure: what was being
// answered has been.
func (c *Serve) Run(ctx context.Context, a *App) (err error) {
	if err := c.check(a); err != nil {
		return err
	}
	if c.DataDir == "" {
		if c.DataDir, err = a.defaultDataDir(); err != nil {
			return err
		}
	}
	log := a.logger(c.JSON)
	m, err := c.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	service, err := answers.New(answers.Config{Model: m.Model})
	if err != nil {
		return err
	}
	err = stream{
		DataDir: c.DataDir, Brokers: c.KafkaBrokers, Listen: c.KafkaListen, Group: c.KafkaGroup, Roots: c.MediaRoots,
		Asker: asker{service}, Log: log, Ready: func(brokers []string) {
			log.Info("serving", "brokers", brokers, "group", c.KafkaGroup, "data", c.DataDir, "model", m.Name(), "roots", c.MediaRoots)
		},
	}.run(ctx)
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// logger writes to standard error.
func (a *App) logger(asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(a.Err, nil))
	}
	return slog.New(slog.NewTextHandler(a.Err, nil))
}
