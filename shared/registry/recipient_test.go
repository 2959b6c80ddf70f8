package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func TestRecipientsAreCheckedFieldByField(t *testing.T) {
	t.Parallel()
	good := registry.Recipient{Name: "parcels", Title: "Parcels", Country: "DE", Email: "privacy@parcels.test", Webhook: "https://parcels.test/hook", Secret: "env:PARCELS"}
	for name, tc := range map[string]struct {
		edit func(*registry.Recipient)
		want []string
	}{
		"as it should be":             {func(*registry.Recipient) {}, nil},
		"http to this machine":        {func(r *registry.Recipient) { r.Webhook = "http://127.0.0.1:8080/hook" }, nil},
		"http to ::1":                 {func(r *registry.Recipient) { r.Webhook = "http://[::1]:8080/hook" }, nil},
		"http to localhost":           {func(r *registry.Recipient) { r.Webhook = "http://localhost/hook" }, nil},
		"http elsewhere":              {func(r *registry.Recipient) { r.Webhook = "http://parcels.test/hook" }, []string{"/webhook"}},
		"http to a name like it":      {func(r *registry.Recipient) { r.Webhook = "http://localhost.parcels.test/" }, []string{"/webhook"}},
		"another scheme":              {func(r *registry.Recipient) { r.Webhook = "file:///etc/passwd" }, []string{"/webhook"}},
		"credentials in the address":  {func(r *registry.Recipient) { r.Webhook = "https://a:b@parcels.test/" }, []string{"/webhook"}},
		"a webhook that is unsigned":  {func(r *registry.Recipient) { r.Secret = "" }, []string{"/secret"}},
		"a secret instead of its ref": {func(r *registry.Recipient) { r.Secret = "whsec_c2VjcmV0" }, []string{"/secret"}},
		"no name, no title":           {func(r *registry.Recipient) { r.Name, r.Title = "", " " }, []string{"/name", "/title"}},
		"a country in words":          {func(r *registry.Recipient) { r.Country = "Germany" }, []string{"/country"}},
		"a long purpose":              {func(r *registry.Recipient) { r.Purpose = strings.Repeat("x", 501) }, []string{"/purpose"}},
		"no address":                  {func(r *registry.Recipient) { r.Email = "parcels" }, []string{"/email"}},
		"a kind that is none":         {func(r *registry.Recipient) { r.Identifiers = []subject.Kind{"E-mail"} }, []string{"/identifiers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good
			tc.edit(&r)
			var got []string
			for _, e := range r.Check() {
				got = append(got, e.Field)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecipientsKnowPeopleByMailUnlessTheySay(t *testing.T) {
	t.Parallel()
	if got := (registry.Recipient{}).KnowsBy(); !slices.Equal(got, []subject.Kind{subject.Email}) {
		t.Error(got)
	}
	if got := (registry.Recipient{Identifiers: []subject.Kind{subject.CustomerID}}).KnowsBy(); !slices.Equal(got, []subject.Kind{subject.CustomerID}) {
		t.Error(got)
	}
}
