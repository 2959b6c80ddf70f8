// Package byperson is what the connectors share whose systems people act on: a mail address in the settings, and a system
// that no machine searches or changes. The workflow opens a task for whoever reads that address instead; the connector only
// says that this is so, and whether the address can be one.
package byperson

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Settings are those of every such kind.
type Settings struct {
	Email redact.Text
}

// Factory makes connectors of the kind; schema is the JSON Schema of its settings.
func Factory(kind string, schema []byte) connector.Factory {
	return connector.Factory{
		Kind: kind, SettingsSchema: bytes.Clone(schema), ByPerson: true,
		Open: func(_ context.Context, in connector.OpenInput) (connector.Connector, error) {
			if _, err := Read(kind, in.Settings); err != nil {
				return nil, err
			}
			return &system{kind: kind, schema: bytes.Clone(schema)}, nil
		},
	}
}

// Read reads the settings of the kind. Unknown or missing settings and an address that can be none are fault.Misconfigured;
// the address is never quoted.
func Read(kind string, raw json.RawMessage) (Settings, error) {
	var s struct {
		Email string `json:"email"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || d.More() {
		return Settings{}, fault.New(fault.Misconfigured, "the settings are not those of the kind "+kind)
	}
	if s.Email == "" {
		return Settings{}, fault.New(fault.Misconfigured, "the settings name no address to write to")
	}
	if _, err := subject.New(subject.Email, s.Email); err != nil {
		return Settings{}, fault.New(fault.Misconfigured, "the address to write to is no mail address")
	}
	return Settings{Email: redact.NewText(s.Email)}, nil
}

// system implements connector.Connector. It keeps no address: nothing here writes to it.
type system struct {
	kind   string
	schema []byte
	closed atomic.Bool
}

// Describe implements connector.Connector.
func (s *system) Describe() connector.Descriptor {
	return connector.Descriptor{Kind: s.kind, SettingsSchema: bytes.Clone(s.schema), ByPerson: true}
}

// Check implements connector.Connector. Whether somebody reads the address shows when the first task is answered: a mail
// sent to find out would tell its reader nothing but be one mail more.
func (s *system) Check(ctx context.Context) (connector.Health, error) {
	if err := s.usable(ctx); err != nil {
		return connector.Health{}, err
	}
	return connector.Health{Reachable: true}, nil
}

// Locate implements connector.Connector: always fault.Invalid.
func (s *system) Locate(ctx context.Context, _ connector.Query) (connector.Located, error) {
	if err := s.usable(ctx); err != nil {
		return connector.Located{}, err
	}
	return connector.Located{}, fault.New(fault.Invalid, "no machine searches a system that people act on")
}

// Close implements connector.Connector.
func (s *system) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *system) usable(ctx context.Context) error {
	if s.closed.Load() {
		return fault.New(fault.Internal, "the connector is closed")
	}
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "asking a system that people act on")
	}
	return nil
}

// LogValue implements slog.LogValuer.
func (s *system) LogValue() slog.Value { return slog.StringValue("system of kind " + s.kind) }
