package oidcsignin

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"

	"golang.org/x/oauth2"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// bounded reads an answer in full before anybody looks at it, so that one that is too long, cut off or the issuer's own failure
// ends here, with its class, whatever the libraries above make of it.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the issuer cannot be reached")
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close() // what was read counts
	switch {
	case err != nil:
		return nil, fault.New(fault.Unavailable, "the issuer broke off its answer")
	case len(body) > maxAnswer:
		return nil, fault.New(fault.Misconfigured, "the issuer's answer is longer than any that makes sense")
	case res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests:
		return nil, fault.New(fault.Unavailable, "the issuer cannot answer now")
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// outside turns an error of the libraries into one of ours. Their texts quote addresses and answers and are dropped; class and
// text are for what bounded let through.
func outside(ctx context.Context, err error, class fault.Class, text string) error {
	switch c := fault.ClassOf(err); {
	case c == fault.Unavailable || ctx.Err() != nil:
		return fault.New(fault.Unavailable, "the issuer cannot be reached, or is too slow")
	case c == fault.Misconfigured:
		return fault.New(fault.Misconfigured, "the issuer's answer is longer than any that makes sense")
	}
	return fault.New(class, text)
}

// style is how our client proves itself at the token endpoint. Guessing would spend the code. A document that names no way means
// the header (OpenID Connect Discovery 1.0, 3).
func style(methods []string) oauth2.AuthStyle {
	if len(methods) == 0 || slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}
