package console_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/registry"
)

type wordingAnswer struct {
	Version   int
	Published bool
	Specimens []struct{ Letter, Law, Subject, Text string }
}

func (r *rig) word(token, path, body string) wordingAnswer {
	r.t.Helper()
	var a wordingAnswer
	if err := json.Unmarshal([]byte(r.want(r.call(token, "PUT", "/api/v1/wording/"+path, body), 200).body), &a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

// An administrator looks at a draft, publishes it, and takes it back; every version can be read, and the next letter is written in it.
func TestWordsOfATenant(t *testing.T) {
	r := newRig(t)
	_, _, admin := r.staff(home, registry.Admin)
	_, _, auditor := r.staff(home, registry.Auditor)
	const path = "de/refused.extra"
	draft := r.word(admin, path, `{"text":{"other":"Unser Büro ist montags offen."}}`)
	if draft.Published || draft.Version != 0 || len(draft.Specimens) == 0 || draft.Specimens[0].Letter != "refused" || !strings.Contains(draft.Specimens[0].Text, "montags") {
		t.Fatalf("the draft: %+v", draft)
	}
	if got := r.word(admin, path, `{"text":{"other":"Unser Büro ist montags offen."},"reason":"Asked for often","publish":true}`); !got.Published || got.Version != 1 {
		t.Fatalf("published: %+v", got)
	}
	if got := r.word(admin, path, `{"text":{"other":"Kommen Sie vorbei."},"reason":"Shorter","publish":true}`); got.Version != 2 {
		t.Fatalf("published again: %+v", got)
	}
	wording, err := r.h.Letters.Wording(t.Context(), home)
	if err != nil || wording.Version != 2 || wording.Phrases["de"]["refused.extra"]["other"] != "Kommen Sie vorbei." {
		t.Errorf("letters are written with %+v, %v", wording, err)
	}
	if got := r.word(admin, path, `{"restore":1,"reason":"The longer one after all","publish":true}`); got.Version != 3 {
		t.Fatalf("rolled back: %+v", got)
	}
	var one struct {
		Catalogue, Own letters.Phrase
		History        []struct {
			Version int
			Text    letters.Phrase
			Reason  string
		}
	}
	if err := json.Unmarshal([]byte(r.want(r.call(auditor, "GET", "/api/v1/wording/"+path, ""), 200).body), &one); err != nil {
		t.Fatal(err)
	}
	if one.Own["other"] != "Unser Büro ist montags offen." || len(one.History) != 3 || one.History[1].Text["other"] != "Kommen Sie vorbei." || one.History[1].Reason != "Shorter" {
		t.Errorf("the history: %+v", one)
	}
	if got := r.word(admin, path, `{"restore":0,"reason":"No more","publish":true}`); got.Version != 4 {
		t.Fatalf("back to the catalogue: %+v", got)
	}
	if body := r.want(r.call(auditor, "GET", "/api/v1/wording", ""), 200).body; strings.Contains(body, "montags") || !strings.Contains(body, `"version":4`) {
		t.Error("the list has words that were taken back")
	}
}

func TestWordsThatAreNotPublished(t *testing.T) {
	r := newRig(t)
	_, _, admin := r.staff(home, registry.Admin)
	_, _, approver := r.staff(home, registry.Approver)
	r.want(r.call(approver, "PUT", "/api/v1/wording/de/signature", `{"text":{"other":"Ihr Team"},"reason":"x","publish":true}`), 403)
	for name, body := range map[string]string{
		"no words":           `{"reason":"x","publish":true}`,
		"words and version":  `{"text":{"other":"x"},"restore":0,"reason":"x","publish":true}`,
		"no such version":    `{"restore":7,"reason":"x","publish":true}`,
		"HTML":               `{"text":{"other":"<b>x</b>"},"reason":"x","publish":true}`,
		"a fact it has not":  `{"text":{"other":"{{.Code}} x"},"reason":"x","publish":true}`,
		"no reason":          `{"text":{"other":"Ihr Team"},"publish":true}`,
		"a form it has not":  `{"text":{"other":"Ihr Team","few":"x"},"reason":"x","publish":true}`,
		"a field it has not": `{"text":{"other":"Ihr Team"},"nonsense":1}`,
	} {
		if got := r.call(admin, "PUT", "/api/v1/wording/de/signature", body).StatusCode; got != 400 {
			t.Errorf("%s: %d", name, got)
		}
	}
	r.want(r.call(admin, "PUT", "/api/v1/wording/de/step.ends", `{"text":{"other":"x"}}`), 404)
	r.want(r.call(admin, "GET", "/api/v1/wording/tlh/signature", ""), 404)
	if all, err := r.h.Registry.Wordings(t.Context(), home); err != nil || len(all) != 0 {
		t.Errorf("something was published: %+v, %v", all, err)
	}
}
