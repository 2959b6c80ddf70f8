package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func mustEmail(t testing.TB, s string) subject.Identifier {
	t.Helper()
	i, err := subject.New(subject.Email, s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestTheFormCarriesEveryAnswerToTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := "/t/" + home + "/request"
	all := []string{"right", "erasure", "email", ada, "name", "Ada", "country", "DE", "region", "Berlin", "details", "All <of> it"}
	a := r.want(r.send(call{method: "POST", path: at, body: form("step", "right", "right", "erasure")}), 200)
	if !strings.Contains(a.body, `name="email"`) {
		t.Error("the second page asks for the address")
	}
	r.want(r.send(call{method: "POST", path: at, body: form(append(all, "step", "who")...)}), 200)
	a = r.want(r.send(call{method: "POST", path: at, body: form(append(all, "step", "check", "send", "1")...), header: http.Header{"Accept-Language": {"de-AT,de;q=0.9"}}}), 303)
	ref, ok := strings.CutSuffix(strings.TrimPrefix(a.Header.Get("Location"), "/t/"+home+"/requests/"), "/sent")
	if _, clean := dsar.CleanReference(ref); !ok || !clean {
		t.Fatalf("leads to %s", a.Header.Get("Location"))
	}
	id, err := r.set.Cases.ByReference(t.Context(), home, ref)
	r.ok(err)
	f, err := r.set.Cases.Load(t.Context(), home, id)
	r.ok(err)
	p, err := f.Person()
	r.ok(err)
	if f.Case.Right != dsar.Erasure || f.Case.Locale != "de-AT" || f.Case.Channel != "portal" || p.Name.Reveal() != "Ada" || p.Region.Reveal() != "Berlin" || p.Details.Reveal() != "All <of> it" {
		t.Errorf("opened %+v", f.Case)
	}
	for _, back := range []string{"right", "who"} {
		a = r.want(r.send(call{method: "POST", path: at, body: form(append(all, "step", "check", "change", back)...)}), 200)
		if !strings.Contains(a.body, "All &lt;of&gt; it") || strings.Contains(a.body, "All <of> it") {
			t.Errorf("going back to %s loses what was written, or prints it raw", back)
		}
	}
}

func TestWrongAnswersAreAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	at := "/t/" + home + "/request"
	for name, body := range map[string]string{
		"no address":      form("step", "who", "right", "access"),
		"a bad address":   form("step", "who", "right", "access", "email", "nobody"),
		"a bad country":   form("step", "check", "send", "1", "right", "access", "email", ada, "country", "Germany"),
		"two lines":       form("step", "check", "send", "1", "right", "access", "email", ada, "name", "a\nb"),
		"no UTF-8":        form("step", "check", "send", "1", "right", "access", "email", ada, "details", "\xff"),
		"a long text":     form("step", "check", "send", "1", "right", "access", "email", ada, "details", strings.Repeat("x", 4001)),
		"a bad character": form("step", "check", "send", "1", "right", "access", "email", ada, "region", "<b>"),
	} {
		if a := r.send(call{method: "POST", path: at, body: body}); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, `name="email"`) {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	if ids, err := r.set.Cases.ByIdentifier(t.Context(), home, mustEmail(t, ada), 10); err != nil || len(ids) != 0 {
		t.Errorf("%d requests were opened: %v", len(ids), err)
	}
}

// The header of a browser cannot stop a person from asking.
func TestAnyLanguageHeaderWillDo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, header := range []string{"", "*", "x-klingon", "en-x-a-very-long-private-use-subtag-that-goes-on", "zz-ZZ", ";q=", strings.Repeat("en,", 500), "\x00", "i-default"} {
		a := r.send(call{
			method: "POST", path: "/t/" + home + "/request", header: http.Header{"Accept-Language": {header}},
			body: form("step", "check", "send", "1", "right", "access", "email", ada),
		})
		if a.StatusCode != http.StatusSeeOther {
			t.Errorf("%.20q: %d", header, a.StatusCode)
		}
	}
}

func FuzzForm(f *testing.F) {
	r := newRig(f)
	f.Add("step=check&send=1&right=access&email=ada%40example.com&country=DE", "de")
	f.Add("step=who&right=erasure&email=%00&name=%0d%0a&region=%e2%80%ae", "*")
	f.Add("%zz&;;&a=b=c&right", "\xff")
	f.Fuzz(func(t *testing.T, body, header string) {
		if strings.HasPrefix(body, "{") || strings.ContainsAny(header, "\r\n") {
			return
		}
		r.t = t
		a := r.send(call{method: "POST", path: "/t/" + home + "/request", body: body, header: http.Header{"Accept-Language": {header}}})
		switch a.StatusCode {
		case http.StatusOK, http.StatusBadRequest, http.StatusSeeOther:
		default:
			t.Fatalf("%q answers %d", body, a.StatusCode)
		}
		if u, err := url.Parse(a.Header.Get("Location")); a.StatusCode == http.StatusSeeOther && (err != nil || u.Host != "") {
			t.Fatalf("%q leads to %q", body, a.Header.Get("Location"))
		}
	})
}
