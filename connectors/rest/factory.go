package rest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/time/rate"

	"github.com/habeas-dsar/habeas/connectors/internal/outbound"
	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Kind is the kind of systems that are reached through an HTTP API.
const Kind = "rest"

//go:embed settings.schema.json
var settingsSchema []byte

// settings are the settings of the kind; the JSON Schema says what they mean.
type settings struct {
	File         string `json:"file"`
	BaseURL      string `json:"baseUrl"`
	AllowPrivate bool   `json:"allowPrivate"`
}

// Factory makes connectors to HTTP APIs. A data map is required; which secrets are, the connector file decides.
func Factory() connector.Factory { return factory(nil) }

// factory makes the factory; resolver replaces the machine's, for tests.
func factory(resolver *net.Resolver) connector.Factory {
	return connector.Factory{
		Kind: Kind, SettingsSchema: bytes.Clone(settingsSchema), SecretNames: secretNames(), HasCollections: true,
		Schemas: map[string][]byte{"connector.schema.json": FileSchema()},
		Open: func(_ context.Context, in connector.OpenInput) (connector.Connector, error) {
			s, err := open(in, resolver)
			if err != nil {
				return nil, err
			}
			return s.serving(), nil
		},
	}
}

func open(in connector.OpenInput, resolver *net.Resolver) (*System, error) {
	set, base, err := readSettings(in.Settings)
	if err != nil {
		return nil, err
	}
	if in.Dataset == nil || in.Now == nil {
		return nil, fault.New(fault.Misconfigured, "a system of the kind rest needs a data map and a clock")
	}
	graph, err := connector.NewGraph(in.Dataset, in.Others...)
	if err != nil {
		return nil, err
	}
	content, err := readConnectorFile(in.BaseDir, set.File)
	if err != nil {
		return nil, err
	}
	f, doc, err := parseFile(content)
	if err != nil {
		return nil, err
	}
	a, err := build(f, doc, graph)
	if err != nil {
		return nil, err
	}
	c, err := newClient(a, set, base, in, resolver)
	if err != nil {
		return nil, err
	}
	s := &System{api: a, client: c, graph: graph, places: newMemory[position](4096), jobs: newMemory[string](4096)}
	s.desc = s.describe()
	s.walker = walk.New(graph, s, s.desc.Limits)
	return s, nil
}

func readSettings(raw json.RawMessage) (settings, *url.URL, error) {
	var set settings
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil || set.File == "" {
		return set, nil, fault.New(fault.Misconfigured, "the settings are not those of the kind rest: file, baseUrl, allowPrivate")
	}
	base, err := url.Parse(strings.TrimRight(set.BaseURL, "/"))
	switch {
	case err != nil || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "" || base.Opaque != "":
		return set, nil, fault.New(fault.Misconfigured, "baseUrl is not an address: scheme, host and perhaps a path")
	case base.Scheme == "https":
		return set, base, nil
	case base.Scheme != "http":
		return set, nil, fault.New(fault.Misconfigured, "baseUrl is not https")
	case !outbound.Loopback(base.Hostname()):
		return set, nil, fault.New(fault.Misconfigured, "baseUrl is not https, which only a loopback address need not be")
	case !set.AllowPrivate:
		return set, nil, fault.New(fault.Misconfigured, "baseUrl is this machine, which needs allowPrivate")
	}
	return set, base, nil
}

func readConnectorFile(dir, name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		reason := "the connector file cannot be opened"
		if errors.Is(err, os.ErrNotExist) {
			reason = "the connector file is not there"
		}
		return nil, fault.New(fault.Misconfigured, reason)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxBytes+1))
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the connector file cannot be read")
	}
	return content, nil
}

func newClient(a *api, set settings, base *url.URL, in connector.OpenInput, resolver *net.Resolver) (*client, error) {
	o := outbound.Options{AllowPrivate: set.AllowPrivate, Timeout: a.timeout, MaxIdle: a.parallel * 4, Resolver: resolver}
	if base.Scheme == "http" {
		o.Plain = outbound.Address(base)
	}
	c := &client{
		base: base, headers: a.headers, timeout: a.timeout, maxBytes: a.maxBytes, now: in.Now,
		http: &http.Client{Transport: outbound.Transport(o), CheckRedirect: stayAtHome},
	}
	if a.perSecond > 0 {
		c.limit = rate.NewLimiter(rate.Limit(a.perSecond), max(1, int(a.perSecond/4)))
	}
	var err error
	c.auth, err = newAuthoriser(a.auth, in.Secrets, base, c.http)
	return c, err
}
