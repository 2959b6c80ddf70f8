package web

import (
	"net/http"
	"strings"
)

// AllowForm lets the forms of one page go to another origin too: to where a file is put. Everything else that Secure forbids stays
// forbidden. The status must not be written yet.
func AllowForm(w http.ResponseWriter, origin string) {
	const policy = "Content-Security-Policy"
	w.Header().Set(policy, strings.Replace(w.Header().Get(policy), "form-action 'self'", "form-action 'self' "+origin, 1))
}
