package ownertask_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
)

const pdf = "%PDF-1.7\n"

func TestTheMailSaysNothingAboutThePerson(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	all := k.letters()
	if len(all) != 1 || all[0].kind != "owner_task" || all[0].to != keeper || all[0].link == "" {
		t.Fatalf("%d letters, the first is %q", len(all), all[0].kind)
	}
	if low := strings.ToLower(all[0].text); strings.Contains(low, canary) || strings.Contains(low, "7700") || !strings.Contains(all[0].text, "Paper archive") {
		t.Errorf("the mail tells of the person, or not of the system: %s", all[0].text)
	}
	page := r.want(r.get(all[0].link), http.StatusOK, adaName, ada, phone[1:], "Paper archive", `enctype="multipart/form-data"`, "14 January 2027")
	if strings.Contains(page.body, "secret") || strings.Contains(page.body, "<script") || strings.Contains(page.body, "Bremen") {
		t.Error("the page shows more than the work needs")
	}
	for range 3 {
		r.want(r.get(all[0].link), http.StatusOK) // looking changes nothing
	}
	r.leaks()
	k.verified()
}

// The owner adds files, takes one away, answers, and the person gets them.
func TestFilesGoIntoThePackage(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	link := k.link()
	r.want(r.post(link, []file{{fileName, pdf + "letters 1998"}, {`C:\cards\card <1>.csv`, "name;year\nAda;1998\n"}, {"wrong.txt", "somebody else"}}, "do", "add"), http.StatusSeeOther)
	r.want(r.get(link), http.StatusOK, "3 files added", "Zq7canary letters.pdf", "card 1.csv", "wrong.txt")
	r.want(r.post(link, nil, "remove", "3"), http.StatusSeeOther)
	r.want(r.post(link, nil, "remove", "3"), http.StatusSeeOther) // pressed twice
	if got := len(r.objects()); got != 2 {
		t.Errorf("%d objects for two files", got)
	}
	r.want(r.post(link, nil, "do", "answer", "answer", "done", "note", "all in the cellar"), http.StatusSeeOther)
	over := r.want(r.get(link), http.StatusOK, "Thank you")
	if strings.Contains(strings.ToLower(over.body), canary) || strings.Contains(over.body, "<form") {
		t.Error("the page of an answered task shows more than that it is answered")
	}
	r.want(r.post(link, []file{{"late.pdf", pdf}}, "do", "add"), http.StatusOK, "Thank you")
	f, one := k.load()
	if one.Outcome != dsar.Found || len(one.Attachments()) != 2 || !strings.HasPrefix(one.Owner.Answer.By, "owner:") {
		t.Fatalf("settled as %s with %d files by %s", one.Outcome, len(one.Attachments()), one.Owner.Answer.By)
	}
	if note, err := f.OwnerNote(one); err != nil || note.Reveal() != "all in the cellar" {
		t.Errorf("the owner's words: %v", err)
	}
	r.leaks()
	k.verified()

	files := k.assembled()
	var m disclosure.Manifest
	r.ok(json.Unmarshal([]byte(files["manifest.json"]), &m))
	if len(m.Systems) != 1 || m.Systems[0].Outcome != dsar.Found || len(m.Systems[0].Attachments) != 2 {
		t.Fatalf("the manifest has %+v", m.Systems)
	}
	if files["attachments/archive/Zq7canary_letters.pdf"] != pdf+"letters 1998" || files["attachments/archive/card_1.csv"] != "name;year\nAda;1998\n" {
		t.Errorf("the package has other files: %q", m.Systems[0].Attachments)
	}
	if strings.Contains(files["index.html"], "cellar") || !strings.Contains(files["index.html"], "Zq7canary letters.pdf") {
		t.Error("index.html shows the words to the privacy team, or not the files")
	}
}

// assembled runs the assembly and opens the package.
func (k *task) assembled() map[string]string {
	k.t.Helper()
	raw, err := json.Marshal(step.Input{Tenant: tenant, CaseID: k.c.ID, Generation: 1, SchemaVersion: 1, State: "AssembleResponse"})
	k.ok(err)
	var a step.Answer
	for n := 0; a.Next == "" || a.Next == step.More || a.Next == step.Again; n++ {
		out, err := k.set.Steps["AssembleResponse"](k.t.Context(), raw)
		k.ok(err)
		k.ok(json.Unmarshal(out, &a))
		if n == 20 {
			k.t.Fatal("assembling does not end")
		}
	}
	if a.Next != step.Review {
		k.t.Errorf("files of an owner go out as %q, and nobody looked", a.Next)
	}
	f, _ := k.load()
	sealed, _, err := k.blobs.Open(k.t.Context(), f.Case.Package.Volumes[0].Object, 0)
	k.ok(err)
	defer sealed.Close()
	plain, err := f.Keys.OpenResults(k.t.Context(), sealed)
	k.ok(err)
	whole, err := io.ReadAll(plain)
	k.ok(err)
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	k.ok(err)
	out := map[string]string{}
	for _, e := range z.File {
		body, err := e.Open()
		k.ok(err)
		content, err := io.ReadAll(body)
		k.ok(err)
		out[e.Name] = string(content)
	}
	return out
}

// What cannot be taken is named with the reason, and everything else is kept.
func TestFilesThatAreNotTaken(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	link := k.link()
	large := pdf + strings.Repeat("x", 64<<10)
	page := r.want(r.post(link, []file{
		{"first.pdf", pdf},
		{"large.pdf", large},
		{"empty.csv", ""},
		{"setup.exe", "MZ\x90"},
		{"page.html", "<html>"},
		{"fake.pdf", "MZ\x90\x00"},
		{"script.txt", "<html><script>x</script>"},
		{"noextension", "text"},
		{"last.txt", "kept too"},
	}, "do", "add", "note", "typed <words>"), http.StatusRequestEntityTooLarge,
		"7 files were not added", "large.pdf", "too large", "empty.csv", "setup.exe", "fake.pdf", "script.txt", "2 files added", "first.pdf", "last.txt", "typed &lt;words&gt;")
	if strings.Contains(page.body, "MZ") {
		t.Error("content of a file is on the page")
	}
	if got := len(r.objects()); got != 2 {
		t.Errorf("%d objects: what was not taken must leave nothing behind", got)
	}
	// Two more of nearly the limit fit together with them, a third does not.
	almost := pdf + strings.Repeat("y", 60<<10)
	r.want(r.post(link, []file{{"a.pdf", almost}, {"b.pdf", almost}, {"c.pdf", almost}}, "do", "add"), http.StatusRequestEntityTooLarge, "1 file was not added", "c.pdf", "4 files added")
	r.want(r.post(link, []file{{"d.pdf", pdf}, {"e.pdf", pdf}}, "do", "add"), http.StatusBadRequest, "no room for more files", "5 files added")
	if _, one := k.load(); len(one.Owner.Uploads) != 5 || len(r.objects()) != 5 {
		t.Errorf("%d files, %d objects", len(one.Owner.Uploads), len(r.objects()))
	}
	// A form beyond everything that could fit ends early; what came before it is kept.
	r.want(r.post(link, nil, "remove", "1"), http.StatusSeeOther)
	r.want(r.post(link, []file{{"tiny.txt", "x"}, {"huge.zip", "PK\x03\x04" + strings.Repeat("z", 1<<20)}}, "do", "answer", "answer", "done"), http.StatusRequestEntityTooLarge, "tiny.txt")
	if _, one := k.load(); one.Owner.Answer != nil || len(one.Owner.Uploads) != 5 {
		t.Error("an answer whose files were not all taken was recorded")
	}
	k.verified()
}

// An archive that would unpack to far more than it is stays what it is.
func TestArchivesAreNotOpened(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("bomb.txt")
	r.ok(err)
	for range 40 {
		_, err := w.Write(make([]byte, 1<<20))
		r.ok(err)
	}
	r.ok(z.Close())
	r.want(r.post(k.link(), []file{{"bomb.zip", b.String()}}, "do", "answer", "answer", "done"), http.StatusSeeOther)
	if got := k.assembled()["attachments/archive/bomb.zip"]; got != b.String() {
		t.Errorf("the archive has %d bytes in the package, %d were added", len(got), b.Len())
	}
}

func TestAnswersThatLackSomething(t *testing.T) {
	for name, x := range map[string]struct {
		right  dsar.Right
		fields []string
		words  string
	}{
		"nothing chosen":         {dsar.Erasure, []string{"do", "answer"}, "Choose your answer"},
		"no such answer":         {dsar.Erasure, []string{"do", "answer", "answer", "retained"}, "Choose your answer"},
		"no files":               {dsar.Access, []string{"do", "answer", "answer", "done"}, "Add the files that hold the data"},
		"no number":              {dsar.Erasure, []string{"do", "answer", "answer", "done"}, "Say how many records"},
		"a number that is none":  {dsar.Erasure, []string{"do", "answer", "answer", "done", "records", "a few"}, "whole number"},
		"no word how":            {dsar.Restriction, []string{"do", "answer", "answer", "done"}, "Write a sentence"},
		"no word why":            {dsar.Erasure, []string{"do", "answer", "answer", "cannot"}, "Write a sentence"},
		"more words than anyone": {dsar.Erasure, []string{"do", "answer", "answer", "cannot", "note", strings.Repeat("long ", 1000)}, "up to 4,000 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			k := r.open(x.right, "person")
			r.want(r.post(k.link(), nil, x.fields...), http.StatusBadRequest, x.words)
			if _, one := k.load(); one.Owner.Answer != nil || one.Status != casefile.TaskPerson {
				t.Error("an answer that lacks something was recorded")
			}
		})
	}
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	r.want(r.post(k.link(), []file{{"a.pdf", pdf}}, "do", "answer", "answer", "nothing_held"), http.StatusBadRequest, "Remove them first", "a.pdf")
}

func TestChangesByHandAreCounted(t *testing.T) {
	for right, want := range map[dsar.Right]dsar.Outcome{dsar.Erasure: dsar.Erased, dsar.Correction: dsar.Corrected} {
		r := newRig(t)
		k := r.open(right, "person")
		page := r.want(r.get(k.link()), http.StatusOK, "How many records")
		if got := strings.Contains(page.body, "Zq7canary-Ross"); got != (right == dsar.Correction) || strings.Contains(page.body, "Bremen") {
			t.Errorf("%s: the page shows the fields of a correction: %t", right, got)
		}
		r.want(r.post(k.link(), nil, "do", "answer", "answer", "done", "records", "7"), http.StatusSeeOther)
		if _, one := k.load(); one.Outcome != want || one.ByHand() != 7 || len(one.Receipt) != 64 {
			t.Errorf("%s: settled as %s with %d records", right, one.Outcome, one.ByHand())
		}
		k.verified()
	}
}

func TestWhatCannotBeDoneGoesToThePrivacyTeam(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Erasure, "person")
	r.want(r.post(k.link(), nil, "do", "answer", "answer", "cannot", "note", "The film cannot be cut."), http.StatusSeeOther)
	r.want(r.get(k.link()), http.StatusOK, "Thank you")
	refs, _, err := r.set.Cases.PersonTasks(t.Context(), tenant, 10, "")
	r.ok(err)
	if _, one := k.load(); len(refs) != 1 || one.Asked.Why != casefile.WhyOwnerCannot {
		t.Errorf("the privacy team sees %d tasks, asked %q", len(refs), one.Asked.Why)
	}
	k.change(func(_ context.Context, f *casefile.File) error {
		return f.DecideTask(f.Task(k.id), evidence.Staff("s1"), string(dsar.Retained), redact.NewText("it is a film of many people"))
	})
	k.verified()
}

func TestLinksThatLeadNowhere(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	token := strings.TrimPrefix(k.link(), "/owner/")
	other, err := r.set.Sessions.New(t.Context(), session.Grant{Kind: session.Download, Tenant: tenant, CaseID: k.c.ID, TaskID: k.id, Holder: 1, ExpiresAt: r.now.Add(time.Hour)})
	r.ok(err)
	foreign, err := r.set.Sessions.New(t.Context(), session.Grant{Kind: session.Owner, Tenant: "birch", CaseID: k.c.ID, TaskID: k.id, Holder: 1})
	r.ok(err)
	nobody, err := r.set.Sessions.New(t.Context(), session.Grant{Kind: session.Owner, Tenant: tenant, CaseID: k.c.ID, TaskID: k.id, Holder: 2})
	r.ok(err)
	first := ""
	for _, guess := range []string{token[1:] + "A", strings.ToUpper(token), token + "A", strings.Repeat("A", 43), "x", strings.Repeat("A", 5000), other, foreign, nobody, url.PathEscape("../" + token), "%00"} {
		a := r.want(r.get("/owner/"+guess), http.StatusNotFound, "This link leads nowhere")
		if first == "" {
			first = a.body
		}
		if a.body != first || strings.Contains(a.body, "Alder") {
			t.Errorf("a guess is answered differently from another one")
		}
		r.want(r.post("/owner/"+guess, []file{{"a.pdf", pdf}}, "do", "answer", "answer", "done"), http.StatusNotFound)
		r.want(r.form("/owner/"+guess+"/pass", url.Values{"to": {heir}}), http.StatusNotFound)
		r.want(r.form("/owner/"+guess+"/question", url.Values{"question": {"?"}}), http.StatusNotFound)
	}
	if len(r.objects()) > 0 {
		t.Error("a guess stores files")
	}
	r.now = r.now.Add(session.OwnerLife)
	r.want(r.get("/owner/"+token), http.StatusNotFound, "This link leads nowhere")
}

func TestTheTaskEndsWithTheRequest(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	k.change(func(_ context.Context, f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	for _, a := range []answer{r.get(k.link()), r.post(k.link(), []file{{"a.pdf", pdf}}, "do", "add"), r.form(k.link()+"/pass", url.Values{"to": {heir}})} {
		if r.want(a, http.StatusOK, "Nothing is left to do"); strings.Contains(a.body, adaName) {
			t.Error("the page shows the person after the request has ended")
		}
	}
	if len(r.objects()) > 0 || len(k.letters()) != 1 {
		t.Error("an ended task takes files or writes mails")
	}
}

// Somebody else settles the task while a file is on its way: nothing of the file stays.
func TestAFileThatComesTooLate(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	r.blobs.stored = func() {
		k.change(func(_ context.Context, f *casefile.File) error {
			return f.DecideTask(f.Task(k.id), evidence.Staff("s1"), string(dsar.NothingHeld), redact.NewText("they called"))
		})
	}
	r.want(r.post(k.link(), []file{{"a.pdf", pdf}}, "do", "add"), http.StatusOK, "Nothing is left to do")
	if len(r.objects()) > 0 {
		t.Error("a file that came too late stays")
	}
}

func TestPassingOn(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	old := k.link()
	r.want(r.post(old, []file{{"a.pdf", pdf}}, "do", "add"), http.StatusSeeOther)
	for to, words := range map[string]string{"": "Enter an e-mail address", "nobody": "name@example.com", keeper: "cannot go to this address"} {
		r.want(r.form(old+"/pass", url.Values{"to": {to}}), http.StatusBadRequest, words)
	}
	r.want(r.form(old+"/pass", url.Values{"to": {heir}}), http.StatusSeeOther)
	all := k.letters()
	if len(all) != 3 || all[1].kind != "owner_task" || all[1].to != heir || all[2].kind != "owner_passed" || all[2].to != keeper || !strings.Contains(all[2].text, heir) || all[2].link != "" {
		t.Fatalf("%d letters: %+v", len(all), all)
	}
	if gone := r.want(r.get(old), http.StatusGone, "Somebody else has this task now"); strings.Contains(gone.body, adaName) {
		t.Error("an ended link shows the person")
	}
	r.want(r.post(old, nil, "do", "answer", "answer", "nothing_held"), http.StatusGone)
	r.want(r.get(k.link()), http.StatusOK, adaName, "a.pdf")
	r.want(r.post(k.link(), nil, "do", "answer", "answer", "done"), http.StatusSeeOther)
	_, one := k.load()
	if len(one.Owner.Holders) != 2 || one.Owner.Answer.By != one.OwnerActor() || one.Owner.Answer.By == evidence.Owner(string(one.Owner.Holders[0].Ref)) {
		t.Errorf("answered by %s", one.Owner.Answer.By)
	}
	r.want(r.get(old), http.StatusGone)
	r.leaks()
	k.verified()
}

func TestQuestions(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	r.want(r.form(k.link()+"/question", url.Values{"question": {" "}}), http.StatusBadRequest, "Write your question")
	a := r.want(r.form(k.link()+"/question", url.Values{"question": {"Which Ada, Zq7canary?"}}), http.StatusSeeOther)
	r.want(r.get(a.location), http.StatusOK, "Your question is with the privacy team", adaName)
	notes, err := r.set.Cases.Notes(t.Context(), tenant, k.c.ID, 10)
	r.ok(err)
	if len(notes) != 1 || notes[0].Text.Reveal() != "Which Ada, Zq7canary?" || !strings.HasPrefix(notes[0].From, "owner:") {
		t.Errorf("%d notes", len(notes))
	}
	messages, err := r.set.Cases.Messages(t.Context(), tenant, k.c.ID, 10)
	r.ok(err)
	if len(messages) != 0 {
		t.Error("the person sees what the owner asks")
	}
	r.leaks()
}

// The clockwork sends two reminders and then tells the privacy team; each mail has a link that works.
func TestRemindersAndEscalation(t *testing.T) {
	for kind, want := range map[string]string{"person": "owner_task owner_reminder owner_reminder", "recipientmail": "vendor_task vendor_reminder vendor_reminder"} {
		r := newRig(t)
		k := r.open(dsar.Erasure, kind)
		for range 4 * 14 {
			r.now = r.now.Add(6 * time.Hour)
			_, err := r.set.Sweep(t.Context())
			r.ok(err)
		}
		var kinds []string
		for _, l := range k.letters() {
			kinds = append(kinds, l.kind)
			r.want(r.get(l.link), http.StatusOK, adaName)
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: letters %q", kind, got)
		}
		_, one := k.load()
		if one.Asked.Why != casefile.WhyOwnerLate || one.Status != casefile.TaskPerson || one.Owner.OverdueAt.IsZero() {
			t.Errorf("%s: the privacy team is asked %q", kind, one.Asked.Why)
		}
		r.want(r.get(k.link()), http.StatusOK, "This day has passed")
		r.want(r.post(k.link(), nil, "do", "answer", "answer", "nothing_held"), http.StatusSeeOther)
		if _, one := k.load(); one.Outcome != dsar.NothingHeld {
			t.Error("a late answer does not count")
		}
		k.verified()
	}
}

// Reminders of many tasks at the same time are sent over several commits: a transaction has its limits.
func TestManyRemindersAreSentInTurns(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	for range 3 {
		k.change(func(ctx context.Context, f *casefile.File) error {
			for range 10 {
				one := f.AddTask("archive", dsar.ReadOut)
				one.By = plan.Owner
				if err := r.set.Owners.Ask(ctx, f, one); err != nil {
					return err
				}
			}
			return nil
		})
	}
	r.now = r.now.AddDate(0, 0, 6)
	for range 4 {
		_, err := r.set.Sweep(t.Context())
		r.ok(err)
		r.now = r.now.Add(time.Minute)
	}
	f, _ := k.load()
	for n, one := range f.Tasks {
		if one.Owner.Reminders != 1 {
			t.Errorf("task %d has %d reminders", n, one.Owner.Reminders)
		}
	}
}

func TestVendorsGetAFormalLetter(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Erasure, "recipientmail")
	l := k.letters()[0]
	for _, words := range []string{"Alder Ltd, 1 Example Street", "instruction", k.c.Reference} {
		if !strings.Contains(l.text, words) {
			t.Errorf("the letter lacks %q: %s", words, l.text)
		}
	}
	if strings.Contains(strings.ToLower(l.text), canary) {
		t.Error("the letter names the person")
	}
	// The answer came by mail: staff record it.
	k.change(func(_ context.Context, f *casefile.File) error {
		return f.DecideTask(f.Task(k.id), evidence.Staff("s1"), "done", redact.NewText("letter of 7 January"))
	})
	r.want(r.get(l.link), http.StatusOK, "Nothing is left to do")
}

// A system that names no address, or is gone, is a task of the privacy team: nobody is asked who cannot be.
func TestNobodyToAsk(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	k.change(func(ctx context.Context, f *casefile.File) error {
		gone := f.AddTask("attic", dsar.ReadOut)
		gone.By = plan.Owner
		if err := r.set.Owners.Ask(ctx, f, gone); err != nil {
			return err
		}
		if gone.By != plan.Person || gone.Asked == nil || gone.Asked.Why != "manual" || gone.Owner != nil {
			t.Errorf("a system that is gone is asked by %s", gone.By)
		}
		return r.set.Owners.Ask(ctx, f, f.Task(k.id)) // asked before
	})
	if n := len(k.letters()); n != 1 {
		t.Errorf("%d letters", n)
	}
}

func TestFormsThatAreNone(t *testing.T) {
	r := newRig(t)
	k := r.open(dsar.Access, "person")
	link := k.link()
	r.want(r.form(link, url.Values{"do": {"answer"}}), http.StatusBadRequest)
	r.want(r.do(http.MethodPost, link, "multipart/form-data; boundary=x", strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n%PDF-cut")), http.StatusBadRequest)
	r.want(r.post(link, nil, "note", strings.Repeat("x", 20<<10)), http.StatusBadRequest)
	r.want(r.post(link, nil, "remove", "nonsense"), http.StatusBadRequest)
	var many []string
	for n := range 250 {
		many = append(many, fmt.Sprint("field", n), "x")
	}
	r.want(r.post(link, nil, many...), http.StatusBadRequest)
	if len(r.objects()) > 0 {
		t.Error("a form that cannot be read leaves files")
	}
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("bad forms are logged as our defects: %s", r.log.String())
	}
	r.want(r.get(link), http.StatusOK)
}
