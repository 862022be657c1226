package ops

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Emit reports one number, with a value for each label.
type Emit func(value float64, labels ...string)

// A Source is a number that another part keeps, read at each scrape.
type Source struct {
	Name, Help string
	Labels     []string // names; their values are few
	Counts     bool     // it only grows
	Read       func(emit Emit)
}

// Add registers further sources. It returns an error for a name that
// is taken or cannot be one.
func (m *Metrics) Add(sources ...Source) error {
	for _, s := range sources {
		kind := prometheus.GaugeValue
		if s.Counts {
			kind = prometheus.CounterValue
		}
		if err := m.registry.Register(collector{s, kind, prometheus.NewDesc(s.Name, s.Help, s.Labels, nil)}); err != nil {
			return fmt.Errorf("ops: add metric %s: %w", s.Name, err)
		}
	}
	return nil
}

// MustAdd is Add for names that are fixed in our own source.
func (m *Metrics) MustAdd(sources ...Source) {
	if err := m.Add(sources...); err != nil {
		panic(err)
	}
}

// A collector is a source as Prometheus wants it.
type collector struct {
	Source
	kind prometheus.ValueType
	desc *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements [prometheus.Collector].
func (c collector) Collect(metrics chan<- prometheus.Metric) {
	c.Read(func(value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(c.desc, c.kind, value, labels...)
	})
}
