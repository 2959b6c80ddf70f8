package registry

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	secretRef   = regexp.MustCompile(`^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:(.+)|secretsmanager:([A-Za-z0-9/_.+=@-]+)(?:#([A-Za-z0-9_.-]+))?|ssm:/([A-Za-z0-9/_.-]+))$`)
)

const maxKinds = 8

// IsSecretReference reports whether s has the form of a reference to a secret: env:NAME or file:PATH, which an installation on one
// machine resolves; secretsmanager:NAME, secretsmanager:NAME#FIELD or ssm:/NAME, which one on AWS does.
func IsSecretReference(s string) bool {
	parts := secretRef.FindStringSubmatch(s)
	// Bounds in the pattern would be written out in it, and cost a millisecond of every cold start.
	return parts != nil && !slices.ContainsFunc(parts[1:], func(p string) bool { return utf8.RuneCountInString(p) > maxReference }) && len(parts[3]) <= maxSecretField
}

// Bounds of a reference to a secret, in characters: of a path or a name, and of a field.
const (
	maxReference   = 400
	maxSecretField = 100
)

// Check holds a recipient to what can be said without calling it, and returns everything that is wrong, each as fault.Invalid
// with the JSON pointer of its field. What it does not name cannot be told anything: a webhook without a secret would go out
// unsigned.
func (r Recipient) Check() []*fault.Error {
	var bad []*fault.Error
	wrong := func(when bool, pointer, text string) {
		if when {
			bad = append(bad, fault.InvalidField(pointer, text))
		}
	}
	wrong(CheckName("/name", r.Name) != nil, "/name", "a name is 1 to 63 characters of a-z, 0-9, - and _, and starts with a letter or digit")
	title := strings.TrimSpace(r.Title)
	wrong(title == "" || len(title) > 200, "/title", "say who it is, in at most 200 characters")
	wrong(r.Country != "" && !countryCode.MatchString(r.Country), "/country", "a country has two letters, such as DE (ISO 3166-1)")
	wrong(len(r.Purpose) > 500, "/purpose", "this is longer than 500 characters")
	if r.Email != "" {
		_, err := subject.New(subject.Email, r.Email)
		wrong(err != nil, "/email", "this is not an e-mail address like name@example.com")
	}
	wrong(r.Webhook != "" && !webhookAddress(r.Webhook), "/webhook", "a webhook is an https address; http is for this machine only")
	wrong(r.Webhook != "" && r.Secret == "", "/secret", "a webhook is signed: name its secret by reference, such as env:NAME, file:PATH or, on AWS, secretsmanager:NAME")
	wrong(r.Secret != "" && !IsSecretReference(r.Secret), "/secret", "a secret is named by a reference, such as env:NAME, file:PATH or, on AWS, secretsmanager:NAME or ssm:/NAME; its value never comes here")
	wrong(len(r.Identifiers) > maxKinds || slices.ContainsFunc(r.Identifiers, func(k subject.Kind) bool { return !k.Valid() }),
		"/identifiers", "name at most 8 kinds of identifiers, such as email or customer_id")
	return bad
}

// webhookAddress reports whether a notice may be sent to the address: https, or http to this machine. Credentials belong into the
// secret.
func webhookAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 500 || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || (err == nil && ip.IsLoopback())
	return u.Scheme == "https" || (u.Scheme == "http" && local)
}
