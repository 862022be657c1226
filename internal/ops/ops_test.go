package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/internal/ops"
	"videoqa/internal/trace"
)

// listen serves operations on a free port and returns how to get a path.
func listen(t *testing.T, health *ops.Health, metrics *ops.Metrics) func(path string) (status int, body string) {
	t.Helper()
	server, err := ops.Listen(ops.Config{Listen: "127.0.0.1:0", Health: health, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("told to end, Run returns %v", err)
		}
	})
	return func(path string) (int, string) {
		t.Helper()
		response, err := http.Get("http://" + server.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}

func TestReadinessNamesWhatIsNotReady(t *testing.T) {
	health, metrics := ops.NewHealth("model", "store", "stream"), ops.NewMetrics("v0")
	metrics.MustAdd(health.Source())
	get := listen(t, health, metrics)
	type said struct {
		Status string
		Parts  map[string]string
	}
	for _, step := range []struct {
		name   string
		change func()
		status int
		want   said
	}{
		{"at first", func() {}, 503, said{"not ready", map[string]string{"model": "starting", "store": "starting", "stream": "starting"}}},
		{"while one fails", func() {
			health.Watch("model", func(context.Context) error { return nil })
			health.Watch("store", func(context.Context) error { return errors.New("store: connection refused") })
			health.Watch("stream", func(context.Context) error { return nil })
		}, 503, said{"not ready", map[string]string{"model": "ready", "store": "store: connection refused", "stream": "ready"}}},
		{"in the end", func() { health.Watch("store", func(context.Context) error { return nil }) },
			200, said{"ready", map[string]string{"model": "ready", "store": "ready", "stream": "ready"}}},
	} {
		step.change()
		for _, path := range []string{"/health/ready", "/health", "/readyz", "/v1/health/ready"} {
			status, body := get(path)
			var got said
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != step.status || got.Status != step.want.Status || !maps.Equal(got.Parts, step.want.Parts) {
				t.Errorf("%s, %s gives %d %s; want %d %v", step.name, path, status, body, step.status, step.want)
			}
		}
		_, scrape := get("/metrics")
		for part, state := range step.want.Parts {
			want := map[bool]string{true: "1", false: "0"}[state == "ready"]
			if got := number(t, scrape, `vqa_ready{part="`+part+`"}`); got != want {
				t.Errorf("%s, vqa_ready of %s is %s; want %s", step.name, part, got, want)
			}
		}
		for _, path := range []string{"/health/live", "/livez", "/healthz", "/v1/health/live"} {
			if status, body := get(path); status != 200 || !strings.Contains(body, `"live"`) {
				t.Errorf("%s, %s gives %d %s", step.name, path, status, body)
			}
		}
	}
}

func TestReadinessWarnsAndStaysReady(t *testing.T) {
	health := ops.NewHealth()
	get := listen(t, health, ops.NewMetrics("v0"))
	if status, body := get("/health/ready"); status != 200 || strings.Contains(body, "warnings") {
		t.Errorf("at first it gives %d %s", status, body)
	}
	health.Warn("topic t has one replica")
	if status, body := get("/health/ready"); status != 200 || !strings.Contains(body, `"warnings":["topic t has one replica"]`) {
		t.Errorf("then it gives %d %s", status, body)
	}
}

func TestWhatIsDegradedIsSaidAndStaysReady(t *testing.T) {
	health, metrics := ops.NewHealth("store"), ops.NewMetrics("v0")
	metrics.MustAdd(health.Source())
	health.Watch("store", func(context.Context) error { return nil })
	get := listen(t, health, metrics)
	var wrong error
	health.Degrade("cache", func(context.Context) error { return wrong })
	if status, body := get("/health/ready"); status != 200 || !strings.Contains(body, `"cache":"ready"`) || strings.Contains(body, "degraded") {
		t.Errorf("at first it gives %d %s", status, body)
	}
	wrong = errors.New("connection refused")
	if status, body := get("/health/ready"); status != 200 || !strings.Contains(body, `"status":"ready"`) || !strings.Contains(body, `"cache":"degraded: connection refused"`) || !strings.Contains(body, `"degraded":["cache"]`) {
		t.Errorf("then it gives %d %s", status, body)
	}
	if _, scrape := get("/metrics"); strings.Contains(scrape, `vqa_ready{part="cache"}`) {
		t.Error("vqa_ready counts a part that nothing needs")
	}
	health.Watch("store", func(context.Context) error { return errors.New("gone") })
	if status, body := get("/health/ready"); status != 503 || !strings.Contains(body, `"degraded":["cache"]`) {
		t.Errorf("in the end it gives %d %s", status, body)
	}
	var nobody *ops.Health
	nobody.Degrade("cache", nil)
}

func TestACheckThatHangsDoesNotHoldUpTheOthers(t *testing.T) {
	health := ops.NewHealth()
	health.Watch("broker", func(ctx context.Context) error { select {} })
	health.Watch("store", func(context.Context) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if report := health.Report(ctx); report["broker"] == nil {
		t.Errorf("%v", report)
	}
}

func TestOnlyProfilesMetricsAndHealthAreServed(t *testing.T) {
	get := listen(t, ops.NewHealth(), ops.NewMetrics("v0"))
	for path, want := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/goroutine?debug=1": 200, "/metrics": 200, "/": 404, "/v1/questions": 404,
	} {
		if status, _ := get(path); status != want {
			t.Errorf("%s gives %d; want %d", path, status, want)
		}
	}
}

func TestAWebPageCannotReadALoopbackListener(t *testing.T) {
	server, err := ops.Listen(ops.Config{Listen: "127.0.0.1:0", Health: ops.NewHealth(), Metrics: ops.NewMetrics("v0")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	_, port, _ := strings.Cut(server.Addr(), ":")
	for host, want := range map[string]int{"localhost:" + port: 200, "127.0.0.1:" + port: 200, "localhost": 200, "page.example:" + port: 403, "page.example": 403} {
		request, err := http.NewRequest("GET", "http://"+server.Addr()+"/health/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != want {
			t.Errorf("as %s it gives %d; want %d", host, response.StatusCode, want)
		}
	}
}

func TestAListenerThatCannotBeIsAnError(t *testing.T) {
	good := ops.Config{Listen: "127.0.0.1:0", Health: ops.NewHealth(), Metrics: ops.NewMetrics("v0")}
	first, err := ops.Listen(good)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer first.Run(ctx)
	for want, change := range map[string]func(*ops.Config){
		"address already in use": func(c *ops.Config) { c.Listen = first.Addr() },
		"Listen":                 func(c *ops.Config) { c.Listen = "8081" },
		"Health, Metrics":        func(c *ops.Config) { c.Health = nil },
	} {
		bad := good
		change(&bad)
		if _, err := ops.Listen(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// number returns the value of one series of a scrape.
func number(t *testing.T, scrape, series string) string {
	t.Helper()
	for line := range strings.Lines(scrape) {
		if value, found := strings.CutPrefix(line, series+" "); found {
			return strings.TrimSpace(value)
		}
	}
	return "missing"
}

func TestMetricsCountEachQuestionOnceAndEachStageOfItsAnswer(t *testing.T) {
	metrics := ops.NewMetrics("v0-test")
	get := listen(t, ops.NewHealth(), metrics)
	watch := ops.NewObserver(metrics, nil)
	follow := func(q ingest.Question) trace.Trace { return watch.Follow(q, time.Now(), nil) }

	a := follow(ingest.Question{ID: "q-1", Text: "what is it?"})
	a.Begin(trace.Queue)(nil)
	a.Begin(trace.Publish)(nil)
	a.End(trace.Answered, ingest.Answer{Cost: ingest.Cost{QueueMS: 2, DecodeMS: 40, EncodeMS: 100}})
	follow(ingest.Question{ID: "q-1", Text: "what is it?"}).End(trace.Repeated, ingest.Answer{})
	m, err := ingest.Question{ID: "q-2", Text: "is it?", Kind: ingest.YesNo}.Message(ingest.TopicQuestions, "videoqa", ingest.NewTime(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	watch.Follow(ingest.Question{ID: "q-2", Text: "is it?", Kind: ingest.YesNo}, time.Now(), m.Headers).End(trace.Answered, ingest.Answer{Abstained: true})
	follow(ingest.Question{ID: "q-3", Kind: "no such kind"}).End(trace.Dead, ingest.Answer{})
	follow(ingest.Question{ID: "q-4", Text: "what is it?"}).End(trace.Waiting, ingest.Answer{})
	held := follow(ingest.Question{ID: "q-5", Text: "what is it?"})
	held.Begin(trace.Queue)
	dropped := follow(ingest.Question{ID: "q-6", Text: "what is it?"})
	dropped.Begin(trace.Queue)
	dropped.End(trace.Dropped, ingest.Answer{})
	watch.DeadLetter("bad-video")
	watch.DeadLetter("made up by an event")
	metrics.Batch(3)
	metrics.Unpublished(2)

	_, scrape := get("/metrics")
	for series, want := range map[string]string{
		`vqa_questions_total{kind="open",outcome="answered",route="stream"}`:  "1",
		`vqa_questions_total{kind="yesno",outcome="abstained",route="http"}`:  "1",
		`vqa_questions_total{kind="other",outcome="dead",route="stream"}`:     "1",
		`vqa_questions_total{kind="caption",outcome="answered",route="http"}`: "0",
		`vqa_answers_published_total{result="failed"}`:                        "2",
		`vqa_answers_published_total{result="new"}`:                           "3",
		`vqa_answers_published_total{result="repeat"}`:                        "1",
		`vqa_answer_latency_seconds_sum{stage="decode"}`:                      "0.04",
		`vqa_answer_latency_seconds_bucket{stage="encode",le="0.1"}`:          "2",
		`vqa_answer_latency_seconds_bucket{stage="encode",le="0.05"}`:         "1",
		`vqa_answer_latency_seconds_count{stage="generate"}`:                  "2",
		`vqa_answer_latency_seconds_count{stage="recall"}`:                    "missing",
		`vqa_answer_age_seconds_count`:                                        "2",
		`vqa_dlq_total{reason="bad-video"}`:                                   "1",
		`vqa_dlq_total{reason="other"}`:                                       "1",
		`vqa_dlq_total{reason="conflict"}`:                                    "0",
		`vqa_batch_size_sum`:                                                  "3",
		`vqa_questions_in_hand`:                                               "1",
		`vqa_queue_questions`:                                                 "1",
		`vqa_native_leaked_total`:                                             "0",
	} {
		if got := number(t, scrape, series); got != want {
			t.Errorf("%s is %s; want %s", series, got, want)
		}
	}
	for _, want := range []string{`vqa_build_info{goversion="go1.`, `version="v0-test"} 1`, "go_goroutines ", "process_resident_memory_bytes ", "process_open_fds ", "vqa_native_heap_bytes "} {
		if !strings.Contains(scrape, want) {
			t.Errorf("%q is not in a scrape", want)
		}
	}
}

func TestASourceIsReadAtEachScrape(t *testing.T) {
	metrics := ops.NewMetrics("v0")
	var lag atomic.Int64
	lag.Store(7)
	source := ops.Source{Name: "vqa_consumer_lag_records", Help: "Records.", Labels: []string{"topic", "partition"}, Read: func(emit ops.Emit) { emit(float64(lag.Load()), "vqa.questions.v1", "0") }}
	if err := metrics.Add(source); err != nil {
		t.Fatal(err)
	}
	get := listen(t, ops.NewHealth(), metrics)
	for _, want := range []string{"7", "3"} {
		_, scrape := get("/metrics")
		if got := number(t, scrape, `vqa_consumer_lag_records{partition="0",topic="vqa.questions.v1"}`); got != want {
			t.Errorf("the lag is %s; want %s", got, want)
		}
		lag.Store(3)
	}
	if err := metrics.Add(source); err == nil {
		t.Error("a name may be taken twice")
	}
}
