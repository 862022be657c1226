package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"videoqa/answers/store"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/internal/fault"
)

// A pairing holds a store and a broker together. A broker's committed offsets say that
// the outcomes of what was read are in the store; beside another store, or a new one,
// those questions would never be answered. So each notes the other:
//
//	embedded   identity.json in the broker's folder names the store, and the store names the broker
//	Kafka      the store names the cluster and the group, once it has been served beside them
//
// The first one, or one of a version without identities, is noted. What does
// not match is an error at start. With reset it is made to match, and nothing is deleted:
// the embedded broker's folder is moved aside, and of Kafka nothing is changed.
type pairing struct {
	store store.Properties
	where string // the store, in words
	reset bool
	log   *slog.Logger

	id    string // the store's
	grown bool   // it was in use before it had an id
}

// Names of the properties of a store.
const (
	embeddedBroker = "embedded broker"
	kafkaBroker    = "kafka" // some cluster and group are noted
)

func newPairing(ctx context.Context, s store.Properties, where string, reset bool, log *slog.Logger) (p pairing, err error) {
	p = pairing{store: s, where: where, reset: reset, log: log}
	var found bool
	if p.id, found, err = s.Property(ctx, store.Identity); err != nil {
		return p, err
	}
	if !found {
		return p, fmt.Errorf("serve: pair store and broker: %s has no identity: %w", where, fault.Damaged)
	}
	_, p.grown, err = s.Property(ctx, store.Grown)
	return p, err
}

// embedded returns an error unless the broker's folder belongs together with the store.
func (p pairing) embedded(ctx context.Context, dir string) error {
	id, known, used, err := broker.Look(dir)
	if err != nil {
		return p.settle(dir, fmt.Errorf("serve: look at the broker's folder %s: %w", dir, err))
	}
	last, paired, err := p.store.Property(ctx, embeddedBroker)
	if err != nil {
		return err
	}
	var cause error
	switch {
	case known && id.Store == p.id:
	case known && id.Store != "":
		cause = fmt.Errorf("the broker's folder %s belongs together with another store than %s: what the broker has handed out already is not in this one, and would never be answered", dir, p.where)
	case used && !paired && !p.grown:
		cause = fmt.Errorf("the broker's folder %s was in use, and %s is new: what the broker has handed out already is not in there, and would never be answered", dir, p.where)
	case used && paired:
		cause = fmt.Errorf("the broker's folder %s is not that of broker %s, beside which %s was last used", dir, last, p.where)
	case !used && paired:
		cause = fmt.Errorf("the folder of broker %s, beside which %s was last used, is not at %s: what it had not handed out yet would never be answered", last, p.where, dir)
	}
	if cause == nil {
		return nil
	}
	return p.settle(dir, fmt.Errorf("serve: pair store and broker: %w: %w", cause, fault.Conflict))
}

// settle moves a folder that cannot be used aside, if that was asked for.
func (p pairing) settle(dir string, cause error) error {
	if !p.reset {
		return fmt.Errorf("%w. Bring back what is missing, from a backup of the same time; or begin anew on purpose: start once with --reset, which moves %s aside, begins with an empty broker, and keeps the store as it is", cause, dir)
	}
	aside := dir + ".reset-" + time.Now().UTC().Format("20060102T150405.000Z")
	switch err := os.Rename(dir, aside); {
	case errors.Is(err, fs.ErrNotExist):
		p.log.Warn("reset: an empty broker begins", "because", cause)
	case err != nil:
		return fmt.Errorf("serve: reset: %w", err)
	default:
		p.log.Warn("reset: an empty broker begins, and what the one before had is moved aside: questions that were not answered yet are not asked any more", "moved", aside, "because", cause)
	}
	return nil
}

// open opens the embedded broker beside the store, and has both know each other.
func (p pairing) open(ctx context.Context, cfg broker.Config) (*broker.Broker, error) {
	if err := p.embedded(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	cfg.Store = p.id
	b, err := broker.Open(cfg)
	if errors.Is(err, fault.Damaged) {
		if err := p.settle(cfg.Dir, err); err != nil {
			return nil, err
		}
		b, err = broker.Open(cfg)
	}
	if err != nil {
		return nil, err
	}
	if err := p.store.SetProperty(ctx, embeddedBroker, b.Identity().Broker); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// kafka returns an error if the group has come further in a cluster that the store was
// never used beside than the cluster's earliest records.
func (p pairing) kafka(ctx context.Context, c *kafka.Client, group string) error {
	var cluster string
	err := p.insist(ctx, func() (err error) {
		cluster, err = c.Cluster(ctx)
		return err
	})
	if err != nil {
		return err
	}
	name := kafkaBroker + " " + cluster + " " + group
	if _, known, err := p.store.Property(ctx, name); known || err != nil {
		return err
	}
	var passed int64
	var told bool
	err = p.insist(ctx, func() (err error) {
		passed, told, err = c.Passed(ctx, ingest.TopicClips, ingest.TopicQuestions)
		return err
	})
	if err != nil {
		return err
	}
	_, others, err := p.store.Property(ctx, kafkaBroker)
	switch {
	case err != nil:
		return err
	case !told:
		p.log.Warn("this process may not read the group's offsets, so it is not known whether the store belongs together with this Kafka", "group", group)
		return nil
	case passed > 0 && p.reset:
		p.log.Warn("reset: the group goes on where it is, and what it has passed is not answered again", "group", group, "cluster", cluster, "records", passed)
	case passed > 0 && p.grown && !others:
		p.log.Info("the store and the group are noted as belonging together", "group", group, "cluster", cluster)
	case passed > 0:
		return fmt.Errorf("serve: pair store and broker: group %s has passed %d records of this Kafka, and %s was never used beside it: their outcomes are not in there, and they would never be answered: %w."+
			" Name the store that was used, or bring it back from a backup; to have all of these records answered again, set the group's offsets to the earliest while no process runs;"+
			" or begin anew on purpose: start once with --reset, which leaves them behind and changes nothing in Kafka", group, passed, p.where, fault.Conflict)
	}
	return errors.Join(p.store.SetProperty(ctx, kafkaBroker, "yes"), p.store.SetProperty(ctx, name, "yes"))
}

// insist asks a broker again and again while it does not answer.
func (p pairing) insist(ctx context.Context, ask func() error) error {
	for n := 0; ; n++ {
		err := ask()
		if !errors.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		if n%5 == 1 {
			p.log.Warn("Kafka does not tell the group's offsets, still asking", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// storeName is a store in words, without credentials.
func storeName(url, dataDir string) string {
	if url == "" {
		return "the store " + filepath.Join(dataDir, storeFile)
	}
	return "the store that --store-url names"
}
