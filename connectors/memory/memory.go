package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Kind is the kind of system.
const Kind = "memory"

const settingsSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "pageRecords": {"type": "integer", "minimum": 1, "maximum": 10000, "description": "Records read by one request."},
    "consistencySeconds": {"type": "integer", "minimum": 0, "maximum": 86400, "description": "How long a change may take to show."}
  }
}`

type settings struct {
	PageRecords        int `json:"pageRecords"`
	ConsistencySeconds int `json:"consistencySeconds"`
}

// Factory returns a factory of connectors to the system.
func Factory(s *System) connector.Factory {
	return connector.Factory{
		Kind:           Kind,
		SettingsSchema: json.RawMessage(settingsSchema),
		SecretNames:    []string{"token"},
		HasCollections: true,
		Open: func(_ context.Context, in connector.OpenInput) (connector.Connector, error) {
			return open(s, in)
		},
	}
}

// Connector implements connector.Connector and every right. It prints nothing of what it holds.
type Connector struct {
	*walk.Walker
	system *System
	graph  *connector.Graph
	desc   connector.Descriptor
	token  redact.Text
	closed atomic.Bool
}

var (
	_ connector.Connector  = (*Connector)(nil)
	_ connector.Accessor   = (*Connector)(nil)
	_ connector.Corrector  = (*Connector)(nil)
	_ connector.Eraser     = (*Connector)(nil)
	_ connector.Restrictor = (*Connector)(nil)
)

func open(s *System, in connector.OpenInput) (*Connector, error) {
	set := settings{PageRecords: 1000}
	if len(in.Settings) > 0 {
		d := json.NewDecoder(bytes.NewReader(in.Settings))
		d.DisallowUnknownFields()
		if err := d.Decode(&set); err != nil || set.PageRecords < 1 || set.PageRecords > 10_000 || set.ConsistencySeconds < 0 {
			return nil, fault.New(fault.Misconfigured, "the settings of a memory system are pageRecords and consistencySeconds")
		}
	}
	if in.Dataset == nil {
		return nil, fault.New(fault.Misconfigured, "a memory system needs a data map")
	}
	graph, err := connector.NewGraph(in.Dataset, in.Others...)
	if err != nil {
		return nil, err
	}
	c := &Connector{system: s, graph: graph, token: in.Secrets["token"]}
	c.desc = connector.Descriptor{
		Kind:             Kind,
		Rights:           []connector.Right{connector.Access, connector.Correction, connector.Erasure, connector.Restriction},
		Identifiers:      graph.IdentityKinds(),
		Limits:           connector.Limits{PageRecords: set.PageRecords}.WithDefaults(),
		ConsistencyDelay: time.Duration(set.ConsistencySeconds) * time.Second,
		SettingsSchema:   json.RawMessage(settingsSchema),
		HasCollections:   true,
	}
	c.Walker = walk.New(graph, source{c}, c.desc.Limits)
	return c, nil
}

// Describe implements connector.Connector.
func (c *Connector) Describe() connector.Descriptor { return c.desc }

// Check implements connector.Connector.
func (c *Connector) Check(ctx context.Context) (connector.Health, error) {
	if err := c.ready(ctx, Point{Op: "check"}); err != nil {
		return connector.Health{}, err
	}
	return connector.Health{Reachable: true, Rights: slices.Clone(c.desc.Rights), Problems: c.graph.Warnings()}, nil
}

// Close implements connector.Connector.
func (c *Connector) Close() error {
	c.closed.Store(true)
	return nil
}

// Format implements fmt.Formatter: the kind alone. Unexported fields would print without asking their own types.
func (c *Connector) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Kind)) }

func (c *Connector) ready(ctx context.Context, at Point) error {
	if c.closed.Load() {
		return fault.New(fault.Unavailable, "the connector is closed")
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "asking the system")
	}
	return c.system.ask(ctx, at)
}

// source looks rows up in the system.
type source struct{ c *Connector }

// Rows implements walk.Source.
func (s source) Rows(ctx context.Context, l walk.Lookup, yield func(*connector.Record) error) (more bool, err error) {
	name := l.Collection.Name
	if err := s.c.ready(ctx, Point{Op: "rows", Collection: name}); err != nil {
		return false, err
	}
	page, more := s.c.system.page(l)
	for i, rec := range page {
		if i > 0 {
			if err := s.c.ready(ctx, Point{Op: "rows", Collection: name, Row: i}); err != nil {
				return false, err
			}
		}
		if err := yield(rec); err != nil {
			return false, err
		}
	}
	return more, nil
}

// page returns at most l.Limit matching records behind l.After. Records are never changed in place, so they may be read
// without the lock.
func (s *System) page(l walk.Lookup) (page []*connector.Record, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(l.Collection.Name)
	fold := folder(l.Collection, l.Fields, l.Match)
	x := t.by(l.Fields, string(l.Match), fold)
	rows := t.matching(x, l.Values, fold)
	start := 0
	if l.After != nil {
		at, found := t.find(connector.AppendKey(nil, l.After))
		if found {
			at++
		}
		start, _ = slices.BinarySearchFunc(rows, at, cmp.Compare[int])
	}
	for _, i := range rows[start:] {
		if !l.Collection.Meets(t.rows[i].rec) {
			continue
		}
		if len(page) == l.Limit {
			return page, true
		}
		page = append(page, t.rows[i].rec)
	}
	return page, false
}

// MixedCase implements walk.Folder: in memory it costs nothing to compare addresses letter case aside.
func (*Connector) MixedCase(context.Context, *connector.Collection, string) (bool, error) {
	return true, nil
}

// folder returns how values are compared: as they are, without regard to case, or in normal form.
func folder(c *connector.Collection, fields []string, m connector.Match) func(string) string {
	switch m {
	case connector.MatchCasefold:
		// Simple folding, as strings.EqualFold does: upper first, for letters that have no lower form of their own.
		return func(s string) string { return strings.ToLower(strings.ToUpper(s)) }
	case connector.MatchNormalised:
		kind := c.Field(fields[0]).Identity
		return func(s string) string {
			return subject.Identifier{Kind: kind, Value: redact.NewText(s)}.Normalise().Value.Reveal()
		}
	default:
		return func(s string) string { return s }
	}
}
