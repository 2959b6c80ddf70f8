package crm

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// issued are the access tokens that the token endpoint gave, with the end of their lives.
type issued struct {
	mu     sync.Mutex
	tokens map[string]time.Time
}

func (i *issued) issue(until time.Time) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := rand.Text()
	i.tokens[t] = until
	return t
}

func (i *issued) good(t string, now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	until, ok := i.tokens[t]
	return ok && now.Before(until)
}

// Revoke makes every access token that the token endpoint gave invalid.
func (s *Server) Revoke() {
	s.issued.mu.Lock()
	defer s.issued.mu.Unlock()
	clear(s.issued.tokens)
}

// same compares secrets in a time that does not depend on them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func oneOf(list []string, given string) bool {
	return given != "" && slices.ContainsFunc(list, func(s string) bool { return same(s, given) })
}

func pairOf(m map[string]string, name, secret string) bool {
	want, ok := m[name]
	return ok && same(want, secret)
}

// proven says how a request proves who sends it.
func (s *Server) proven(r *http.Request) (by string, ok bool) {
	c := s.cfg.Credentials
	if len(c.Tokens)+len(c.Users)+len(c.Keys)+len(c.Clients) == 0 {
		return "", true
	}
	if token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); isBearer {
		if oneOf(c.Tokens, token) {
			return "bearer", true
		}
		return "token", s.issued.good(token, s.cfg.Now())
	}
	if user, password, isBasic := r.BasicAuth(); isBasic {
		return "basic", pairOf(c.Users, user, password)
	}
	return "key", oneOf(c.Keys, r.Header.Get("X-Api-Key")) || oneOf(c.Keys, r.URL.Query().Get("api_key"))
}

// token is the token endpoint (RFC 6749, sections 4.4 and 5).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	switch {
	case !pairOf(s.cfg.Credentials.Clients, id, secret):
		w.Header().Set("WWW-Authenticate", `Basic realm="crm"`)
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
	case r.PostForm.Get("grant_type") != "client_credentials":
		answer(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
	default:
		answer(w, http.StatusOK, map[string]any{
			"access_token": s.issued.issue(s.cfg.Now().Add(s.cfg.TokenTime)), "token_type": "Bearer", "expires_in": int(s.cfg.TokenTime.Seconds()),
		})
	}
}
