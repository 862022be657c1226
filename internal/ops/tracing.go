package ops

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"videoqa/ingest"
	"videoqa/internal/trace"
)

// Tracing sends spans to a collector. A nil Tracing makes none and hands on the
// trace that an event came with.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   oteltrace.Tracer
	context  propagation.TraceContext
}

// OpenTracing returns tracing to where OpenTelemetry's variables say
// (OTEL_EXPORTER_OTLP_ENDPOINT and the rest, OTEL_TRACES_SAMPLER,
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), which its SDK reads itself. A
// collector that is down costs spans and nothing else, and is logged.
func OpenTracing(ctx context.Context, version string, log *slog.Logger) (*Tracing, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("cannot send spans", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("ops: open tracing: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "videoqa"), attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("ops: open tracing: %w", err)
	}
	return tracingTo(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

func tracingTo(options ...sdk.TracerProviderOption) *Tracing {
	provider := sdk.NewTracerProvider(options...)
	return &Tracing{provider: provider, tracer: provider.Tracer("videoqa")}
}

// Close sends what is left, for at most 5 s.
func (t *Tracing) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("ops: close tracing: %w", err)
	}
	return nil
}

// request begins the span of a request, which the request's own traceparent
// names from then on: who serves it hands that on with what it publishes. route is
// "" if none of ours served it.
func (t *Tracing) request(r *http.Request) (ctx context.Context, end func(route string, status int)) {
	if t == nil {
		return r.Context(), func(string, int) {}
	}
	headers := propagation.HeaderCarrier(r.Header)
	ctx, self := t.tracer.Start(t.context.Extract(r.Context(), headers), r.Method, oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(attribute.String("http.request.method", r.Method)))
	t.context.Inject(ctx, headers)
	return ctx, func(route string, status int) {
		if route != "" { // a path would be one of too many
			_, path, _ := strings.Cut(route, " ")
			self.SetName(route)
			self.SetAttributes(attribute.String("http.route", path))
		}
		self.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			self.SetStatus(codes.Error, http.StatusText(status))
		}
		self.End()
	}
}

// A span is a question's part of a trace, or what it came with if nothing is
// traced.
type span struct {
	tracing *Tracing
	self    oteltrace.Span
	came    []ingest.Header
}

// follow begins a question's span, in the trace that headers name.
func (t *Tracing) follow(q ingest.Question, headers []ingest.Header) span {
	if t == nil {
		return span{came: trace.Context(headers)}
	}
	ctx := t.context.Extract(context.Background(), carrier{&headers})
	_, self := t.tracer.Start(ctx, "answer a question", oteltrace.WithSpanKind(oteltrace.SpanKindConsumer), oteltrace.WithAttributes(
		attribute.String("videoqa.question.id", q.ID), attribute.String("videoqa.question.kind", string(q.AsKind())),
		attribute.String("videoqa.clip.id", q.ClipID), attribute.String("videoqa.camera", q.Camera)))
	return span{tracing: t, self: self}
}

// begin begins a stage's span.
func (s span) begin(stage string) (end func(error)) {
	if s.self == nil {
		return func(error) {}
	}
	_, child := s.tracing.tracer.Start(oteltrace.ContextWithSpan(context.Background(), s.self), stage)
	return func(err error) {
		if err != nil {
			child.SetStatus(codes.Error, err.Error())
		}
		child.End()
	}
}

// headers place what is written for the question in its trace.
func (s span) headers() []ingest.Header {
	if s.self == nil {
		return s.came
	}
	var headers []ingest.Header
	s.tracing.context.Inject(oteltrace.ContextWithSpan(context.Background(), s.self), carrier{&headers})
	return headers
}

func (s span) end(d trace.Disposition) {
	if s.self == nil {
		return
	}
	s.self.SetAttributes(attribute.String("videoqa.question.fate", string(d)))
	if d == trace.Dead || d == trace.Refused {
		s.self.SetStatus(codes.Error, "dead letter")
	}
	s.self.End()
}

// A carrier lets OpenTelemetry read and write a record's headers.
type carrier struct{ headers *[]ingest.Header }

// Get implements [propagation.TextMapCarrier].
func (c carrier) Get(name string) string {
	value, _ := ingest.Record{Headers: *c.headers}.Header(name)
	return value
}

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(name, value string) {
	*c.headers = append(*c.headers, ingest.Header{Key: name, Value: []byte(value)})
}

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() (names []string) {
	for _, h := range *c.headers {
		names = append(names, h.Key)
	}
	return names
}
