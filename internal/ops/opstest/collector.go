// Package opstest is an OpenTelemetry collector for tests: what is sent to it
// over OTLP can be looked at.
//
//	collector := opstest.New(t)
//	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
//	… run something that is traced, and let it end …
//	for _, s := range collector.Spans() { … s.Name, s.Trace, s.Parent … }
package opstest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/proto"
)

// A Span is what tests look at; ids are hexadecimal, Parent is empty for none.
type Span struct {
	Name, Trace, ID, Parent string
	Attributes              map[string]string // those that are texts or whole numbers
	Failed                  bool
}

// A Collector keeps what it is sent.
type Collector struct {
	URL string

	mu    sync.Mutex
	spans []Span
}

// New starts a collector that runs until the test ends.
func New(t testing.TB) *Collector {
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("opstest: %s: %v", r.URL, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.keep(&sent)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) keep(sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				span := Span{
					Name: s.Name, Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Attributes: map[string]string{}, Failed: s.GetStatus().GetCode() == 2,
				}
				for _, a := range append(resource.Resource.GetAttributes(), s.Attributes...) {
					span.Attributes[a.Key] = a.Value.GetStringValue()
					if _, whole := a.Value.GetValue().(*common.AnyValue_IntValue); whole {
						span.Attributes[a.Key] = strconv.FormatInt(a.Value.GetIntValue(), 10)
					}
				}
				c.spans = append(c.spans, span)
			}
		}
	}
}

// Spans returns what was sent, in the order in which spans ended.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}
