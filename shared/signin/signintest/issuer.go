// Package signintest is an issuer of OpenID Connect for tests: real keys, real tokens and the checks that a real one makes, in
// one process. It signs in whoever it is told to, at once, and can be made to lie, to fail and to stop.
package signintest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// The client that the issuer knows.
const (
	Client = "habeas"
	Secret = "a secret of the client"
)

// Person is who signs in next.
type Person struct {
	Subject  string
	Email    string // empty: no claim
	Verified any    // email_verified; nil = no claim
	ACR      string
	AMR      any
}

// Issuer is one issuer. Its exported fields are set before the first request.
type Issuer struct {
	URL string
	// Thin leaves the address to the userinfo endpoint.
	Thin bool
	// InBody has the client prove itself in the body, not in the header.
	InBody bool
	// NoUserInfo and NoLeave leave these endpoints out.
	NoUserInfo, NoLeave bool

	tb     testing.TB
	now    func() time.Time
	server *httptest.Server

	mu     sync.Mutex
	person Person
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	kid    string
	alg    string
	codes  map[string]grant
	tokens map[string]Person
	bend   func(claims map[string]any)
	answer func(w http.ResponseWriter, r *http.Request) bool
	asked  map[string]int
}

// grant is what a code stands for.
type grant struct {
	person    Person
	redirect  string
	challenge string
	nonce     string
}

// New starts an issuer on a loopback address; it ends with its test. now is its clock.
func New(tb testing.TB, now func() time.Time) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, now: now, alg: "RS256", codes: map[string]grant{}, tokens: map[string]Person{}, asked: map[string]int{}}
	i.Rotate()
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": i.discovery, "GET /keys": i.keys, "GET /authorize": i.authorise,
		"POST /token": i.token, "GET /userinfo": i.userinfo, "GET /leave": i.leave, "/": http.NotFound,
	} {
		mux.HandleFunc(path, i.serve(h))
	}
	i.server = httptest.NewServer(mux)
	tb.Cleanup(i.server.Close)
	i.URL = i.server.URL
	return i
}

// serve counts requests and lets Answer go first.
func (i *Issuer) serve(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.asked[r.URL.Path]++
		answer := i.answer
		i.mu.Unlock()
		if answer == nil || !answer(w, r) {
			h(w, r)
		}
	}
}

// Is says who signs in from now on.
func (i *Issuer) Is(p Person) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = p
}

// Bend changes the claims of every token before it is signed; nil ends it.
func (i *Issuer) Bend(f func(claims map[string]any)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bend = f
}

// Sign says how tokens are signed: RS256, ES256, RS512, none, HS256 with the public key as its secret, or stranger: with a key
// that the issuer does not publish, under the name of one that it does.
func (i *Issuer) Sign(alg string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.alg = alg
}

// Answer lets f answer requests; where it returns false the issuer answers. nil ends it.
func (i *Issuer) Answer(f func(w http.ResponseWriter, r *http.Request) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

// Asked returns how often a path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// Stop ends the issuer.
func (i *Issuer) Stop() { i.server.Close() }

// Rotate gives the issuer new keys; those of before are gone at once.
func (i *Issuer) Rotate() {
	i.tb.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.tb.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rsa, i.ec, i.kid = r, e, rand.Text()
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	d := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "none"}, "token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	}
	if i.InBody {
		d["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
	}
	if !i.NoUserInfo {
		d["userinfo_endpoint"] = i.URL + "/userinfo"
	}
	if !i.NoLeave {
		d["end_session_endpoint"] = i.URL + "/leave"
	}
	write(w, http.StatusOK, d)
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &i.rsa.PublicKey, KeyID: i.kid, Algorithm: "RS256", Use: "sig"}, {Key: &i.ec.PublicKey, KeyID: i.kid + "-ec", Algorithm: "ES256", Use: "sig"},
	}})
}

// authorise signs in the person at once and sends the browser back (RFC 6749, 4.1.1; RFC 7636, 4.3).
func (i *Issuer) authorise(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != Client || q.Get("response_type") != "code" || !strings.HasSuffix(q.Get("redirect_uri"), "/console/oidc/callback") ||
		!slices.Contains(strings.Fields(q.Get("scope")), "openid") || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 ||
		q.Get("state") == "" || q.Get("nonce") == "" {
		http.Error(w, "not a request of our client", http.StatusBadRequest)
		return
	}
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "no address to come back to", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.mu.Lock()
	i.codes[code] = grant{i.person, q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce")}
	i.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token checks client, code, address and verifier, and gives a code's tokens once (RFC 6749, 4.1.3; RFC 7636, 4.6).
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if i.InBody {
		id, secret = r.PostFormValue("client_id"), url.QueryEscape(r.PostFormValue("client_secret"))
	}
	if id != Client || secret != url.QueryEscape(Secret) {
		write(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	g, ok := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || g.redirect != r.PostFormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "about " + g.person.Email})
		return
	}
	access := rand.Text()
	i.tokens[access] = g.person
	write(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": i.idToken(g)})
}

func (i *Issuer) idToken(g grant) string {
	c := map[string]any{
		"iss": i.URL, "aud": Client, "sub": g.person.Subject, "nonce": g.nonce, "iat": i.now().Unix(), "exp": i.now().Add(5 * time.Minute).Unix(),
	}
	if !i.Thin {
		g.person.address(c)
	}
	if g.person.ACR != "" {
		c["acr"] = g.person.ACR
	}
	if g.person.AMR != nil {
		c["amr"] = g.person.AMR
	}
	if i.bend != nil {
		i.bend(c)
	}
	body, err := json.Marshal(c)
	if err != nil {
		i.tb.Error(err)
	}
	return i.sign(body)
}

func (p Person) address(c map[string]any) {
	if p.Email != "" {
		c["email"] = p.Email
	}
	if p.Verified != nil {
		c["email_verified"] = p.Verified
	}
}

// sign signs a token as Sign said.
func (i *Issuer) sign(body []byte) string {
	var key any = jose.JSONWebKey{Key: i.rsa, KeyID: i.kid}
	alg := jose.SignatureAlgorithm(i.alg)
	switch i.alg {
	case "none":
		part := base64.RawURLEncoding.EncodeToString
		return part([]byte(`{"alg":"none"}`)) + "." + part(body) + "."
	case "ES256":
		key = jose.JSONWebKey{Key: i.ec, KeyID: i.kid + "-ec"}
	case "HS256":
		key = jose.JSONWebKey{Key: i.rsa.N.Bytes(), KeyID: i.kid}
	case "stranger":
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			i.tb.Error(err)
		}
		alg, key = jose.RS256, jose.JSONWebKey{Key: other, KeyID: i.kid}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		i.tb.Error(err)
		return ""
	}
	signed, err := signer.Sign(body)
	if err != nil {
		i.tb.Error(err)
		return ""
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		i.tb.Error(err)
	}
	return out
}

func (i *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	p, ok := i.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	i.mu.Unlock()
	if !ok {
		http.Error(w, "no such token", http.StatusUnauthorized)
		return
	}
	c := map[string]any{"sub": p.Subject}
	p.address(c)
	write(w, http.StatusOK, c)
}

func (i *Issuer) leave(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("client_id") != Client {
		http.Error(w, "whose session?", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusFound)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
