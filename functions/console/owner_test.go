package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

const (
	archivist = "olga@example.com"
	successor = "henry@example.com"
	because   = "The film cannot be cut."
)

// asked is a case with a task that its owner passed on and could not do.
func (r *rig) asked() (c casefile.Case, taskID string) {
	r.t.Helper()
	to := func(address, ref string) casefile.OwnerAsk {
		return casefile.OwnerAsk{To: must[subject.Identifier](r.t)(subject.New(subject.Email, address)), Ref: subject.Ref(ref)}
	}
	c = r.verified(r.open(home, nil))
	r.edit(c, func(f *casefile.File) {
		t := f.AddTask("archive", dsar.Erase)
		taskID = t.ID
		err := f.AskOwner(t, to(archivist, "ref-one"))
		for _, do := range []func() error{
			func() error { return f.PassOn(t, to(successor, "ref-two")) },
			func() error {
				_, err := f.AddUpload(t, casefile.Upload{Object: "raw/x", Bytes: 1200, Kind: "pdf", SHA256: strings.Repeat("a", 64)}, "film.pdf")
				return err
			},
			func() error { return f.AskBack(t, redact.NewText("Which film?")) },
			func() error {
				return f.OwnerAnswers(t, casefile.Reply{Answer: casefile.OwnerCannot, Note: redact.NewText(because)})
			},
		} {
			if err == nil {
				err = do()
			}
		}
		if err != nil {
			r.t.Fatal(err)
		}
	})
	return c, taskID
}

func TestStaffSeeWhatBecameOfATaskOfAnOwner(t *testing.T) {
	r := newRig(t)
	c, id := r.asked()
	_, cookie, token := r.staff(home, registry.Handler)
	_, _, auditor := r.staff(home, registry.Auditor)
	full := r.want(r.call(token, http.MethodGet, "/api/v1/cases/"+c.ID, ""), http.StatusOK)
	for _, words := range []string{archivist, successor, because, `"answer":"cannot"`, `"files":1`, `"questions":1`, `"why":"owner_cannot"`, `"by":"owner"`} {
		if !strings.Contains(full.body, words) {
			t.Errorf("the case lacks %q", words)
		}
	}
	for _, bare := range []reply{
		r.want(r.call(auditor, http.MethodGet, "/api/v1/cases/"+c.ID, ""), http.StatusOK),
		r.want(r.call(token, http.MethodGet, "/api/v1/tasks", ""), http.StatusOK),
	} {
		if !strings.Contains(bare.body, `"reminders":0`) || strings.Contains(bare.body, archivist) || strings.Contains(bare.body, because) {
			t.Error("addresses and words are shown to who may not read them, or the task is not")
		}
	}
	at := "/console/tasks/" + c.ID + "/" + id
	page := r.want(r.page(cookie, http.MethodGet, at, nil), http.StatusOK)
	for _, words := range []string{"Decide what the owner could not do", archivist, successor, because, "1.2 kB"} {
		if !strings.Contains(page.body, words) {
			t.Errorf("the page of the task lacks %q", words)
		}
	}
	if strings.Contains(page.body, "film.pdf") {
		t.Error("the name of a file is shown before the response is reviewed")
	}
	r.want(r.page(cookie, http.MethodPost, at, url.Values{"outcome": {"retained"}, "reason": {"a film of many people"}}), http.StatusSeeOther)
	if one := must[*casefile.File](t)(r.h.Cases.Load(t.Context(), home, c.ID)).Task(id); one.Decision == nil || one.Decision.Decision != "retained" {
		t.Error("the decision was not recorded")
	}
	shown := r.want(r.page(cookie, http.MethodGet, "/console/cases/"+c.ID+"?timeline=all", nil), http.StatusOK)
	if !strings.Contains(shown.body, "Owner says it cannot be done") || !strings.Contains(shown.body, "Owner of the system") {
		t.Error("the time line does not tell of the owner")
	}
}
