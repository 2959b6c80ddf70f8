package rest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// System is the connector of one API. What it can change depends on the connector file, so the rights that change are
// interfaces of what serving returns. It prints nothing of what it holds.
type System struct {
	api    *api
	client *client
	graph  *connector.Graph
	walker *walk.Walker
	desc   connector.Descriptor
	places *memory[position] // where lookups stand, by lookup and last key
	jobs   *memory[string]   // jobs that read, by lookup and batch
	closed atomic.Bool
}

var (
	_ connector.Connector = (*System)(nil)
	_ connector.Accessor  = (*System)(nil)
	_ connector.Resumer   = (*System)(nil)
	_ walk.Source         = (*System)(nil)
)

// batchChange bounds a batch of changes; legal holds are asked for before each.
const batchChange = 50

func (s *System) describe() connector.Descriptor {
	d := connector.Descriptor{
		Kind:             Kind,
		Rights:           []connector.Right{connector.Access},
		Identifiers:      s.graph.IdentityKinds(),
		Limits:           connector.Limits{PageRecords: s.api.pageSize, BatchKeys: max(s.api.batch, 20), BatchChange: batchChange, PerSecond: s.api.perSecond},
		ConsistencyDelay: s.api.consistency,
		BackupHorizon:    s.api.backups,
		SettingsSchema:   bytes.Clone(settingsSchema),
		HasCollections:   true,
	}
	for _, right := range []connector.Right{connector.Correction, connector.Erasure, connector.Restriction} {
		for _, c := range s.api.collections {
			if c.data.Disclosed() && s.needs(right, c.data) != nil && s.serves(right, c.data) {
				d.Rights = append(d.Rights, right)
				break
			}
		}
	}
	return d
}

// needs lists the actions by which a right changes records of a collection, by the rules of the data map.
func (s *System) needs(right connector.Right, c *connector.Collection) []connector.ChangeAction {
	switch right {
	case connector.Correction:
		return []connector.ChangeAction{connector.ActSet}
	case connector.Restriction:
		if marksRestriction(c) {
			return []connector.ChangeAction{connector.ActFlag}
		}
		return nil
	default: // the third right that changes anything is erasure
	}
	byField := c.OnErase.Action == connector.ActNull || c.OnErase.Action == connector.ActMask
	for f := range c.All {
		byField = byField || f.OnErase.Action != "" && f.OnErase.Action != connector.ActKeep
	}
	switch {
	case byField:
		return []connector.ChangeAction{connector.ActMask}
	case c.OnErase.Action == connector.ActKeep:
		return nil
	}
	for f := range c.All {
		if f.OnErase.Action == connector.ActKeep {
			return nil // a rule of a field makes the record stay
		}
	}
	return []connector.ChangeAction{connector.ActDelete}
}

// serves reports whether the connector file has every call that a right needs in a collection.
func (s *System) serves(right connector.Right, c *connector.Collection) bool {
	ours := s.api.collections[c.Name]
	return ours != nil && !slices.ContainsFunc(s.needs(right, c), func(a connector.ChangeAction) bool { return ours.changing(a) == nil })
}

// Describe implements connector.Connector.
func (s *System) Describe() connector.Descriptor {
	d := s.desc
	d.Rights, d.Identifiers, d.SettingsSchema = slices.Clone(d.Rights), slices.Clone(d.Identifiers), bytes.Clone(d.SettingsSchema)
	return d
}

// Check implements connector.Connector: it sends the request that the connector file names for it. Whether each right is
// allowed, an API does not say before it is tried.
func (s *System) Check(ctx context.Context) (connector.Health, error) {
	if err := s.ready(ctx); err != nil {
		return connector.Health{}, err
	}
	out, err := s.client.build(s.api.check, values{})
	if err != nil {
		return connector.Health{}, err
	}
	got, err := s.client.send(ctx, out)
	if err != nil {
		return connector.Health{}, err
	}
	if got.status != http.StatusOK && got.status != http.StatusNoContent {
		return connector.Health{}, s.client.failure(got, "checking the system")
	}
	return connector.Health{Reachable: true, Rights: slices.Clone(s.desc.Rights), Problems: s.graph.Warnings()}, nil
}

// Locate implements connector.Connector. A read that the system prepares is fault.Unavailable with a wait.
func (s *System) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	located, err := s.walker.Locate(ctx, q)
	return located, atOnce(err)
}

// Access implements connector.Accessor.
func (s *System) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return s.prepared(ctx, call, func() (connector.Progress, error) { return s.walker.Access(ctx, call) })
}

// Close implements connector.Connector.
func (s *System) Close() error {
	s.closed.Store(true)
	s.client.http.CloseIdleConnections()
	return nil
}

// Format implements fmt.Formatter: the kind alone. Unexported fields would print without asking their own types.
func (s *System) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Kind)) }

func (s *System) ready(ctx context.Context) error {
	if s.closed.Load() {
		return fault.New(fault.Unavailable, "the connector is closed")
	}
	return fault.Wrap(fault.Unavailable, ctx.Err(), "asking the system")
}
