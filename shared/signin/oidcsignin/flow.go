package oidcsignin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
)

func (c *Client) client(p *provider, back string) *oauth2.Config {
	e := p.Endpoint()
	e.AuthStyle = p.style
	return &oauth2.Config{ClientID: c.o.Client, Endpoint: e, RedirectURL: back, Scopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail}}
}

// Begin implements signin.Issuer.
func (c *Client) Begin(ctx context.Context, a signin.Attempt, back string) (string, error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	more := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce()), oauth2.S256ChallengeOption(a.Verifier())}
	if len(c.o.ACR) > 0 {
		more = append(more, oauth2.SetAuthURLParam("acr_values", strings.Join(c.o.ACR, " ")))
	}
	return c.client(p, back).AuthCodeURL(a.State.Reveal(), more...), nil
}

// Finish implements signin.Issuer.
func (c *Client) Finish(ctx context.Context, a signin.Attempt, back, code string) (signin.Identity, error) {
	if code == "" || len(code) > maxCode {
		return signin.Identity{}, fault.New(fault.Unauthenticated, "the issuer sent no code that it could have made")
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, c.http), patienceAll)
	defer cancel()
	p, err := c.provider(ctx)
	if err != nil {
		return signin.Identity{}, err
	}
	token, err := c.exchange(ctx, p, a, back, code)
	if err != nil {
		return signin.Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	said, err := c.believe(ctx, p, raw, a.Nonce())
	if err != nil {
		return signin.Identity{}, err
	}
	id := signin.Identity{Issuer: c.o.Issuer, Subject: redact.NewText(said.Subject)}
	if !c.strong(said) {
		return id, fault.New(fault.Forbidden, "the issuer did not say that one of the ways of signing in was used that the settings ask for")
	}
	if said.Email == "" && p.people {
		if err := c.people(ctx, p, token, &said); err != nil {
			return signin.Identity{}, err
		}
	}
	if said.EmailVerified {
		id.Email = redact.NewText(said.Email)
	}
	return id, nil
}

// exchange turns the code into tokens.
func (c *Client) exchange(ctx context.Context, p *provider, a signin.Attempt, back, code string) (*oauth2.Token, error) {
	conf := c.client(p, back)
	if c.o.Secret == nil {
		conf.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	} else {
		secret, err := c.o.Secret()
		if err != nil {
			return nil, err
		}
		conf.ClientSecret = secret.Reveal()
	}
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier()))
	if err == nil {
		return token, nil
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" { // RFC 6749, 5.2
		return nil, fault.New(fault.Unauthenticated, "the issuer does not know the code, or not any more")
	}
	return nil, outside(ctx, err, fault.Misconfigured, "the issuer refuses our client: its id, its secret or its redirect address is not what the issuer has on file")
}

// claims are what an ID token says. Its other fields are checked by the library.
type claims struct {
	Subject       string `json:"sub"`
	Party         string `json:"azp"`
	Email         string `json:"email"`
	EmailVerified truth  `json:"email_verified"`
	ACR           string `json:"acr"`
	AMR           list   `json:"amr"`
}

// believe checks an ID token (OpenID Connect Core 1.0, 3.1.3.7).
func (c *Client) believe(ctx context.Context, p *provider, raw, nonce string) (claims, error) {
	doubt := func(text string) (claims, error) { return claims{}, fault.New(fault.Unauthenticated, text) }
	token, err := p.check.Verify(ctx, raw)
	if err != nil {
		if late := (*oidc.TokenExpiredError)(nil); errors.As(err, &late) {
			return doubt("the token of the issuer has expired; the clocks may differ")
		}
		// The library hides whether the keys could not be had; asking them again tells.
		if _, kerr := p.keys.VerifySignature(ctx, raw); kerr != nil && fault.ClassOf(kerr) == fault.Unavailable {
			return claims{}, outside(ctx, kerr, fault.Unavailable, "the keys of the issuer cannot be fetched")
		}
		return doubt("the token of the issuer is not one that it signed for us")
	}
	var said claims
	if token.Claims(&said) != nil {
		return doubt("the token of the issuer says something in a form that cannot be read")
	}
	switch {
	case nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return doubt("the token of the issuer belongs to another sign-in")
	case said.Party != "" && said.Party != c.o.Client, len(token.Audience) > 1 && said.Party == "":
		return doubt("the token of the issuer was made for somebody else as well")
	case said.Subject == "" || len(said.Subject) > 255: // OpenID Connect Core 1.0, 2
		return doubt("the token of the issuer names nobody")
	}
	return said, nil
}

// strong reports whether the sign-in was of a kind that counts.
func (c *Client) strong(said claims) bool {
	if len(c.o.ACR)+len(c.o.AMR) == 0 {
		return true
	}
	return slices.Contains(c.o.ACR, said.ACR) || slices.ContainsFunc(said.AMR, func(m string) bool { return slices.Contains(c.o.AMR, m) })
}

// people asks for the address that the token does not name: some issuers (Okta) tell it at the userinfo endpoint only.
func (c *Client) people(ctx context.Context, p *provider, token *oauth2.Token, said *claims) error {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.AccessToken, TokenType: token.TokenType}))
	if err != nil {
		return outside(ctx, err, fault.Unauthenticated, "the issuer does not say who signed in")
	}
	if info.Subject != said.Subject { // OpenID Connect Core 1.0, 5.3.4
		return fault.New(fault.Unauthenticated, "the issuer speaks of somebody else than the one who signed in")
	}
	said.Email, said.EmailVerified = info.Email, truth(info.EmailVerified)
	return nil
}

// Leave implements signin.Issuer (OpenID Connect RP-Initiated Logout 1.0, 2). Without the ID token, which is not kept because it
// is personal, the issuer may ask whether it is meant.
func (c *Client) Leave(ctx context.Context, back string) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := c.provider(ctx)
	if err != nil || p.leave == "" {
		return "" // an offer, not a promise: our own session has ended
	}
	u, err := url.Parse(p.leave)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", c.o.Client)
	q.Set("post_logout_redirect_uri", back)
	q.Set("logout_uri", back) // Cognito's name for the same
	u.RawQuery = q.Encode()
	return u.String()
}

// truth is a boolean that some issuers write as a text (Cognito at its userinfo endpoint). Everything else is false.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = string(b) == "true" || string(b) == `"true"`
	return nil
}

// list is a list of texts; some issuers write one text instead.
type list []string

// UnmarshalJSON implements json.Unmarshaler. What is neither counts for nothing.
func (l *list) UnmarshalJSON(b []byte) error {
	var many []string
	var one string
	switch {
	case json.Unmarshal(b, &many) == nil:
		*l = many
	case json.Unmarshal(b, &one) == nil && one != "":
		*l = []string{one}
	}
	return nil
}

var _ signin.Issuer = (*Client)(nil)
