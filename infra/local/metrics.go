package local

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// metrics counts what an operator watches. Labels are codes, never references or personal values.
type metrics struct {
	registry *prometheus.Registry
	steps    *prometheus.HistogramVec
	failures *prometheus.CounterVec
	cases    *prometheus.CounterVec
	sweeps   prometheus.Counter
	seals    prometheus.Counter
	unsealed prometheus.Gauge
	seen     *window
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), seen: newWindow(10_000),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "habeas_step_seconds", Help: "Time that one run of a workflow step took.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}, []string{"step"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "habeas_step_failures_total", Help: "Runs of a workflow step that failed, by failure class."}, []string{"step", "class"}),
		cases:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "habeas_cases_total", Help: "Requests received and closed since the start of the process."}, []string{"event", "right", "status"}),
		sweeps:   prometheus.NewCounter(prometheus.CounterOpts{Name: "habeas_swept_cases_total", Help: "Cases that the deadline sweeper looked at."}),
		seals:    prometheus.NewCounter(prometheus.CounterOpts{Name: "habeas_sealed_cases_total", Help: "Cases whose evidence was sealed, once for every sealing."}),
		unsealed: prometheus.NewGauge(prometheus.GaugeOpts{Name: "habeas_unsealed_age_seconds", Help: "Age of the oldest evidence that the last sealing left unsealed; 0 when it left none."}),
	}
	m.registry.MustRegister(m.steps, m.failures, m.cases, m.sweeps, m.seals, m.unsealed)
	return m
}

func (m *metrics) step(name string, took time.Duration, err error) {
	m.steps.WithLabelValues(name).Observe(took.Seconds())
	if err != nil {
		m.failures.WithLabelValues(name, string(fault.ClassOf(err))).Inc()
	}
}

// event counts an event once, however often it is delivered.
func (m *metrics) event(e events.Event) {
	if m.seen.add(e.ID) {
		m.cases.WithLabelValues(e.Type, e.Right, e.Status).Inc()
	}
}

func (m *metrics) swept(n int) { m.sweeps.Add(float64(n)) }

// sealed counts a run of the sealer; oldest is since when the first case that it left is unsealed, zero for none.
func (m *metrics) sealed(n int, oldest, now time.Time) {
	m.seals.Add(float64(n))
	age := time.Duration(0)
	if !oldest.IsZero() {
		age = max(age, now.Sub(oldest))
	}
	m.unsealed.Set(age.Seconds())
}

// window remembers the last ids it saw.
type window struct {
	mu    sync.Mutex
	ids   map[string]bool
	order []string
	limit int
}

func newWindow(limit int) *window { return &window{ids: map[string]bool{}, limit: limit} }

// add reports whether the id is new.
func (w *window) add(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids[id] {
		return false
	}
	w.ids[id] = true
	w.order = append(w.order, id)
	if len(w.order) > w.limit {
		delete(w.ids, w.order[0])
		w.order = w.order[1:]
	}
	return true
}
