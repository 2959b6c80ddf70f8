package oidcsignin

import (
	"net/url"
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
)

// Settings are what an operator says about the sign-in of staff elsewhere, the same in every engine.
type Settings struct {
	Issuer   string // empty: staff have built-in accounts only
	Client   string
	Secret   string // reference; empty = a public client
	Name     string // as people know the place; empty = the host of the issuer
	Only     bool
	ACR, AMR []string
}

// Place returns where staff sign in; nil without an issuer. resolve resolves references to secrets; now decides whether a token
// has expired. The secret is not looked for before it is needed. Errors are New's.
func (s Settings) Place(resolve func(reference string) (redact.Text, error), now func() time.Time) (*signin.Place, error) {
	if s.Issuer == "" {
		return nil, nil
	}
	o := Options{Issuer: s.Issuer, Client: s.Client, ACR: s.ACR, AMR: s.AMR, Now: now, Machine: time.Now}
	if s.Secret != "" {
		o.Secret = func() (redact.Text, error) { return resolve(s.Secret) }
	}
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	p := &signin.Place{Issuer: c, Name: s.Name, Only: s.Only}
	if p.Name == "" {
		u, err := url.Parse(s.Issuer)
		if err == nil {
			p.Name = u.Host
		}
	}
	return p, nil
}
