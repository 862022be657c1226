package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"videoqa/answers/api"
	"videoqa/answers/features/redis"
	"videoqa/answers/store/postgres"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/internal/config"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
	"videoqa/internal/models"
	"videoqa/internal/ops"
)

// A preparation makes one part of serve from its settings, as far as that goes
// without a server and without a change to the disk, and lets it go again.
type preparation struct {
	flag string // that chooses it
	try  func() error
}

// Prepare finds everything for which serve would refuse to start before it talks to
// a server. serve and config check both call it, so neither takes what the other
// refuses. Without files, files and folders that the settings name are not looked
// for: the settings are for another machine.
func (s *Settings) Prepare(ctx context.Context, p *Process, files bool) error {
	wrong := s.wrong(p)
	if p.Wrong != nil {
		wrong = append([]error{p.Wrong}, wrong...)
	}
	reported := map[string]bool{}
	for _, err := range wrong {
		reported[err.Error()] = true
	}
	for _, one := range s.preparations(ctx, p, files) {
		err := one.try()
		if err == nil || reported[err.Error()] {
			continue
		}
		reported[err.Error()] = true
		wrong = append(wrong, fmt.Errorf("%s: %w", p.said(one.flag), err))
	}
	return refusal(wrong)
}

func (s *Settings) preparations(ctx context.Context, p *Process, files bool) []preparation {
	list := []preparation{
		{"--store-url", s.prepareStore}, {"--redis-url", func() error { return s.prepareRedis(files) }},
		{"--kafka-brokers", func() error { return s.prepareKafka(files) }}, {"--kafka-listen", s.prepareBroker},
		{"--ops-listen", func() error { return prepareAddress(s.OpsListen, files) }}, {"--listen", func() error { return s.prepareHTTP(files) }},
		{"tracing", func() error { return prepareTracing(ctx, p) }},
	}
	if files {
		list = append(list,
			preparation{"--model", func() error { return s.prepareModels(p) }}, preparation{"--media-roots", s.prepareMedia}, preparation{"--api-keys-file", s.prepareKeys},
			preparation{"--data-dir", func() error { return s.prepareData(p) }}, preparation{"--spool-url", s.prepareSpool})
	}
	return list
}

func (s *Settings) prepareStore() error {
	switch {
	case s.Store.URL == "":
		return nil
	case !isPostgres(s.Store.URL):
		return errNotPostgres
	}
	return postgres.CheckURL(s.Store.URL)
}

func (s *Settings) prepareRedis(files bool) error {
	if s.Redis.URL == "" {
		return nil
	}
	cfg := redis.Config{URL: s.Redis.URL, TTL: s.Redis.TTL}
	if files {
		cfg.CAFile = s.Redis.CA
	}
	store, err := redis.New(cfg)
	if err != nil {
		return err
	}
	return store.Close()
}

func (s *Settings) prepareKafka(files bool) error {
	cfg := s.kafka()
	for _, address := range cfg.Brokers {
		if err := brokerAddress(address); err != nil {
			return err
		}
	}
	if len(cfg.Brokers) == 0 {
		cfg.Brokers = []string{s.Kafka.Listen} // its own
	}
	if !files {
		cfg.Security.CAFile, cfg.Security.CertFile, cfg.Security.KeyFile = "", "", ""
	}
	client, err := kafka.New(cfg)
	if err != nil {
		return err
	}
	return client.Close()
}

// brokerAddress refuses an address that can never be reached.
func brokerAddress(address string) error {
	if address == "" || strings.ContainsAny(address, "/ ") {
		return fmt.Errorf("%q is not HOST:PORT, as kafka:9092: %w", address, fault.BadRequest)
	}
	if _, port, err := net.SplitHostPort(address); err == nil {
		return checkPort(port)
	}
	return nil
}

func checkPort(port string) error {
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%q is not a port, from 0 to 65535: %w", port, fault.BadRequest)
	}
	return nil
}

func (s *Settings) prepareBroker() error {
	if len(s.Kafka.Brokers) > 0 {
		return nil
	}
	return broker.Config{Listen: s.Kafka.Listen}.Validate()
}

// prepareAddress judges an address to listen on, and whether this machine has it. The
// port is not taken: a service that runs may have it, with good reason.
func prepareAddress(address string, here bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address and a port, as 127.0.0.1:8080: %w", address, fault.BadRequest)
	}
	if err := checkPort(port); err != nil || !here {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	return listener.Close()
}

func (s *Settings) prepareHTTP(here bool) error {
	if s.Listen == "" || s.Role == roleWorker {
		return nil
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return nil // wrong has said so
	}
	return prepareAddress(s.Listen, here)
}

func prepareTracing(ctx context.Context, p *Process) error {
	if !p.traces() {
		return nil
	}
	tracing, err := ops.OpenTracing(ctx, p.Version, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return tracing.Close()
}

func (s *Settings) prepareModels(p *Process) error {
	library, err := p.Library()
	if err != nil {
		return err
	}
	if _, err := os.Stat(library); err != nil {
		return fmt.Errorf("find ONNX Runtime: %w", err)
	}
	names := map[string]bool{}
	for _, f := range s.List.Each() {
		name, err := checkModel(f, p, library)
		if err == nil && names[name] {
			err = fmt.Errorf("two models are called %s: give one another name, as --model NAME=%s: %w", name, f.Model, fault.BadRequest)
		}
		if err != nil {
			return err
		}
		names[name] = true
	}
	return nil
}

// checkModel finds what is wrong with one model, and returns its name.
func checkModel(f modelflags.Flags, p *Process, library string) (name string, err error) {
	c, err := f.Checkpoint(p.Machine)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.Name, models.Check(c, f.Config("", library))
}

func (s *Settings) prepareMedia() error {
	fetcher, err := media.New(s.media())
	if err != nil {
		return err
	}
	return fetcher.Close()
}

func (s *Settings) prepareKeys() error {
	if s.APIKeysFile == "" {
		return nil
	}
	_, err := api.OpenKeys(s.APIKeysFile)
	return err
}

func (s *Settings) prepareData(p *Process) (err error) {
	dir := s.DataDir
	if dir == "" {
		if dir, err = config.DataDir(p.Getenv); err != nil {
			return err
		}
	}
	for {
		err := mayWrite(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir) // it is made, with what is missing above it
	}
}

// prepareSpool does not make the folder, as serve does.
func (s *Settings) prepareSpool() error {
	at, err := spoolPlace(s.Spool.URL, s.DataDir)
	if err != nil || s.Spool.URL == "" || at.dir == "" {
		return nil // wrong has judged it, or it is below the data folder
	}
	if err := mayWrite(at.dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := mayWrite(filepath.Dir(at.dir)); err != nil {
		return fmt.Errorf("a folder is made, but none above it: %w", err)
	}
	return nil
}

func mayWrite(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is not a folder: %w", dir, fault.BadRequest)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("write into %s: %w", dir, err)
	}
	return nil
}
