package rest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/connectors/internal/outbound"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// jobName is what a job may be called: it is kept between turns in the open, so that anything that might be an address or a
// name is not taken for one.
var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$`)

// jobState says how far a job is.
type jobState uint8

const (
	jobRunning jobState = iota + 1
	jobDone
	jobFailed
	jobGone // the system does not know it any more
)

// started returns the name of the job that a 202 speaks of.
func (c *client) started(a *async, got *answer, what string) (string, error) {
	job := ""
	if a.job != nil {
		root, err := parse(got, what)
		if err != nil {
			return "", err
		}
		switch v, _ := find(a.job, root); v := v.(type) {
		case string:
			job = v
		case json.Number:
			job = v.String()
		}
	} else {
		job = c.jobIn(got, a.status.path)
	}
	if !jobName.MatchString(job) {
		return "", fault.New(fault.Invalid, what+": the system does it later and names no job that could be asked for")
	}
	return job, nil
}

// jobIn returns what stands in the Location of an answer at the place of {$job} in the path of the status.
func (c *client) jobIn(got *answer, status template) string {
	u, err := got.from.Parse(got.header.Get("Location"))
	if err != nil || !outbound.SameOrigin(u, c.base) {
		return ""
	}
	// A path begins with a slash, so that the text before the placeholder is the first part.
	job, ok := strings.CutPrefix(u.EscapedPath(), c.base.EscapedPath()+status[0].text)
	if ok && len(status) > 2 {
		job, ok = strings.CutSuffix(job, status[2].text)
	}
	if job, err = url.PathUnescape(job); err != nil || !ok {
		return ""
	}
	return job
}

// wait returns how long to leave a job alone.
func (c *client) wait(a *async, got *answer, callback bool) time.Duration {
	if callback {
		return a.callbackWait
	}
	if asked := c.retryAfter(got); asked > 0 {
		return asked
	}
	return a.wait
}

// poll asks how far a job is.
func (c *client) poll(ctx context.Context, a *async, job, what string) (jobState, time.Duration, error) {
	out, err := c.build(a.status, values{}.with(varJob, job))
	if err != nil {
		return 0, 0, err
	}
	got, err := c.send(ctx, out)
	if err != nil {
		return 0, 0, err
	}
	switch {
	case gone(got.status):
		return jobGone, 0, nil
	case got.status == http.StatusAccepted && a.state == nil:
		return jobRunning, c.wait(a, got, false), nil
	case got.status == http.StatusNoContent && a.state == nil, got.status == http.StatusOK && a.state == nil:
		return jobDone, 0, nil
	case got.status != http.StatusOK && got.status != http.StatusAccepted:
		return 0, 0, c.failure(got, what)
	}
	root, err := parse(got, what)
	if err != nil {
		return 0, 0, err
	}
	v, _ := find(a.state, root)
	state, ok := v.(string)
	switch {
	case !ok:
		return 0, 0, fault.New(fault.Invalid, what+": the system does not say how far its job is")
	case slices.Contains(a.done, state):
		return jobDone, 0, nil
	case slices.Contains(a.failed, state):
		return jobFailed, 0, nil
	}
	return jobRunning, c.wait(a, got, false), nil
}

// preparing is the error of a read whose records the system puts together later. It has no class, so that it is not taken
// for a failure and repeated at once.
type preparing struct {
	wait     time.Duration
	callback bool
	jobs     map[digest]string
}

// Error implements error.
func (*preparing) Error() string { return "the system is still preparing the records" }

// firstFailure returns the first error; jobs under way are taken together and yield to any other.
func firstFailure(errs []error) error {
	var all *preparing
	for _, err := range errs {
		p, ok := errors.AsType[*preparing](err)
		switch {
		case err != nil && !ok:
			return err
		case err != nil && all == nil:
			all = p
		case err != nil:
			all.wait, all.callback = min(all.wait, p.wait), all.callback && p.callback
			maps.Copy(all.jobs, p.jobs)
		}
	}
	if all == nil {
		return nil
	}
	return all
}

// answer gets the answer to a page, from a job where the system works with jobs.
func (r *reading) answer(ctx context.Context, batch int, v values, at place) (*answer, error) {
	a, c, id := r.r.async, r.s.client, r.batchID(batch)
	what := "reading " + r.c.data.Name
	base := r.r.request
	if a != nil {
		job, known := r.s.jobs.get(id)
		if known && at.number == 0 {
			state, wait, err := c.poll(ctx, a, job, what)
			switch {
			case err != nil:
				return nil, err
			case state == jobRunning:
				return nil, &preparing{wait: wait, jobs: map[digest]string{id: job}}
			case state == jobFailed:
				r.s.jobs.drop(id)
				return nil, fault.New(fault.Unavailable, what+": the system's job has failed")
			case state == jobGone:
				r.s.jobs.drop(id)
				known = false
			}
		}
		if known {
			base, v = *a.result, values{}.with(varJob, job)
		} else if url := connector.CallbackURL(ctx); url != "" {
			v = v.with(varCallback, url)
		}
	}
	out, err := c.pageCall(r.r, base, v, at)
	if err != nil {
		return nil, err
	}
	got, err := c.send(ctx, out)
	if err != nil || a == nil || got.status != http.StatusAccepted {
		return got, err
	}
	job, err := c.started(a, got, what)
	if err != nil {
		return nil, err
	}
	r.s.jobs.put(id, job)
	callback := v.known[varCallback] != "" && uses(base, varCallback)
	return nil, &preparing{wait: c.wait(a, got, callback), callback: callback, jobs: map[digest]string{id: job}}
}

// jobsNote is where a task keeps the jobs that read for it.
const jobsNote = "rest/jobs"

// prepared runs a step that reads. Jobs that the task has started are taken from its spool, and those it has to wait for are
// left there.
func (s *System) prepared(ctx context.Context, call connector.Call, step func() (connector.Progress, error)) (connector.Progress, error) {
	if err := s.recall(ctx, call.Spool); err != nil {
		return connector.Progress{}, err
	}
	p, err := step()
	waiting, ok := errors.AsType[*preparing](err)
	if !ok || p.Cursor == "" {
		return p, err
	}
	note, err := json.Marshal(waiting.named())
	if err != nil {
		return connector.Progress{}, fault.Wrap(fault.Internal, err, "writing the jobs of a task")
	}
	if err := connector.SetNote(ctx, call.Spool, jobsNote, note); err != nil {
		return connector.Progress{}, err
	}
	p.Wait, p.Callback = max(waiting.wait, time.Second), waiting.callback
	return p, nil
}

type namedJob struct {
	ID  []byte `json:"id"`
	Job string `json:"job"`
}

func (p *preparing) named() []namedJob {
	var list []namedJob
	for id, job := range p.jobs {
		list = append(list, namedJob{id[:], job})
	}
	return list
}

func (s *System) recall(ctx context.Context, spool connector.Spool) error {
	note, ok, err := connector.Note(ctx, spool, jobsNote)
	if err != nil || !ok {
		return err
	}
	var list []namedJob
	if err := json.Unmarshal(note, &list); err != nil {
		return fault.Wrap(fault.Internal, err, "reading the jobs of a task")
	}
	for _, j := range list {
		var id digest
		copy(id[:], j.ID)
		if _, known := s.jobs.get(id); !known && jobName.MatchString(j.Job) {
			s.jobs.put(id, j.Job)
		}
	}
	return nil
}

// now turns a read that has to wait into a passing failure, for calls that cannot wait.
func atOnce(err error) error {
	if p, ok := errors.AsType[*preparing](err); ok {
		return fault.New(fault.Unavailable, p.Error()).After(p.wait)
	}
	return err
}
