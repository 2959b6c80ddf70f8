package portal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// The person sees who was told of what changed, in words, and why somebody was not (GDPR Art. 19, second sentence).
func TestThePersonSeesWhoWasTold(t *testing.T) {
	r := newRig(t)
	names := []string{"never", "told", "waiting", "lost", "excused", "maybe", "confirmed"}
	for _, name := range names {
		r.ok(r.set.Registry.PutRecipient(t.Context(), registry.Recipient{Tenant: home, Name: name, Title: "The " + name}))
	}
	c := r.open(home, ada)
	session := r.signIn(c)
	r.change(c, func(f *casefile.File) error {
		if _, err := f.Inform(t.Context(), append(names[1:], "gone"), "shop", dsar.Erased); err != nil {
			return err
		}
		for name, do := range map[string]func(n *casefile.Notice) error{
			"told":      func(n *casefile.Notice) error { return f.NoticeDelivered(n, 1, true) },
			"maybe":     func(n *casefile.Notice) error { return f.NoticeDelivered(n, 1, false) },
			"confirmed": func(n *casefile.Notice) error { return f.AcknowledgeNotice(n, 1, "link") },
			"lost":      func(n *casefile.Notice) error { return f.GiveUpNotice(n, fault.Unavailable) },
		} {
			n, err := f.NoticeTo(t.Context(), name)
			r.ok(err)
			r.ok(f.ClaimNotice(n, casefile.ByMail, nil, redact.Bytes{}))
			r.ok(do(n))
		}
		n, err := f.NoticeTo(t.Context(), "excused")
		r.ok(err)
		return f.DecideNotice(n, "staff:jo", casefile.Disproportionate, redact.NewText("It kept one parcel number for a day."))
	})
	a := r.want(r.send(call{method: "GET", path: api(c), bearer: session}), 200)
	var v struct {
		Recipients []struct {
			Name, Informed, Why string
			At                  time.Time
		}
	}
	r.ok(json.Unmarshal([]byte(a.body), &v))
	want := map[string]string{
		"The never": "", "The told": "told", "The waiting": "not_yet", "The lost": "could_not", "The excused": "disproportionate", "The maybe": "told",
		"The confirmed": "told", "gone": "not_yet",
	}
	if len(v.Recipients) != len(want) {
		t.Errorf("%d recipients", len(v.Recipients))
	}
	for _, x := range v.Recipients {
		if x.Informed != want[x.Name] {
			t.Errorf("%s: %q, want %q", x.Name, x.Informed, want[x.Name])
		}
		if told := x.Informed == "told" || x.Informed == "disproportionate"; told == x.At.IsZero() {
			t.Errorf("%s: at %s", x.Name, x.At)
		}
		if why := x.Name == "The lost" || x.Name == "The excused" || x.Name == "The maybe"; why != (x.Why != "") {
			t.Errorf("%s: %q", x.Name, x.Why)
		}
	}
	html := r.want(r.send(call{method: "GET", path: page(c), cookie: session}), 200).body
	for _, words := range []string{"told, and has confirmed it", "told, arrival not known", "could not be told so far", "out of proportion", "It kept one parcel number for a day."} {
		if !strings.Contains(html, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	if strings.Contains(html, "need not be told") {
		t.Error("the person is bothered with what need not happen")
	}
}
