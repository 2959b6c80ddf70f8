// Package staff opens where the staff of an installation sign in: its user pool, or the company's issuer.
package staff

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
)

// pool is what people call an issuer that the deployment made.
const pool = "Amazon Cognito"

// Open returns where staff sign in; nil when they have built-in accounts only. Issuer and client of a user pool are parameters,
// because the pool is made after the functions: they are read when somebody first signs in, so that a console whose parameters
// cannot be read serves everybody else. resolve resolves references, now decides whether a token has expired.
func Open(c *cloud.Cloud, resolve func(reference string) (redact.Text, error), now func() time.Time) (*signin.Place, error) {
	s := oidcsignin.Settings{Issuer: c.OIDCIssuer, Client: c.OIDCClient, Secret: c.OIDCSecret}
	if !refers(s.Issuer) && !refers(s.Client) {
		return s.Place(resolve, now)
	}
	return &signin.Place{Name: pool, Issuer: &later{open: func() (signin.Issuer, error) { return open(s, resolve, now) }}}, nil
}

func refers(v string) bool {
	return strings.HasPrefix(v, "ssm:") || strings.HasPrefix(v, "secretsmanager:")
}

func open(s oidcsignin.Settings, resolve func(reference string) (redact.Text, error), now func() time.Time) (signin.Issuer, error) {
	for _, v := range []*string{&s.Issuer, &s.Client} {
		if !refers(*v) {
			continue
		}
		text, err := resolve(*v)
		if err != nil {
			return nil, err
		}
		*v = text.Reveal()
	}
	p, err := s.Place(resolve, now)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fault.New(fault.Misconfigured, "the parameter that names the issuer of the staff's sign-in is empty")
	}
	return p.Issuer, nil
}

// later is an issuer that is opened when it is first needed, and again as long as that fails.
type later struct {
	open func() (signin.Issuer, error)

	mu     sync.Mutex
	opened signin.Issuer
}

func (l *later) issuer() (signin.Issuer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened == nil {
		i, err := l.open()
		if err != nil {
			return nil, err
		}
		l.opened = i
	}
	return l.opened, nil
}

// Begin implements signin.Issuer.
func (l *later) Begin(ctx context.Context, a signin.Attempt, back string) (string, error) {
	i, err := l.issuer()
	if err != nil {
		return "", err
	}
	return i.Begin(ctx, a, back)
}

// Finish implements signin.Issuer.
func (l *later) Finish(ctx context.Context, a signin.Attempt, back, code string) (signin.Identity, error) {
	i, err := l.issuer()
	if err != nil {
		return signin.Identity{}, err
	}
	return i.Finish(ctx, a, back, code)
}

// Leave implements signin.Issuer.
func (l *later) Leave(ctx context.Context, back string) string {
	i, err := l.issuer()
	if err != nil {
		return "" // an offer, not a promise
	}
	return i.Leave(ctx, back)
}

// ID implements signin.Issuer. It is empty, which no issuer is called, while the issuer cannot be opened.
func (l *later) ID() string {
	i, err := l.issuer()
	if err != nil {
		return ""
	}
	return i.ID()
}
