package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/habeas-dsar/habeas/connectors/internal/outbound"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Names of the secrets that a system may give; its connector file decides which are needed.
const (
	secretToken        = "token"
	secretUsername     = "username"
	secretPassword     = "password"
	secretAPIKey       = "api_key"
	secretClientID     = "client_id"
	secretClientSecret = "client_secret"
)

func secretNames() []string {
	return []string{secretToken, secretUsername, secretPassword, secretAPIKey, secretClientID, secretClientSecret}
}

// authoriser proves to the API who asks.
type authoriser interface {
	authorise(ctx context.Context, req *http.Request) error
	// refused is told that the API said 401 to a request with this Authorization, and reports whether asking again makes sense.
	refused(authorization string) bool
}

// fixed sets what never changes.
type fixed func(*http.Request)

func (f fixed) authorise(_ context.Context, req *http.Request) error {
	f(req)
	return nil
}

func (fixed) refused(string) bool { return false }

// newAuthoriser makes the authoriser that a connector file asks for. A missing secret is fault.Misconfigured.
func newAuthoriser(a authFile, secrets map[string]redact.Text, base *url.URL, tokens *http.Client) (authoriser, error) {
	need := map[string][]string{
		"bearer": {secretToken}, "basic": {secretUsername, secretPassword}, "apiKey": {secretAPIKey}, "oauth2": {secretClientID, secretClientSecret},
	}[a.Type]
	for _, name := range need {
		s := secrets[name].Reveal()
		if s == "" {
			return nil, fault.New(fault.Misconfigured, "the connector file asks for the secret "+name+", which the system does not give")
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fault.New(fault.Misconfigured, "the secret "+name+" has control characters, a line break perhaps")
		}
	}
	switch a.Type {
	case "bearer":
		return fixed(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secrets[secretToken].Reveal()) }), nil
	case "basic":
		return fixed(func(r *http.Request) {
			r.SetBasicAuth(secrets[secretUsername].Reveal(), secrets[secretPassword].Reveal())
		}), nil
	case "apiKey":
		if a.Header != "" {
			return fixed(func(r *http.Request) { r.Header.Set(a.Header, a.Prefix+secrets[secretAPIKey].Reveal()) }), nil
		}
		return fixed(func(r *http.Request) {
			q := r.URL.Query()
			q.Set(a.Query, secrets[secretAPIKey].Reveal())
			r.URL.RawQuery = q.Encode()
		}), nil
	case "oauth2":
		return newTokens(a, secrets, base, tokens)
	}
	return fixed(func(*http.Request) {}), nil
}

// tokens gets access tokens by client credentials (RFC 6749, section 4.4) and keeps one until it expires or is refused.
type tokens struct {
	config *clientcredentials.Config
	http   *http.Client
	turn   chan struct{} // holds one: whoever has it may look at, and replace, the token
	token  *oauth2.Token
}

func newTokens(a authFile, secrets map[string]redact.Text, base *url.URL, client *http.Client) (*tokens, error) {
	at := a.TokenURL
	if strings.HasPrefix(at, "/") {
		at = base.String() + at
	}
	u, err := url.Parse(at)
	if err != nil || u.User != nil || u.Host == "" || u.Scheme != "https" && !outbound.SameOrigin(u, base) {
		return nil, fault.New(fault.Misconfigured, "the token endpoint of the connector file is not an https address")
	}
	style := oauth2.AuthStyleInHeader
	if a.ClientAuth == "body" {
		style = oauth2.AuthStyleInParams
	}
	t := &tokens{http: client, turn: make(chan struct{}, 1), config: &clientcredentials.Config{
		ClientID: secrets[secretClientID].Reveal(), ClientSecret: secrets[secretClientSecret].Reveal(),
		TokenURL: u.String(), Scopes: a.Scopes, AuthStyle: style,
	}}
	t.turn <- struct{}{}
	return t, nil
}

func (t *tokens) authorise(ctx context.Context, req *http.Request) error {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	if !t.token.Valid() {
		token, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
		if err != nil {
			return tokenFailure(err)
		}
		t.token = token
	}
	t.token.SetAuthHeader(req)
	return nil
}

func (t *tokens) refused(authorization string) bool {
	<-t.turn
	defer func() { t.turn <- struct{}{} }()
	if t.token != nil && t.token.Type()+" "+t.token.AccessToken == authorization {
		t.token = nil // unless somebody else has replaced it meanwhile
	}
	return true
}

// tokenFailure classifies what the token endpoint said. The library's error repeats the answer, so its text goes no further.
func tokenFailure(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return err // the transport's: classified with all others
	}
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil {
		return fault.New(fault.Invalid, "the answer of the token endpoint cannot be read")
	}
	switch s := e.Response.StatusCode; {
	case s == http.StatusTooManyRequests:
		return fault.New(fault.Throttled, "the token endpoint asks to slow down")
	case s >= 500:
		return fault.New(fault.Unavailable, "the token endpoint does not work")
	default:
		return fault.New(fault.Misconfigured, "the token endpoint refuses the client")
	}
}
