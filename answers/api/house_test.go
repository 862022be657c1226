package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"videoqa/answers"
	"videoqa/answers/api"
	"videoqa/answers/live"
	"videoqa/answers/store"
	"videoqa/answers/store/sqlite"
	"videoqa/answers/upload"
	"videoqa/answers/worker"
	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/ingest/media"
	"videoqa/ingest/media/spool"
	"videoqa/internal/fault"
	"videoqa/internal/vlm"
)

// patience is how long a test waits for anything at all. What takes so long is stuck.
const patience = time.Minute

// client gives up on a reply that does not come, so that a test fails and says where.
var client = &http.Client{Timeout: patience}

// A house is the interface with a real broker, store, spool and worker behind it.
type house struct {
	t       *testing.T
	cfg     api.Config
	url     string
	clips   string
	brokers []string
	db      string // the store's file
	store   *flaky
	spool   telling
	client  *kafka.Client
	words   *live.Hub
	hold    sync.RWMutex // locked by holdAsker: the asker waits

	document libopenapi.Document
	contract validator.Validator
	mu       sync.Mutex
	seen     map[string]bool // "GET /v1/models 200"
}

// A kept spool is one of either kind.
type kept interface {
	api.Spool
	media.Spool
	Used(ctx context.Context) (int64, error)
}

// A telling spool says when an upload begins, and can be made to remove nothing.
type telling struct {
	kept
	began chan struct{} // holds one token once an upload has begun
	stuck *atomic.Bool
}

// forget forgets uploads that have begun before.
func (s telling) forget() {
	select {
	case <-s.began:
	default:
	}
}

func (s telling) Put(ctx context.Context, r io.Reader, accept func(string) error) (digest string, size int64, err error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	return s.kept.Put(ctx, r, accept)
}

func (s telling) Remove(ctx context.Context, digest string) error {
	if s.stuck.Load() {
		return fmt.Errorf("spool: remove: the disk is read-only: %w", fault.Unavailable)
	}
	return s.kept.Remove(ctx, digest)
}

// A flaky store can be made to fail.
type flaky struct {
	store.Store
	down, damaged bool
}

func (f *flaky) fail() error {
	if f.damaged {
		return fmt.Errorf("store: a page is damaged: %w: %w", fault.Unavailable, fault.Damaged)
	}
	if f.down {
		return fmt.Errorf("store: no connection: %w", fault.Unavailable)
	}
	return nil
}

func (f *flaky) Claim(ctx context.Context, name, content string) (string, error) {
	if err := f.fail(); err != nil {
		return "", err
	}
	return f.Store.Claim(ctx, name, content)
}

func (f *flaky) Clip(ctx context.Context, id string) (ingest.Clip, store.ClipState, error) {
	if err := f.fail(); err != nil {
		return ingest.Clip{}, store.Unknown, err
	}
	return f.Store.Clip(ctx, id)
}

func (f *flaky) PutClip(ctx context.Context, c ingest.Clip, at time.Time) error {
	return errors.Join(f.fail(), f.Store.PutClip(ctx, c, at))
}

func (f *flaky) Answer(ctx context.Context, id string) (store.Outcome, bool, error) {
	if err := f.fail(); err != nil {
		return store.Outcome{}, false, err
	}
	return f.Store.Answer(ctx, id)
}

func (f *flaky) Answers(ctx context.Context, q store.AnswerQuery) (store.Page, error) {
	if err := f.fail(); err != nil {
		return store.Page{}, err
	}
	return f.Store.Answers(ctx, q)
}

func (f *flaky) ListClips(ctx context.Context, q store.ClipQuery) (store.ClipPage, error) {
	if err := f.fail(); err != nil {
		return store.ClipPage{}, err
	}
	return f.Store.ListClips(ctx, q)
}

// A reader answers with what a file says.
type reader struct{ h *house }

func (a reader) Ask(ctx context.Context, about answers.About, questions []ingest.Question) (results []answers.Result, err error) {
	a.h.hold.RLock()
	defer a.h.hold.RUnlock()
	s, _ := about.(answers.Subject)
	var until *ingest.Time
	if f, is := about.(answers.Footage); is { // its first clip stands for all
		file, err := f.Clips[0].Open(ctx)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from, to := ingest.NewTime(f.Clips[0].Start), ingest.NewTime(f.Clips[0].End)
		until = &to
		s = answers.Subject{ClipID: f.Clips[0].ID, Camera: f.Camera, Start: &from, Reader: file.Reader, Size: file.Size, Digest: file.Digest, Words: f.Words}
	}
	if s.Start != nil && until == nil { // the clips of the tests are of ten seconds
		to := ingest.NewTime(s.Start.Add(10 * time.Second))
		until = &to
	}
	text := make([]byte, s.Size)
	if _, err := s.Reader.ReadAt(text, 0); err != nil {
		return nil, fmt.Errorf("read: %w: %w", err, fault.BadVideo)
	}
	if string(text) == "broken" {
		return nil, fmt.Errorf("its head is torn off: %w", fault.BadVideo)
	}
	id := s.ClipID
	if id == "" {
		id = ingest.NamelessClip(s.Digest)
	}
	for i, q := range questions {
		if s.Words != nil { // as a model would, with a mistake at first
			s.Words(i, 0, "wrong")
			s.Words(i, 0, string(text[:len(text)/2]))
			s.Words(i, len(text)/2, string(text[len(text)/2:]))
		}
		results = append(results, answers.Result{Answer: ingest.Answer{
			ID: "a-" + q.ID, QuestionID: q.ID, Camera: s.Camera, Question: q.Text, Kind: q.AsKind(), Text: string(text), Score: 0.5, Evidence: []ingest.Evidence{},
			Clips:    []ingest.SeenClip{{ID: id, Digest: s.Digest, Start: s.Start}},
			Start:    s.Start,
			End:      until,
			Sampling: ingest.Sampling{Policy: "uniform", Requested: 1, Frames: []ingest.SeenFrame{{ClipID: id, PTS: 0.5}}, Notes: []ingest.Note{}},
			Model:    ingest.Model{Name: "reader", Digest: "sha256:x", Precision: "fp32", Preprocess: "hub", Device: "cpu"},
			Cache:    ingest.CacheUse{Prefix: "miss"}, ProducedAt: ingest.NewTime(time.Now()),
		}})
	}
	return results, nil
}

// JPEG gives a clip's bytes for a picture.
func (h *house) JPEG(_ context.Context, c ingest.Clip, at time.Duration) ([]byte, error) {
	if at > time.Minute {
		return nil, fmt.Errorf("no such time: %w", fault.NotFound)
	}
	return []byte("\xff\xd8" + c.ID), nil
}

func newHouse(t *testing.T) *house {
	folder, err := spool.Open(spool.Config{Dir: t.TempDir(), MaxBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	return newHouseWith(t, folder)
}

func newHouseWith(t *testing.T, uploads kept) *house {
	h := &house{t: t, clips: t.TempDir(), seen: map[string]bool{}, words: live.NewHub()}
	b, err := broker.Open(broker.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	h.brokers = []string{b.Addr()}
	if h.client, err = kafka.New(kafka.Config{Brokers: []string{b.Addr()}, Group: "videoqa", Grace: time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.client.Close() })
	var topics []kafka.Topic
	for _, name := range []string{ingest.TopicClips, ingest.TopicQuestions, ingest.TopicAnswers, ingest.TopicDeadLetters} {
		topics = append(topics, kafka.Topic{Name: name, Partitions: 2, Retention: time.Hour})
	}
	if err := h.client.Ensure(t.Context(), topics); err != nil {
		t.Fatal(err)
	}
	h.db = filepath.Join(t.TempDir(), "store.db")
	db, err := sqlite.Open(t.Context(), h.db)
	if err != nil {
		t.Fatal(err)
	}
	h.store = &flaky{Store: db}
	h.spool = telling{uploads, make(chan struct{}, 1), new(atomic.Bool)}
	h.work(db)
	h.cfg = api.Config{
		Stream: h.client, Store: h.store, Spool: h.spool, Pictures: h, Words: h.words, Wait: 20 * time.Second, Waiting: 4, Uploads: 1,
		Models: []api.Model{{Model: ingest.Model{Name: "reader", Digest: "sha256:x", Precision: "fp32", Preprocess: "hub", Device: "cpu"}, Frames: 6, Family: "git", Can: []vlm.Ability{vlm.Ask}}},
	}
	h.url = h.serve(h.cfg)
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if h.document, err = libopenapi.NewDocument(text); err != nil {
		t.Fatal(err)
	}
	var errs []error
	if h.contract, errs = validator.NewValidator(h.document); len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, errs := h.contract.ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("openapi.yaml is not OpenAPI 3.1: %s %+v", e.Message, e.SchemaValidationErrors)
		}
	}
	return h
}

// work runs a worker until the test ends.
func (h *house) work(db *sqlite.Store) {
	fetcher, err := media.New(media.Config{Roots: []string{h.clips}, SpoolDir: h.t.TempDir(), Spool: h.spool})
	if err != nil {
		h.t.Fatal(err)
	}
	w, err := worker.New(worker.Config{Stream: h.client, Store: db, Media: fetcher, Asker: reader{h}, Words: h.words, Uploads: upload.New(h.spool, db, nil), Grace: time.Second})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, db.Close(), fetcher.Close()); err != nil {
			h.t.Error(err)
		}
	})
}

// holdAsker lets the asker wait until release is called, or the test ends: the worker's
// end waits for the asker.
func (h *house) holdAsker() (release func()) {
	h.hold.Lock()
	release = sync.OnceFunc(h.hold.Unlock)
	h.t.Cleanup(release)
	return release
}

// uploadBegins waits until an upload has begun since the last [telling.forget].
func (h *house) uploadBegins() {
	h.t.Helper()
	select {
	case <-h.spool.began:
	case <-time.After(patience):
		h.t.Fatalf("no upload has begun after %v", patience)
	}
}

// begin sends a call; [house.replied] waits for its reply.
func (h *house) begin(send func() *call) <-chan *call {
	replied := make(chan *call, 1)
	go func() {
		defer close(replied) // also after a failure, which ends this goroutine only
		replied <- send()
	}()
	return replied
}

// replied is what a call that began was replied.
func (h *house) replied(begun <-chan *call) *call {
	h.t.Helper()
	c, ok := <-begun
	if !ok {
		h.t.Fatal("a call that began had no reply")
	}
	return c
}

// serve serves an interface until the test ends.
func (h *house) serve(cfg api.Config) (url string) {
	a, err := api.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	s := httptest.NewServer(a.Handler())
	h.t.Cleanup(s.Close)
	return s.URL
}

func (h *house) file(name, content string) (uri string) {
	path := filepath.Join(h.clips, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return "file://" + path
}

// A call is one request; what its reply was is in it afterwards.
type call struct {
	method, path string
	body         any // marshalled, if no string
	kind         string
	header       map[string]string
	host         string
	wrong        bool // the request is not as the contract has it

	status int
	reply  []byte
	head   http.Header
}

// do sends a call, and holds it and the reply to the contract.
func (h *house) do(c *call) *call {
	h.t.Helper()
	text, isText := c.body.(string)
	if !isText && c.body != nil {
		raw, err := json.Marshal(c.body)
		if err != nil {
			h.t.Fatal(err)
		}
		text = string(raw)
	}
	url := h.url
	if strings.HasPrefix(c.path, "http") {
		url = ""
	}
	make := func() *http.Request {
		r, err := http.NewRequestWithContext(h.t.Context(), c.method, url+c.path, strings.NewReader(text))
		if err != nil {
			h.t.Fatal(err)
		}
		if c.body != nil {
			r.Header.Set("Content-Type", "application/json")
		}
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		r.Host = c.host
		return r
	}
	response, err := client.Do(make())
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	c.reply, err = io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	c.status, c.head = response.StatusCode, response.Header
	h.compare(c, make(), response)
	return c
}

// compare compares a call with openapi.yaml.
func (h *house) compare(c *call, request *http.Request, response *http.Response) {
	h.t.Helper()
	route := h.routeOf(request.URL.Path)
	if route == "" || !h.takes(route, c.method) { // beside the contract
		return
	}
	upload := strings.HasPrefix(request.Header.Get("Content-Type"), "multipart/")
	if ok, errs := h.contract.ValidateHttpRequest(request); !ok && !c.wrong && !upload {
		for _, e := range errs {
			h.t.Errorf("%s %s is not as the contract has it: %s %s %+v", c.method, c.path, e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
	response.Body = io.NopCloser(bytes.NewReader(c.reply))
	request.Body = http.NoBody
	if ok, errs := h.contract.ValidateHttpResponse(request, response); !ok {
		for _, e := range errs {
			h.t.Errorf("%s %s: the reply %d %.300s is not as the contract has it: %s %s %+v", c.method, c.path, c.status, c.reply, e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen[fmt.Sprint(c.method, " ", route, " ", c.status)] = true
}

// takes reports whether a path of the contract has a method.
func (h *house) takes(route, method string) bool {
	item, _ := h.model().Paths.PathItems.Get(route)
	_, found := item.GetOperations().Get(strings.ToLower(method))
	return found
}

// routeOf is the contract's path of a request's.
func (h *house) routeOf(path string) string {
	parts := strings.Split(path, "/")
	best := ""
	for pair := h.model().Paths.PathItems.First(); pair != nil; pair = pair.Next() {
		if route := strings.Split(pair.Key(), "/"); len(route) == len(parts) && matches(route, parts) {
			best = pair.Key()
		}
	}
	return best
}

func matches(route, parts []string) bool {
	for i := range route {
		if route[i] != parts[i] && !strings.HasPrefix(route[i], "{") {
			return false
		}
	}
	return true
}

func (h *house) model() *v3.Document {
	m, err := h.document.BuildV3Model()
	if err != nil {
		h.t.Fatal(err)
	}
	return &m.Model
}

// want fails if a call's reply has another status, or misses some text.
func (h *house) want(c *call, status int, texts ...string) *call {
	h.t.Helper()
	h.do(c)
	if c.status != status {
		h.t.Errorf("%s %s replies %d %s; want %d", c.method, c.path, c.status, c.reply, status)
	}
	for _, text := range texts {
		if !strings.Contains(string(c.reply), text) {
			h.t.Errorf("%s %s replies %s; want %s in it", c.method, c.path, c.reply, text)
		}
	}
	return c
}

// wantOf is want, of a request that a [call] cannot describe.
func (h *house) wantOf(r *http.Request, status int, text string) {
	h.t.Helper()
	response, err := client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(reply), text) {
		h.t.Errorf("%s %s replies %d %s, %v; want %d and %s", r.Method, r.URL.Path, response.StatusCode, reply, err, status, text)
	}
}

// form is a body of two parts.
func form(t *testing.T, as, description, upload string) (body, kind string) {
	t.Helper()
	return formOf(t, as, "application/json", description, upload)
}

// formOf is a form whose first part is of some type; "": of none.
func formOf(t *testing.T, as, partType, description, upload string) (body, kind string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	head := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, as)}}
	if partType != "" {
		head.Set("Content-Type", partType)
	}
	part, err := w.CreatePart(head)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, description)
	if part, err = w.CreateFormFile("media", "clip.mp4"); err != nil {
		t.Fatal(err)
	}
	io.WriteString(part, upload)
	w.Close()
	return out.String(), w.FormDataContentType()
}

func random() string { return strings.ToLower(rand.Text()) }

// firstOf returns the first record of a topic.
func firstOf(t *testing.T, h *house, topic string) (first ingest.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var once sync.Once
	other, err := kafka.New(kafka.Config{Brokers: h.brokers, Group: "g-" + random(), Grace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = other.Consume(ctx, []string{topic}, func(_ context.Context, d *ingest.Delivery) {
		once.Do(func() { first = d.Record })
		d.Done()
		cancel()
	})
	if err != nil || first.Topic == "" {
		t.Fatalf("nothing came on %s: %v", topic, err)
	}
	return first
}
