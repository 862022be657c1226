package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/ingest/broker"
	"videoqa/ingest/kafka"
	"videoqa/internal/eventually"
	"videoqa/internal/ops/opstest"
	"videoqa/internal/trace"
)

// A process is `videoqa serve` in this one.
type process struct {
	t                 *testing.T
	broker, http, ops string // addresses
	stop              func() (status int)

	log  *bufio.Scanner
	said strings.Builder
}

var addresses = regexp.MustCompile(`msg=serving brokers=\[(\S+)\] http=(\S*) ops=(\S+) `)

// launch runs `videoqa serve` on free ports until the test ends, or until stop,
// which does what SIGTERM does. Its log has to be read: await, then quiet.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	log, said := io.Pipe()
	a := &App{In: strings.NewReader(""), Out: io.Discard, Err: said, Getenv: os.Getenv}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		status := a.run(ctx, append([]string{"serve", "--kafka-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"}, args...))
		said.Close()
		ended <- status
	}()
	p := &process{t: t, log: bufio.NewScanner(log)}
	p.stop = sync.OnceValue(func() int {
		go io.Copy(io.Discard, log)
		cancel()
		return <-ended
	})
	t.Cleanup(func() { p.stop() })
	found := addresses.FindStringSubmatch(p.await("msg=serving"))
	p.broker, p.http, p.ops = found[1], found[2], found[3]
	return p
}

// serveOn launches one on a data folder and returns its broker's address.
func serveOn(t *testing.T, data, roots string) (address string, stop func() int) {
	t.Helper()
	p := launch(t, "--data-dir", data, "--media-roots", roots)
	p.quiet()
	return p.broker, p.stop
}

// await reads the log up to a line with text.
func (p *process) await(text string) (line string) {
	p.t.Helper()
	for p.log.Scan() {
		p.said.WriteString(p.log.Text() + "\n")
		if strings.Contains(p.log.Text(), text) {
			return p.log.Text()
		}
	}
	p.t.Fatalf("serve ended with %d before it said %q:\n%s", p.stop(), text, p.said.String())
	return ""
}

// quiet lets the log run on unread.
func (p *process) quiet() {
	go func() {
		for p.log.Scan() {
		}
	}()
}

// get returns what the operations listener says.
func (p *process) get(path string) (status int, body string) {
	p.t.Helper()
	response, err := http.Get("http://" + p.ops + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// scrape returns the metrics once a line is among them: a question is counted
// only when its published outcome has been acknowledged, and so may be read.
func (p *process) scrape(line string) (body string) {
	p.t.Helper()
	eventually.True(p.t, "the metrics have "+line, func() bool {
		_, body = p.get("/metrics")
		return strings.Contains(body, line+"\n")
	})
	return body
}

// ask asks over HTTP, as part of a trace, and returns the status.
func (p *process) ask(method, path, body, traceparent string) int {
	p.t.Helper()
	request, err := http.NewRequest(method, "http://"+p.http+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", traceparent)
	status, _ := reply(p.t)(http.DefaultClient.Do(request))
	return status
}

// outcome publishes a question and returns its answer or dead letter.
func (p *process) outcome(q ingest.Question, headers ...ingest.Header) (found ingest.Record) {
	p.t.Helper()
	client, err := kafka.New(kafka.Config{Brokers: []string{p.broker}, Group: "outside-" + q.ID})
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	value, err := json.Marshal(q)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := client.Publish(p.t.Context(), ingest.Message{Topic: ingest.TopicQuestions, Key: []byte("k"), Value: value, Headers: headers}); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	var once sync.Once
	err = client.Consume(ctx, []string{ingest.TopicAnswers, ingest.TopicDeadLetters}, func(_ context.Context, d *ingest.Delivery) {
		if strings.Contains(string(d.Value), `"`+q.ID+`"`) {
			once.Do(func() { found = d.Record; cancel() })
		}
		d.Done()
	})
	if err != nil || found.Value == nil {
		p.t.Fatalf("no outcome of %s: %v", q.ID, err)
	}
	return found
}

func clipURI(t *testing.T) (roots, uri string) {
	t.Helper()
	folder, err := filepath.Abs("../../testdata/world/demo")
	if err != nil {
		t.Fatal(err)
	}
	return folder, "file://" + filepath.Join(folder, "yard.mp4")
}

func TestOperatorsSeeWhatAServingProcessDoes(t *testing.T) {
	collector := opstest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	roots, uri := clipURI(t)
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--media-roots", roots)
	p.quiet()
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	parent := ingest.Header{Key: "traceparent", Value: []byte("00-" + traceID + "-b7ad6b7169203331-01")}
	answer := p.outcome(ingest.Question{ID: "q-1", Text: "what is it?", URI: uri}, parent)
	p.outcome(ingest.Question{ID: "q-2", Text: "what is it?", URI: "file:///etc/passwd"})
	if status, body := p.get("/health/ready"); status != 200 || !strings.Contains(body, `"stream":"ready"`) {
		t.Errorf("serving, it says %d %s", status, body)
	}
	scrape := p.scrape(`vqa_questions_total{kind="open",outcome="dead",route="stream"} 1`) // counted last
	for _, want := range []string{
		`vqa_questions_total{kind="open",outcome="answered",route="stream"} 1`, `vqa_questions_total{kind="open",outcome="dead",route="stream"} 1`,
		`vqa_dlq_total{reason="refused-uri"} 1`, `vqa_answer_latency_seconds_count{stage="generate"} 1`, `vqa_answer_age_seconds_count 1`,
		`vqa_feature_cache_misses_total{level="frames"} 6`, `vqa_feature_cache_misses_total{level="prefixes"} 1`, `vqa_frames_total{state="encoded"} 6`,
		`vqa_batch_size_count 1`, `vqa_questions_waiting 0`, `vqa_ready{part="stream"} 1`, `vqa_feature_cache_breaker{state="none"} 1`,
		`vqa_frames_total{state="sampled"} 6`, `vqa_frames_total{state="dropped"} 0`,
		`vqa_answers_published_total{result="failed"} 0`, `vqa_spool_bytes 0`, `vqa_spool_quota_bytes 2.147483648e+10`, `vqa_http_requests_total{code="429",route="POST /v1/questions"} 0`,
	} {
		if !strings.Contains(scrape, want+"\n") {
			t.Errorf("%q is not in a scrape", want)
		}
	}
	if !strings.Contains(scrape, `vqa_consumer_lag_records{partition="`) {
		t.Error("no lag is in a scrape")
	}
	if status := p.stop(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
	spans := map[string]opstest.Span{}
	for _, s := range collector.Spans() {
		if s.Trace == traceID {
			spans[s.Name] = s
		}
	}
	question := spans["answer a question"]
	if got, _ := answer.Header("traceparent"); got != "00-"+traceID+"-"+question.ID+"-01" || question.Parent != "b7ad6b7169203331" {
		t.Errorf("the answer's traceparent is %q, its span %+v", got, question)
	}
	for _, stage := range append(trace.Stages(), trace.Recall) {
		if s, ok := spans[stage]; !ok || s.Parent != question.ID || s.Failed {
			t.Errorf("the span of %s is %+v", stage, s)
		}
	}
}

// Through the guard and the routes of the real interface: the span of a request is
// named after its route, and the question's goes on from it.
func TestAnHTTPQuestionIsCountedAndTracedFromItsRequestToItsAnswer(t *testing.T) {
	collector := opstest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	roots, uri := clipURI(t)
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--media-roots", roots, "--redis-url", "redis://127.0.0.1:1") // one that is down
	p.quiet()
	const trace = "1af7651916cd43dd8448eb211c80319c"
	parent := "00-" + trace + "-b7ad6b7169203331-01"
	for _, call := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/questions", `{"uri":"` + uri + `","questions":[{"question_id":"q-1","question":"what is it?"}]}`, 200},
		{"GET", "/v1/clips/c-none", "", 404}, {"GET", "/no/such/place", "", 404},
	} {
		if status := p.ask(call.method, call.path, call.body, parent); status != call.status {
			t.Errorf("%s %s gives %d; want %d", call.method, call.path, status, call.status)
		}
	}
	scrape := p.scrape(`vqa_questions_total{kind="open",outcome="answered",route="http"} 1`)
	for _, want := range []string{
		`vqa_questions_total{kind="open",outcome="answered",route="http"} 1`, `vqa_http_requests_total{code="200",route="POST /v1/questions"} 1`,
		`vqa_http_requests_total{code="404",route="GET /v1/clips/{id}"} 1`, `vqa_http_requests_total{code="404",route="none"} 1`,
		`vqa_feature_cache_misses_total{level="redis"} 6`, `vqa_feature_cache_hits_total{level="redis"} 0`, `vqa_http_request_seconds_count{route="POST /v1/questions"} 1`,
	} {
		if !strings.Contains(scrape, want+"\n") {
			t.Errorf("%q is not in a scrape", want)
		}
	}
	if status := p.stop(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
	spans := map[string]opstest.Span{}
	for _, s := range collector.Spans() {
		if s.Trace == trace {
			spans[s.Name] = s
		}
	}
	for name, status := range map[string]string{"POST /v1/questions": "200", "GET /v1/clips/{id}": "404", "GET": "404"} {
		if s, ok := spans[name]; !ok || s.Attributes["http.response.status_code"] != status || s.Parent != "b7ad6b7169203331" {
			t.Errorf("the span of %s is %+v; want status %s", name, s, status)
		}
	}
	if question := spans["answer a question"]; question.Parent != spans["POST /v1/questions"].ID {
		t.Errorf("the question's span is %+v; want it in %+v", question, spans["POST /v1/questions"])
	}
}

func TestHangupReloadsTheFileOfSettings(t *testing.T) {
	file := write(t, "log_level: info\n")
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--config", file)
	if err := os.WriteFile(file, []byte("log_level: debug\nkafka_group: other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.await("only a restart puts into effect\" setting=kafka_group now=other")
	p.await("msg=\"settings reloaded\" changed=1")
}

func TestASecondOperationsListenerIsRefusedByName(t *testing.T) {
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"))
	p.quiet()
	a, _, errs := app(t, "HOME="+t.TempDir(), "VIDEOQA_OPS_LISTEN="+p.ops, "VIDEOQA_ONNXRUNTIME="+os.Getenv("VIDEOQA_ONNXRUNTIME"))
	if status := a.run(t.Context(), []string{"serve"}); status != failed || !strings.Contains(errs.String(), p.ops) || !strings.Contains(errs.String(), "--ops-listen") {
		t.Errorf("status %d: %s", status, errs)
	}
}

// A process that only takes requests has no partitions that it could lose: it asks.
func TestAProcessThatOnlyServesHTTPIsNotReadyWithoutABroker(t *testing.T) {
	b, err := broker.Open(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	closed := sync.OnceFunc(b.Close)
	defer closed()
	p := launch(t, "--role", "api", "--kafka-brokers", b.Addr(), "--single-process", "--data-dir", filepath.Join(t.TempDir(), "data"))
	p.quiet()
	if status, body := p.get("/health/ready"); status != 200 || !strings.Contains(body, `"stream":"ready"`) {
		t.Errorf("beside a broker it says %d %s", status, body)
	}
	closed()
	status, body := 200, ""
	eventually.True(t, "it is not ready", func() bool { // what was found is kept for seconds
		status, body = p.get("/health/ready")
		return status != 200
	})
	if status != 503 || !strings.Contains(body, "no broker answers") || !strings.Contains(body, `"store":"ready"`) {
		t.Errorf("without one it says %d %s", status, body)
	}
}

func TestACollectorThatIsDownCostsSpansAndNothingElse(t *testing.T) {
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+down.Addr().String())
	down.Close()
	roots, uri := clipURI(t)
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--media-roots", roots)
	p.quiet()
	p.outcome(ingest.Question{ID: "q-1", Text: "what is it?", URI: uri})
	if status := p.stop(); status != 0 {
		t.Errorf("it exits with %d", status)
	}
}
