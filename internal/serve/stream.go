package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"videoqa/answers/live"
	"videoqa/answers/upload"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/fault"
)

// A Stream is everything between the broker and the model, on one data folder.
type Stream struct {
	DataDir string
	Store   string        // URL; "": SQLite in the data folder
	Keep    *retention    // of the store; nil: for ever
	Listen  string        // of the embedded broker
	Kafka   kafka.Config  // without Brokers: the embedded broker
	Media   media.Config  // but for SpoolDir
	Work    worker.Config // but for the four interfaces
	Topics  TopicSettings
	Asker   worker.Asker // nil: questions are not answered here
	Uploads uploads      // nil: there are none
	Limits  mediaLimits  // of media; zero: the usual
	Peers   *peers       // nil: no other process shares the store
	HTTP    httpSide
	Observe observer // zero: none
	Reset   bool     // begin anew where store and broker do not belong together
	Log     *slog.Logger
	Ready   func(brokers []string, http string) // told once the topics are there, and where HTTP is; nil: nobody

	keeper   *upload.Keeper // nil: there are no uploads
	embedded bool           // the broker is our own
	pairing  pairing
}

// Run serves until ctx ends, and returns when everything is closed.
func (s Stream) Run(ctx context.Context) (err error) {
	put := func(what string, close func() error) {
		if failed := close(); failed != nil {
			err = errors.Join(err, fmt.Errorf("serve: close %s: %w", what, failed))
		}
	}
	dir, err := openDataDir(s.DataDir)
	if err != nil {
		return err
	}
	defer put("the data folder", dir.Close)
	db, err := openStore(ctx, s.Store, dir.path)
	if err != nil {
		return err
	}
	defer put("the store", db.Close)
	if s.pairing, err = newPairing(ctx, db, storeName(s.Store, dir.path), s.Reset, s.Log); err != nil {
		return err
	}
	if len(s.Kafka.Brokers) == 0 {
		b, err := s.pairing.open(ctx, broker.Config{Dir: dir.file("broker"), Group: s.Kafka.Group, Listen: s.Listen, Log: s.Log})
		switch {
		case errors.Is(err, fault.Conflict), errors.Is(err, fault.Damaged), errors.Is(err, fs.ErrPermission):
			return err
		case err != nil:
			return fmt.Errorf("%w (--kafka-listen chooses another address, --kafka-brokers a broker of yours)", err)
		}
		defer b.Close()
		s.Kafka.Brokers, s.embedded = []string{b.Addr()}, true
	}
	s.Observe.store(db)
	s.Observe.condition(ctx, db, s.Log)
	s.Observe.Health.Watch(partData, seldom(room(dir.path)))
	if s.Peers != nil {
		s.Work.Elsewhere = s.Peers.elsewhere
	}
	s.Media.SpoolDir = dir.file("spool")
	if s.Uploads != nil {
		s.Media.Spool = s.Uploads
		defer s.Keep.sweep(ctx, s.Uploads, s.Log)()
	}
	fetcher, err := media.New(s.Media)
	if err != nil {
		return err
	}
	defer put("media", fetcher.Close)
	s.Kafka.Log = s.Log
	client, err := kafka.New(s.Kafka)
	if err != nil {
		return err
	}
	defer put("the Kafka client", client.Close)
	s.Work.Stream, s.Work.Store, s.Work.Media, s.Work.Asker = s.Observe.publishing(client), db, fetcher, s.Asker
	if s.Limits == (mediaLimits{}) {
		s.Limits = usualLimits()
	}
	s.Work.Limits = s.Limits.of
	s.Work.Journal = dir.file("journal")
	s.Work.Exit = func(why string) {
		s.Log.Error("a call hangs: the process ends; when it starts again, questions in progress are read again", "why", why)
		os.Exit(Hung)
	}
	if s.Uploads != nil {
		s.keeper = upload.New(s.Uploads, db, s.Log)
		s.Work.Uploads = s.keeper
	}
	s.Work.Group, s.Work.Log, s.Work.Observer = s.Kafka.Group, s.Log, s.Observe.Observer
	s.Work.Words = live.NewHub()
	defer s.Keep.begin(ctx, db, s.Log)()
	if s.Peers != nil && s.Store == "" && !s.embedded {
		s.Peers.lonely = lonelyIn(client, s.Kafka.Group)
	}
	defer s.Peers.begin(ctx, db, s.Observe.Health)()
	return s.work(ctx, client)
}

func (s Stream) work(ctx context.Context, client *kafka.Client) (err error) {
	if err := client.Ensure(ctx, s.topics()); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before there was anything to do
		}
		return err
	}
	if !s.embedded {
		if err := s.pairing.kafka(ctx, client, s.Kafka.Group); err != nil {
			return err
		}
	}
	if err := s.checkRetention(ctx, client); err != nil {
		return err
	}
	if err := s.warnOfFrailty(ctx, client); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.HTTP.Config.Words = s.Work.Words
	s.HTTP.Config.Stream, s.HTTP.Config.Store, s.HTTP.Config.Group, s.HTTP.Config.Log = client, s.Work.Store, s.Kafka.Group, s.Log
	journal, run, err := s.workers()
	if err != nil {
		return err
	}
	if err := journal.Recover(ctx); err != nil {
		return err
	}
	s.HTTP.Config.Pictures = pictures{s.Work.Media, journal, s.Limits}
	if s.Uploads != nil {
		s.HTTP.Config.Spool = s.Uploads
	}
	address, stop, err := s.HTTP.begin(fail, s.Work.Grace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s.Observe.stream(client, s.Asker != nil)
	if s.Ready != nil {
		s.Ready(s.Kafka.Brokers, address)
	}
	return run(ctx)
}

// workers returns the journal of this process's calls into C, and what it runs until
// ctx ends: a worker, if it has an asker.
func (s Stream) workers() (*worker.CrashJournal, func(context.Context) error, error) {
	if s.Asker == nil {
		return worker.NewCrashJournal(s.Work), func(ctx context.Context) error {
			if s.keeper != nil {
				s.keeper.Run(ctx)
			}
			<-ctx.Done()
			return nil
		}, nil
	}
	w, err := worker.New(s.Work)
	if err != nil {
		return nil, nil, err
	}
	return w.CrashJournal, w.Run, nil
}

// checkRetention refuses topics that keep records longer than the store keeps their
// outcomes: one that is read again then would be answered again.
func (s Stream) checkRetention(ctx context.Context, client *kafka.Client) error {
	kept, err := client.Retention(ctx, []string{ingest.TopicClips, ingest.TopicQuestions})
	if err != nil {
		return err
	}
	return s.Keep.covers(kept)
}

// warnOfFrailty has readiness and the log say which topics a lost broker would harm.
// Of the embedded broker that is known.
func (s Stream) warnOfFrailty(ctx context.Context, client *kafka.Client) error {
	if s.embedded {
		return nil
	}
	var names []string
	for _, t := range s.topics() {
		names = append(names, t.Name)
	}
	warnings, err := client.Frail(ctx, names)
	for _, w := range warnings {
		s.Log.Warn(w)
		s.Observe.Health.Warn(w)
	}
	return err
}

func spell(d time.Duration) string {
	if d == 0 {
		return "ever"
	}
	return d.String()
}

func (s Stream) topics() (all []kafka.Topic) {
	for _, name := range []string{ingest.TopicClips, ingest.TopicQuestions, ingest.TopicAnswers, ingest.TopicDeadLetters} {
		all = append(all, kafka.Topic{Name: name, Partitions: s.Topics.Partitions, Retention: s.Topics.Retention})
	}
	return all
}
