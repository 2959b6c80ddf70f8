package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Client asks workers. It looks at systems for a systems.Pool and is a restores.Checker.
type Client struct {
	o Options

	mu    sync.Mutex
	kinds []systems.Kind
	asked time.Time
}

// Options are what a Client is made of; all are required.
type Options struct {
	// Call invokes a function and returns its answer. What became of the function itself has a fault class: throttled, unavailable
	// (it timed out or cannot be reached) or the class that it failed with.
	Call     func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
	Worker   func(kind string) string // the function that opens systems of a kind
	Workers  []string                 // all of them
	Registry *registry.Store
	Now      func() time.Time // by which the list of kinds ages
}

// NewClient returns a client.
func NewClient(o Options) *Client { return &Client{o: o} }

// askWithin bounds a call that ends soon; a comparison ends with its context.
const askWithin = 25 * time.Second

// Look implements systems.Opener.
func (c *Client) Look(ctx context.Context, sys registry.System) (systems.Finding, error) {
	registered, err := pack(sys)
	if err != nil {
		return systems.Finding{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	out, err := c.ask(ctx, c.o.Worker(sys.Kind), request{Desk: look, Tenant: sys.Tenant, System: sys.Name, Registered: registered})
	if err == nil && out.Finding == nil && out.Error == nil {
		err = fault.New(fault.Internal, "a worker answered without a finding")
	}
	if err != nil {
		return systems.Finding{}, &systems.Unasked{Cause: err}
	}
	var found systems.Finding
	if out.Finding != nil {
		found = out.Finding.found()
	}
	if out.Error == nil {
		return found, nil
	}
	err = out.Error.err()
	if out.Error.Field == "/kind" {
		// The worker knows its own kinds only.
		if list, kerr := c.Kinds(ctx); kerr == nil {
			err = systems.UnknownKind(list)
		}
	}
	return found, err
}

// kindsStay is how long a list of kinds is believed: a new version of a worker may know more.
const kindsStay = 5 * time.Minute

// Kinds implements systems.Opener: it lists the kinds of all workers. When they cannot be asked, an older list is good enough.
func (c *Client) Kinds(ctx context.Context) ([]systems.Kind, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds != nil && c.o.Now().Sub(c.asked) < kindsStay {
		return c.kinds, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	list := []systems.Kind{}
	for _, function := range c.o.Workers {
		out, err := c.ask(ctx, function, request{Desk: kinds})
		if err == nil && out.Error != nil {
			err = out.Error.err()
		}
		if err != nil && c.kinds != nil {
			return c.kinds, nil
		}
		if err != nil {
			return nil, err
		}
		for _, k := range out.Kinds {
			list = append(list, systems.Kind(k))
		}
	}
	slices.SortFunc(list, func(a, b systems.Kind) int { return strings.Compare(a.Name, b.Name) })
	c.kinds, c.asked = list, c.o.Now()
	return list, nil
}

// Check implements restores.Checker.
func (c *Client) Check(ctx context.Context, tenant, system string, apply bool, by, cursor string) (erasureledger.Report, error) {
	sys, err := c.o.Registry.System(ctx, tenant, system)
	if err != nil {
		return erasureledger.Report{}, err
	}
	in := request{Desk: restoreCheck, Tenant: tenant, System: system, By: by, Cursor: cursor}
	if apply {
		in.Desk = restoreApply
	}
	out, err := c.ask(ctx, c.o.Worker(sys.Kind), in)
	switch {
	case err != nil:
		return erasureledger.Report{}, err
	case out.Error != nil:
		return erasureledger.Report{}, out.Error.err()
	case out.Report == nil:
		return erasureledger.Report{}, fault.New(fault.Internal, "a worker answered without a report")
	}
	return *out.Report, nil
}

// ask calls a worker. An error is about the call; what the desk has to say is in the answer.
func (c *Client) ask(ctx context.Context, function string, in request) (answer, error) {
	in.SchemaVersion = version
	payload, err := json.Marshal(in)
	if err != nil {
		return answer{}, fault.Wrap(fault.Invalid, err, "encoding what is asked of a worker")
	}
	if len(payload) > MaxBytes {
		return answer{}, fault.InvalidField("/dataset", "the data map and the settings are longer than a function takes")
	}
	raw, err := c.o.Call(ctx, function, payload)
	if err != nil {
		return answer{}, uncalled(err)
	}
	var out answer
	if len(raw) > MaxBytes || json.Unmarshal(raw, &out) != nil {
		return answer{}, fault.New(fault.Internal, "a worker gave an answer that is none")
	}
	if out.Error != nil && out.Error.Field == noDesk {
		return answer{}, fault.New(fault.Internal, "a worker of another version does not know what was asked")
	}
	return out, nil
}

// uncalled is the error of a call that brought no answer. What is wrong with a worker is not the system's fault: nothing but
// waiting helps the caller, or somebody who operates the installation.
func uncalled(err error) error {
	class, text := fault.Internal, "the function that opens the system failed"
	switch c := fault.ClassOf(err); c {
	case fault.Throttled:
		class, text = c, "too many systems are being opened at once; try again in a minute"
	case fault.Unavailable:
		class, text = c, "the function that opens the system did not answer in time"
	default: // misconfigured, forbidden and the like are the installation's
	}
	wrapped := fault.Wrap(class, err, text)
	if e, ok := errors.AsType[*fault.Error](wrapped); ok {
		return e.After(fault.WaitOf(err))
	}
	return wrapped
}
