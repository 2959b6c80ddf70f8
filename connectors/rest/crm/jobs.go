package crm

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// job is work that is done later.
type job struct {
	ID    string `json:"job"`
	State string `json:"state"` // queued, done, failed

	do       func() bool
	callback string
	timer    *time.Timer
	export   *export
}

// export is what an export gives.
type export struct {
	object string
	by     map[string][]string
}

// jobs keeps the jobs of a server.
type jobs struct {
	mu      sync.Mutex
	all     map[string]*job
	takes   time.Duration
	client  *http.Client
	ended   bool
	running sync.WaitGroup
	ctx     context.Context //nolint:containedctx // the life of the server, which callbacks do not outlive
	cancel  context.CancelFunc
}

func newJobs(takes time.Duration, client *http.Client) *jobs {
	j := &jobs{all: map[string]*job{}, takes: takes, client: client}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// start queues a job.
func (j *jobs) start(callback string, of *export, do func() bool) job {
	n := &job{ID: "job-" + strings.ToLower(rand.Text()), State: "queued", do: do, callback: callback, export: of}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all[n.ID] = n
	if j.takes >= 0 && !j.ended {
		n.timer = time.AfterFunc(j.takes, func() { j.finish(n) })
	}
	return *n
}

func (j *jobs) get(id string) (job, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.all[id]
	if n == nil {
		return job{}, false
	}
	return *n, true
}

func (j *jobs) run() {
	j.mu.Lock()
	var waiting []*job
	for _, n := range j.all {
		if n.State == "queued" {
			waiting = append(waiting, n)
		}
	}
	j.mu.Unlock()
	for _, n := range waiting {
		j.finish(n)
	}
}

// finish does a job once and reports it.
func (j *jobs) finish(n *job) {
	j.mu.Lock()
	if n.State != "queued" || j.ended {
		j.mu.Unlock()
		return
	}
	n.State = "failed"
	if n.do() {
		n.State = "done"
	}
	j.running.Add(1)
	report := *n
	j.mu.Unlock()
	defer j.running.Done()
	if report.callback != "" {
		j.tell(report)
	}
}

// tell sends the callback of a job, three times at most.
func (j *jobs) tell(n job) {
	raw, err := json.Marshal(n)
	if err != nil {
		return
	}
	for range 3 {
		req, err := http.NewRequestWithContext(j.ctx, http.MethodPost, n.callback, bytes.NewReader(raw))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := j.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode < 300 {
				return
			}
		}
		select {
		case <-j.ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (j *jobs) close() {
	j.mu.Lock()
	j.ended = true
	for _, n := range j.all {
		if n.timer != nil {
			n.timer.Stop()
		}
	}
	j.mu.Unlock()
	j.cancel()
	j.running.Wait()
}
