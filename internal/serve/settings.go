package serve

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"videoqa/answers"
	"videoqa/answers/features"
	"videoqa/answers/features/redis"
	"videoqa/answers/worker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/ingest/media/bucket"
	"videoqa/internal/config"
	"videoqa/internal/fault"
	"videoqa/internal/modelflags"
)

// Settings are everything that can be set of a service. Each line is a flag, a
// variable and a key of the file at once; see [videoqa/internal/config].
type Settings struct {
	Config string `env:"VIDEOQA_CONFIG" placeholder:"FILE" help:"YAML file of settings: each flag below is a key, as kafka_brokers, or brokers under kafka. A variable comes before the file, a flag before both."`
	modelflags.List
	AnswerSettings
	Cache CacheSettings `embed:"" prefix:"cache-"`

	Role        string        `env:"VIDEOQA_ROLE" default:"all" enum:"all,worker,api" help:"What this process does: ${enum}."`
	Listen      string        `env:"VIDEOQA_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS:PORT" help:"Where the HTTP interface is served; empty: nowhere (${default})."`
	APIKeysFile string        `name:"api-keys-file" env:"VIDEOQA_API_KEYS_FILE" placeholder:"FILE" reload:"" help:"File with the names and hashes of the API keys. Without it, only programs of this machine may use the HTTP interface, and --listen has to be a loopback address."`
	OpsListen   string        `env:"VIDEOQA_OPS_LISTEN" default:"127.0.0.1:8081" placeholder:"ADDRESS:PORT" help:"Where health, metrics and profiles are served. Do not expose it to the internet (${default})."`
	DataDir     string        `env:"VIDEOQA_DATA_DIR" placeholder:"DIR" help:"Folder of the embedded broker's topics, of clips and of outcomes; without it, $$XDG_DATA_HOME/videoqa or ~/.local/share/videoqa."`
	Single      bool          `name:"single-process" env:"VIDEOQA_SINGLE_PROCESS" help:"With --kafka-brokers: this process is the only one of its group, so it may keep outcomes (without --store-url) and uploads (without --spool-url) in its data folder."`
	Redis       RedisSettings `embed:"" prefix:"redis-"`
	Store       StoreSettings `embed:"" prefix:"store-"`
	Kafka       KafkaSettings `embed:"" prefix:"kafka-"`
	Media       MediaSettings `embed:"" prefix:"media-"`
	S3          S3Settings    `embed:"" prefix:"s3-"`
	Spool       SpoolSettings `embed:"" prefix:"spool-"`
	Work        WorkSettings  `embed:"" prefix:"work-"`
	Topics      TopicSettings `embed:"" prefix:"topic-"`
	Log         LogSettings   `embed:"" prefix:"log-"`
}

// AnswerSettings say how answers are made.
type AnswerSettings struct {
	Beam         int     `env:"VIDEOQA_BEAM" placeholder:"N" help:"Width of beam search; the model's authors used 4. Without it, decoding is greedy."`
	MaxTokens    int     `env:"VIDEOQA_MAX_TOKENS" default:"20" placeholder:"N" help:"Most tokens of an answer (${default})."`
	AbstainBelow float64 `env:"VIDEOQA_ABSTAIN_BELOW" default:"0" placeholder:"P" help:"Abstain where the score is below this (${default})."`
}

// CacheSettings bound what is remembered in this process.
type CacheSettings struct {
	Features config.Bytes `env:"VIDEOQA_CACHE_FEATURES" default:"32MiB" placeholder:"SIZE" help:"Memory for frames' features (${default})."`
	Prefixes config.Bytes `env:"VIDEOQA_CACHE_PREFIXES" default:"96MiB" placeholder:"SIZE" help:"Memory for clips' prefixes, the decoder's keys and values (${default})."`
}

// RedisSettings name the cache of features that processes share.
type RedisSettings struct {
	URL string        `env:"VIDEOQA_REDIS_URL" placeholder:"redis://…" help:"Redis that keeps frames' features for all processes, behind the cache of this one: redis://, rediss:// or unix://. Without it, each process has its own."`
	CA  string        `name:"ca" env:"VIDEOQA_REDIS_CA" placeholder:"FILE" help:"PEM file of the certificate authority of Redis; without it, the system's authorities."`
	TTL time.Duration `env:"VIDEOQA_REDIS_TTL" default:"24h" placeholder:"TIME" help:"How long Redis keeps a frame's features (${default})."`
}

// StoreSettings say where clips, questions and their outcomes are kept.
type StoreSettings struct {
	URL       string        `env:"VIDEOQA_STORE_URL" placeholder:"postgres://…" help:"PostgreSQL that several processes share. Without it, SQLite in the data folder."`
	Retention time.Duration `env:"VIDEOQA_STORE_RETENTION" default:"720h" placeholder:"TIME" reload:"" help:"How long clips and outcomes are kept; it has to be at least as long as the topics keep records (${default})."`
}

// KafkaSettings name the broker.
type KafkaSettings struct {
	Brokers   []string      `env:"VIDEOQA_KAFKA_BROKERS" placeholder:"HOST:PORT" help:"Addresses of Kafka brokers. Without it, the embedded broker is started."`
	Listen    string        `env:"VIDEOQA_KAFKA_LISTEN" default:"127.0.0.1:9092" placeholder:"ADDRESS:PORT" help:"Where the embedded broker listens, a loopback address (${default})."`
	Group     string        `env:"VIDEOQA_KAFKA_GROUP" default:"videoqa" placeholder:"NAME" help:"Consumer group (${default})."`
	Session   time.Duration `env:"VIDEOQA_KAFKA_SESSION" default:"6s" placeholder:"TIME" help:"A process without a heartbeat for this long loses its partitions to the others of the group (${default})."`
	Heartbeat time.Duration `env:"VIDEOQA_KAFKA_HEARTBEAT" default:"2s" placeholder:"TIME" help:"Time between heartbeats to the group (${default})."`

	TLS      bool   `name:"tls" env:"VIDEOQA_KAFKA_TLS" help:"Use TLS with the brokers."`
	CAFile   string `name:"ca-file" env:"VIDEOQA_KAFKA_CA_FILE" placeholder:"FILE" help:"PEM file of the certificate authorities of the brokers; without it, the system's authorities."`
	CertFile string `name:"cert-file" env:"VIDEOQA_KAFKA_CERT_FILE" placeholder:"FILE" help:"PEM file of the client certificate for the brokers."`
	KeyFile  string `name:"key-file" env:"VIDEOQA_KAFKA_KEY_FILE" placeholder:"FILE" help:"PEM file of the client certificate's private key."`
	SASL     string `name:"sasl" env:"VIDEOQA_KAFKA_SASL" placeholder:"MECHANISM" help:"SASL mechanism: PLAIN (with TLS only), SCRAM-SHA-256 or SCRAM-SHA-512; without it, no SASL."`
	User     string `name:"user" env:"VIDEOQA_KAFKA_USER" placeholder:"NAME" help:"User name for SASL."`
	Password string `name:"password" env:"VIDEOQA_KAFKA_PASSWORD" placeholder:"PASSWORD" secret:"" help:"Password for SASL."`
}

func (k KafkaSettings) security() kafka.Security {
	return kafka.Security{TLS: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile, SASL: k.SASL, User: k.User, Password: k.Password}
}

// MediaSettings say what an event may name.
type MediaSettings struct {
	Roots       []string      `env:"VIDEOQA_MEDIA_ROOTS" placeholder:"DIR" verbatim:"" help:"Folders below which file: URIs may be read; without it, none may."`
	HTTP        bool          `env:"VIDEOQA_MEDIA_HTTP" help:"Fetch http: URIs too. They are not encrypted: others on the network can read and change what is fetched."`
	Ports       []uint16      `env:"VIDEOQA_MEDIA_PORTS" placeholder:"N" help:"Ports from which media may be fetched; without it, 80 and 443."`
	Networks    []string      `env:"VIDEOQA_MEDIA_NETWORKS" placeholder:"PREFIX" help:"Private networks from which media may be fetched, as 10.2.0.0/16; without it, only public addresses."`
	MaxBytes    config.Bytes  `env:"VIDEOQA_MEDIA_MAX_BYTES" default:"64MiB" placeholder:"SIZE" help:"Largest clip that is fetched over the network (${default})."`
	MaxDuration time.Duration `env:"VIDEOQA_MEDIA_MAX_DURATION" default:"10m" placeholder:"TIME" help:"Longest clip that is fetched over the network (${default})."`
	Timeout     time.Duration `env:"VIDEOQA_MEDIA_TIMEOUT" default:"2m" placeholder:"TIME" help:"Time limit for fetching one clip (${default})."`
}

// SpoolSettings bound what is uploaded over HTTP.
type SpoolSettings struct {
	URL         string        `env:"VIDEOQA_SPOOL_URL" placeholder:"URL" help:"Where uploads are kept for all processes of the group: a folder that all of them see, as file:///srv/uploads (created if the folder above it exists), or s3://bucket/prefix on --s3-endpoint. Without it, a folder in the data folder."`
	MaxBytes    config.Bytes  `env:"VIDEOQA_SPOOL_MAX_BYTES" default:"64MiB" placeholder:"SIZE" help:"Largest upload, for clips and for questions (${default})."`
	MaxDuration time.Duration `env:"VIDEOQA_SPOOL_MAX_DURATION" default:"10m" placeholder:"TIME" help:"Longest video that may be uploaded, for clips and for questions (${default})."`
	Quota       config.Bytes  `env:"VIDEOQA_SPOOL_QUOTA" default:"20GiB" placeholder:"SIZE" help:"Limit for all uploads together (${default})."`
}

// S3Settings name a store of objects, for s3: URIs and for uploads.
type S3Settings struct {
	Endpoint  string   `env:"VIDEOQA_S3_ENDPOINT" placeholder:"https://HOST" help:"S3-compatible store from which s3: URIs are read; without it, none are."`
	Region    string   `env:"VIDEOQA_S3_REGION" default:"us-east-1" placeholder:"NAME" help:"Region of the S3 store (${default})."`
	AccessKey string   `env:"VIDEOQA_S3_ACCESS_KEY" placeholder:"ID" help:"Access key id for the S3 store."`
	SecretKey string   `env:"VIDEOQA_S3_SECRET_KEY" secret:"" placeholder:"KEY" help:"Secret access key for the S3 store. Give it as a variable: flags can be seen by other users of the machine."`
	Prefixes  []string `env:"VIDEOQA_S3_PREFIXES" placeholder:"BUCKET/PREFIX" help:"Buckets, or prefixes in them, that s3: URIs may name; without it, none."`
}

// WorkSettings say how questions are worked on.
type WorkSettings struct {
	Slots    int             `env:"VIDEOQA_WORK_SLOTS" default:"3" placeholder:"N" help:"Clips that are worked on at the same time. One camera gets at most all but one of these slots (${default})."`
	Queue    int             `env:"VIDEOQA_WORK_QUEUE" default:"256" placeholder:"N" help:"Questions that may wait for a slot in memory. Above it, questions with on_overload: drop are dropped, and those of a camera that has its share wait in the store (${default})."`
	Ahead    int             `env:"VIDEOQA_WORK_AHEAD" default:"64" placeholder:"N" help:"New clips that may wait to be encoded before anybody asks about them; -1: none are (${default})."`
	Wait     time.Duration   `env:"VIDEOQA_WORK_WAIT" default:"10m" placeholder:"TIME" help:"How long a question without a deadline waits for its clip or footage (${default})."`
	Retries  []time.Duration `env:"VIDEOQA_WORK_RETRIES" default:"10s,1m,10m" placeholder:"TIME" help:"Pauses before a failed question is tried again (${default})."`
	Patience time.Duration   `env:"VIDEOQA_WORK_PATIENCE" default:"5m" placeholder:"TIME" help:"Time limit for answering the questions about one clip, without fetching it (${default})."`
	Grace    time.Duration   `env:"VIDEOQA_WORK_GRACE" default:"20s" placeholder:"TIME" help:"How long work that has begun may go on after the process is told to stop (${default})."`
}

// TopicSettings are those of topics that we create.
type TopicSettings struct {
	Partitions int           `env:"VIDEOQA_TOPIC_PARTITIONS" default:"4" placeholder:"N" help:"Partitions of topics that are created (${default})."`
	Retention  time.Duration `env:"VIDEOQA_TOPIC_RETENTION" default:"168h" placeholder:"TIME" help:"How long topics that are created keep records (${default})."`
}

// LogSettings are about the log on standard error.
type LogSettings struct {
	JSON  bool         `name:"json" env:"VIDEOQA_LOG_JSON" help:"Write the log as JSON, not as text."`
	Level config.Level `env:"VIDEOQA_LOG_LEVEL" default:"info" placeholder:"LEVEL" reload:"" help:"Lowest level that is logged: debug, info, warn or error (${default})."`
}

// Check finds what cannot be right whatever the world outside is like.
func (s *Settings) Check(p *Process) error { return refusal(s.wrong(p)) }

// refusal is all of them as one error; nil: there are none.
func refusal(wrong []error) error {
	if len(wrong) == 0 {
		return nil
	}
	return wrongSettings(wrong)
}

// wrongSettings is what is wrong with settings, a line each.
type wrongSettings []error

// Error implements [error].
func (w wrongSettings) Error() string {
	lines := strings.Split(errors.Join(w...).Error(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, ": "+fault.BadRequest.Error()) // it is said of them all
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return "these settings are wrong:\n  " + strings.Join(lines, "\n  ")
}

// Unwrap is for [errors.Is].
func (w wrongSettings) Unwrap() []error { return append([]error{fault.BadRequest}, w...) }

func (s *Settings) wrong(p *Process) (wrong []error) {
	wrong = append(wrong, s.checkHTTP()...)
	if _, err := prefixes(s.Media.Networks); err != nil {
		wrong = append(wrong, err)
	}
	if len(s.Kafka.Brokers) > 0 && !s.Single && s.Store.URL == "" {
		wrong = append(wrong, fmt.Errorf("with --kafka-brokers, give --store-url, or say --single-process if this is the only process of group %s: its outcomes are kept in its own data folder, where no other would find them", s.Kafka.Group))
	}
	if s.Store.Retention < s.Topics.Retention {
		wrong = append(wrong, fmt.Errorf("--store-retention %v is less than --topic-retention %v: a record that is read again would be answered again", s.Store.Retention, s.Topics.Retention))
	}
	if err := s.Kafka.security().Validate(); err != nil {
		wrong = append(wrong, err)
	}
	if len(s.Kafka.Brokers) == 0 && s.Kafka.security() != (kafka.Security{}) {
		wrong = append(wrong, errors.New("--kafka-tls and --kafka-sasl go with --kafka-brokers: its own broker listens on loopback only, in plain text"))
	}
	if len(s.Kafka.Brokers) == 0 && s.Single {
		wrong = append(wrong, errors.New("--single-process goes with --kafka-brokers"))
	}
	return append(wrong, s.checkBounds(p)...)
}

// checkBounds finds numbers that make no sense.
func (s *Settings) checkBounds(p *Process) (wrong []error) {
	for _, bound := range []struct {
		name string
		ok   bool
		want string
	}{
		{"--kafka-heartbeat", s.Kafka.Heartbeat > 0 && s.Kafka.Heartbeat < s.Kafka.Session, "more than nothing and less than --kafka-session"},
		{"--work-queue", s.Work.Queue > 0, "at least 1"},
		{"--work-slots", s.Work.Slots > 0, "at least 1"},
		{"--work-wait", s.Work.Wait > 0, "more than nothing"},
		{"--work-patience", s.Work.Patience > 0, "more than nothing"},
		{"--work-grace", s.Work.Grace > 0, "more than nothing"},
		{"--media-max-bytes", s.Media.MaxBytes > 0, "more than nothing"},
		{"--media-max-duration", s.Media.MaxDuration > 0, "more than nothing"},
		{"--spool-max-duration", s.Spool.MaxDuration > 0, "more than nothing"},
		{"--media-timeout", s.Media.Timeout > 0, "more than nothing"},
		{"--cache-prefixes", s.Cache.Prefixes > 0, "more than nothing"},
		{"--redis-ttl", s.Redis.TTL > 0, "more than nothing"},
		{"--spool-max-bytes", s.Spool.MaxBytes > 0, "more than nothing"},
		{"--spool-quota", s.Spool.Quota > 0, "more than nothing"},
		{"--topic-partitions", s.Topics.Partitions > 0, "at least 1"},
		{"--topic-retention", s.Topics.Retention > 0, "more than nothing"},
		{"--max-tokens", s.MaxTokens > 0, "at least 1"},
		{"--threads", s.Threads >= 0, "at least 0"},
		{"--beam", s.Beam >= 0, "at least 0"},
		{"--abstain-below", s.AbstainBelow >= 0 && s.AbstainBelow <= 1, "from 0 to 1"},
	} {
		if !bound.ok {
			wrong = append(wrong, fmt.Errorf("%s has to be %s", p.said(bound.name), bound.want))
		}
	}
	return wrong
}

// A featureStore keeps frames' features: in this process, and in Redis behind it
// if there is one.
type featureStore struct {
	features.Store
	memory *features.Memory
	redis  *redis.Store // nil: none
}

func (s *Settings) features() (featureStore, error) {
	memory := features.NewMemory(int64(s.Cache.Features))
	if s.Redis.URL == "" {
		return featureStore{memory, memory, nil}, nil
	}
	shared, err := redis.New(redis.Config{URL: s.Redis.URL, CAFile: s.Redis.CA, TTL: s.Redis.TTL})
	if err != nil {
		return featureStore{}, err
	}
	return featureStore{features.NewNear(memory, shared), memory, shared}, nil
}

// Close ends its connections.
func (f featureStore) Close() error {
	if f.redis == nil {
		return nil
	}
	return f.redis.Close()
}

// breaker reports whether Redis is asked, or "none".
func (f featureStore) breaker() string {
	if f.redis == nil {
		return "none"
	}
	return f.redis.State()
}

// said is a flag's name with where its value was written, if it was.
func (p *Process) said(flag string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(flag, "--"), "-", "_")
	for _, v := range p.Values {
		if v.Name == name && v.Origin != config.Default && v.Origin != config.Flag {
			return fmt.Sprintf("%s (%s, %s)", flag, v.Shown, v.Origin)
		}
	}
	return flag
}

// checkHTTP finds what is wrong with the HTTP interface.
func (s *Settings) checkHTTP() (wrong []error) {
	if s.Role == roleAPI && s.Listen == "" {
		wrong = append(wrong, errors.New("--role api needs --listen"))
	}
	if s.Role == roleAPI && len(s.Kafka.Brokers) == 0 {
		wrong = append(wrong, errors.New("--role api needs --kafka-brokers and --store-url, which it shares with the workers"))
	}
	if _, err := spoolPlace(s.Spool.URL, s.DataDir); err != nil {
		wrong = append(wrong, err)
	}
	if strings.HasPrefix(s.Spool.URL, "s3:") && s.S3.Endpoint == "" {
		wrong = append(wrong, errors.New("--spool-url s3: needs --s3-endpoint"))
	}
	for _, prefix := range s.S3.Prefixes {
		name, _, _ := strings.Cut(prefix, "/")
		if err := bucket.CheckName(name); err != nil {
			wrong = append(wrong, fmt.Errorf("--s3-prefixes: %w", err))
		}
	}
	if s.S3.Endpoint != "" {
		if _, err := s.bucket(); err != nil {
			wrong = append(wrong, fmt.Errorf("--s3-endpoint: %w", err))
		}
	}
	if s.Listen == "" || s.Role == roleWorker {
		return wrong
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if ip := net.ParseIP(host); err != nil {
		wrong = append(wrong, fmt.Errorf("--listen %q is not an address and a port, as 127.0.0.1:8080", s.Listen))
	} else if s.APIKeysFile == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		wrong = append(wrong, fmt.Errorf("--listen %s is not on loopback, and without keys any machine that reaches it could ask: give --api-keys-file", s.Listen))
	}
	return wrong
}

// The roles of a process that are not all.
const (
	roleAPI    = "api"
	roleWorker = "worker"
)

// service says how answers are made by model.
func (s *Settings) service(models []answers.Model, store features.Store) answers.Config {
	return answers.Config{
		Model: models[0], More: models[1:], Features: store, PrefixBytes: int64(s.Cache.Prefixes),
		MaxTokens: s.MaxTokens, Beam: s.Beam, AbstainBelow: s.AbstainBelow, Clips: s.Work.Slots,
	}
}

func (s *Settings) kafka() kafka.Config {
	return kafka.Config{
		Brokers: s.Kafka.Brokers, Group: s.Kafka.Group, Session: s.Kafka.Session, Heartbeat: s.Kafka.Heartbeat, Grace: s.Work.Grace,
		Security: s.Kafka.security(),
	}
}

// bucket is the store of objects; nil: there is none.
func (s *Settings) bucket() (*bucket.Client, error) {
	if s.S3.Endpoint == "" {
		return nil, nil
	}
	return bucket.New(bucket.Config{Endpoint: s.S3.Endpoint, Region: s.S3.Region, AccessKey: s.S3.AccessKey, SecretKey: s.S3.SecretKey})
}

// prefixes reads networks.
func prefixes(texts []string) (list []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--media-networks: %q is not a network, as 10.2.0.0/16", text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func (s *Settings) media() media.Config {
	networks, _ := prefixes(s.Media.Networks) // check has judged them
	objects, _ := s.bucket()                  // and this
	return media.Config{Bucket: objects, Prefixes: s.S3.Prefixes, Roots: s.Media.Roots, HTTP: s.Media.HTTP, Ports: s.Media.Ports, Networks: networks, MaxBytes: int64(s.Media.MaxBytes), Timeout: s.Media.Timeout}
}

func (s *Settings) worker() worker.Config {
	return worker.Config{
		Group: s.Kafka.Group, Slots: s.Work.Slots, Queue: s.Work.Queue, Ahead: s.Work.Ahead, Wait: s.Work.Wait, Retries: s.Work.Retries, Patience: s.Work.Patience, Grace: s.Work.Grace,
	}
}
