package ops_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"videoqa/ingest"
	"videoqa/internal/ops"
	"videoqa/internal/ops/opstest"
	"videoqa/internal/trace"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
	parent  = "00-" + traceID + "-" + spanID + "-01"
)

// traced opens tracing to a collector; closed has everything sent.
func traced(t testing.TB) (tracing *ops.Tracing, closed func() []opstest.Span) {
	t.Helper()
	collector := opstest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tracing, err := ops.OpenTracing(t.Context(), "v0-test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tracing, func() []opstest.Span {
		if err := tracing.Close(); err != nil {
			t.Error(err)
		}
		return collector.Spans()
	}
}

func TestAQuestionsTraceGoesOnFromItsEventToItsAnswer(t *testing.T) {
	tracing, closed := traced(t)
	watch := ops.NewObserver(ops.NewMetrics("v0"), tracing)
	q := ingest.Question{ID: "q-1", Text: "what is it?", ClipID: "c-9", Camera: "dock-3"}
	f := watch.Follow(q, time.Now(), []ingest.Header{{Key: "traceparent", Value: []byte(parent)}, {Key: "tracestate", Value: []byte("vendor=x")}})
	f.Begin(trace.Decode)(nil)
	f.Begin(trace.Encode)(errors.New("out of memory"))
	headers := f.Headers()
	f.End(trace.Dead, ingest.Answer{})
	spans := closed()
	if len(spans) != 3 {
		t.Fatalf("%d spans: %+v", len(spans), spans)
	}
	question := spans[2]
	if question.Name != "answer a question" || question.Parent != spanID || !question.Failed || question.Attributes["videoqa.question.id"] != "q-1" ||
		question.Attributes["videoqa.question.fate"] != "dead" || question.Attributes["service.name"] != "videoqa" {
		t.Errorf("%+v", question)
	}
	for i, want := range []struct {
		name   string
		failed bool
	}{{"decode", false}, {"encode", true}} {
		if s := spans[i]; s.Name != want.name || s.Failed != want.failed || s.Parent != question.ID || s.Trace != traceID {
			t.Errorf("%+v; want %+v in the question's span", s, want)
		}
	}
	want := []ingest.Header{{Key: "traceparent", Value: []byte("00-" + traceID + "-" + question.ID + "-01")}, {Key: "tracestate", Value: []byte("vendor=x")}}
	for _, w := range want {
		if got, _ := (ingest.Record{Headers: headers}).Header(w.Key); got != string(w.Value) {
			t.Errorf("%s is %q; want %q", w.Key, got, w.Value)
		}
	}
}

func TestATraceThatIsNotSampledIsNotSentAndGoesOn(t *testing.T) {
	tracing, closed := traced(t)
	watch := ops.NewObserver(ops.NewMetrics("v0"), tracing)
	f := watch.Follow(ingest.Question{ID: "q-1"}, time.Now(), []ingest.Header{{Key: "traceparent", Value: []byte("00-" + traceID + "-" + spanID + "-00")}})
	got, _ := (ingest.Record{Headers: f.Headers()}).Header("traceparent")
	f.End(trace.Answered, ingest.Answer{})
	if spans := closed(); len(spans) != 0 || len(got) != len(parent) || got[3:35] != traceID || got[53:] != "00" {
		t.Errorf("%+v, traceparent %s", spans, got)
	}
}

// A request's span has its route's name, and its status however that comes about.
func TestAnHTTPRequestIsCountedAndPartOfItsCallersTrace(t *testing.T) {
	tracing, closed := traced(t)
	metrics := ops.NewMetrics("v0")
	get := listen(t, ops.NewHealth(), metrics)
	web := ops.NewWeb(metrics, tracing, []string{"GET /v1/models"})
	inner := ""
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, serve := range []struct {
		ctx     context.Context
		route   string
		handler http.HandlerFunc
	}{
		{t.Context(), "POST /v1/questions", func(_ http.ResponseWriter, r *http.Request) { inner = r.Header.Get("traceparent") }},
		{t.Context(), "GET /v1/clips/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }},
		{t.Context(), "GET /v1/answers", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("all")); w.WriteHeader(500) }},
		{t.Context(), "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }},
		{gone, "GET /v1/models", func(http.ResponseWriter, *http.Request) {}},
		{t.Context(), "GET /v1/models", func(http.ResponseWriter, *http.Request) { panic("a bug") }},
	} {
		request := httptest.NewRequestWithContext(serve.ctx, "GET", "/", nil)
		request.Header.Set("traceparent", parent)
		handler := web.Around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if serve.route != "" {
				web.Routed(r.Context(), serve.route)
			}
			serve.handler(w, r)
		}))
		func() {
			defer func() { recover() }()
			handler.ServeHTTP(httptest.NewRecorder(), request)
		}()
	}
	spans := closed()
	for i, want := range []struct {
		name, route, status string
		failed              bool
	}{
		{"POST /v1/questions", "/v1/questions", "200", false}, {"GET /v1/clips/{id}", "/v1/clips/{id}", "404", false}, {"GET /v1/answers", "/v1/answers", "200", false},
		{"GET", "", "503", true}, {"GET /v1/models", "/v1/models", "499", false}, {"GET /v1/models", "/v1/models", "500", true},
	} {
		s := spans[i]
		if s.Name != want.name || s.Attributes["http.route"] != want.route || s.Attributes["http.response.status_code"] != want.status || s.Failed != want.failed || s.Parent != spanID {
			t.Errorf("%+v; want %+v", s, want)
		}
	}
	if want := "00-" + traceID + "-" + spans[0].ID + "-01"; inner != want {
		t.Errorf("inside, the traceparent is %s; want %s", inner, want)
	}
	_, scrape := get("/metrics")
	for series, want := range map[string]string{
		`vqa_http_requests_total{code="200",route="POST /v1/questions"}`: "1",
		`vqa_http_requests_total{code="499",route="GET /v1/models"}`:     "1",
		`vqa_http_requests_total{code="500",route="GET /v1/models"}`:     "1",
		`vqa_http_requests_total{code="429",route="GET /v1/models"}`:     "0",
		`vqa_http_requests_total{code="503",route="none"}`:               "1",
		`vqa_http_request_seconds_count{route="GET /v1/models"}`:         "2",
		`vqa_http_requests_in_flight`:                                    "0",
	} {
		if got := number(t, scrape, series); got != want {
			t.Errorf("%s is %s; want %s", series, got, want)
		}
	}
}

func TestWithoutTracingATraceIsHandedOn(t *testing.T) {
	var off *ops.Tracing
	came := []ingest.Header{{Key: "ce_id", Value: []byte("x")}, {Key: "traceparent", Value: []byte(parent)}}
	f := ops.NewObserver(ops.NewMetrics("v0"), off).Follow(ingest.Question{ID: "q-1"}, time.Now(), came)
	if got := f.Headers(); len(got) != 1 || string(got[0].Value) != parent {
		t.Errorf("%q", got)
	}
	f.Begin(trace.Decode)(nil)
	f.End(trace.Answered, ingest.Answer{})
	handler := http.NotFoundHandler()
	recorder := httptest.NewRecorder()
	ops.NewWeb(ops.NewMetrics("v0"), off, nil).Around(handler).ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	if err := off.Close(); err != nil || recorder.Code != 404 {
		t.Errorf("%v, %d", err, recorder.Code)
	}
}
