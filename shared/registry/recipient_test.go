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

func TestARecipientsFileIsReadStrictly(t *testing.T) {
	t.Parallel()
	good := "recipients:\n  - name: parcels\n    title: Parcel service\n    webhook: https://parcels.test/hook\n    secret: env:PARCELS\n    identifiers: [email, customer_id]\n"
	list, err := registry.ParseRecipients([]byte(good))
	if err != nil || len(list) != 1 || list[0].Line != 2 || list[0].Secret != "env:PARCELS" || len(list[0].Identifiers) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for name, tc := range map[string]struct{ file, want string }{
		"an unknown key":   {"recipients:\n  - name: a\n    titel: A\n", "line 3"},
		"no title":         {"recipients:\n  - name: a\n", "line 2: recipients[0].title"},
		"no secret":        {"recipients:\n  - name: a\n    title: A\n    webhook: https://a.test/\n", "recipients[0].secret"},
		"an address wrong": {"recipients:\n  - name: a\n    title: A\n    email: nobody\n", "line 4: recipients[0].email"},
		"a name twice":     {"recipients:\n  - {name: a, title: A}\n  - {name: a, title: B}\n", "line 3: recipients[1]: there is another"},
		"an alias":         {"recipients:\n  - &x {name: a, title: A}\n  - *x\n", "anchors"},
		"nothing":          {"", "one YAML document"},
		"no YAML":          {"recipients: [", "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := registry.ParseRecipients([]byte(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "nobody") {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func FuzzParseRecipients(f *testing.F) {
	f.Add([]byte("recipients:\n  - {name: a, title: A, identifiers: [email]}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := registry.ParseRecipients(content)
		if err != nil && list != nil {
			t.Error("a file with mistakes gives recipients")
		}
	})
}
