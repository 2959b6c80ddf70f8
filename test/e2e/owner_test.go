package e2e

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

const (
	cellar = "cellar@example.com"
	vendor = "privacy@vendor.example.com"
)

// byPerson registers a system that somebody acts on.
func byPerson(s *testkit.Site, name, title, kind, email string) {
	s.Helper()
	s.Call("PUT", "/api/v1/systems/"+name, s.Token("admin"), map[string]any{
		"title": title, "kind": kind, "settings": map[string]any{"email": email}, "autopilot": true,
	}).Want(201)
}

// taskLink is the path of the newest task that was mailed to the address.
func taskLink(s *testkit.Site, to, words string) string {
	s.Helper()
	m := s.LastMail(to, words)
	at := strings.Index(m.Text, "/owner/")
	if at < 0 {
		s.Fatalf("the mail has no link: %s", m.Text)
	}
	link, _, _ := strings.Cut(m.Text[at:], "\n")
	return strings.TrimSpace(link)
}

// answer sends the form of a task: fields in turn, after the files.
func answer(s *testkit.Site, link string, files map[string]string, fields ...string) *testkit.Answer {
	s.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range testkit.Keys(files) {
		part, err := w.CreateFormFile("file", name)
		if err == nil {
			_, err = part.Write([]byte(files[name]))
		}
		if err != nil {
			s.Fatal(err)
		}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			s.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.Fatal(err)
	}
	a, err := s.Send("POST", link, "", http.Header{"Content-Type": {w.FormDataContentType()}}, b.Bytes())
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// progressOf is what the person sees of one system.
func progressOf(r *testkit.Request, system string) (out struct {
	Outcome, Progress string
	AskedAt, AnswerBy string
	Files, Records    int
},
) {
	r.Site.Helper()
	var all struct {
		Systems []json.RawMessage `json:"systems"`
	}
	r.Site.Call("GET", r.Path(""), r.Session, nil).Want(200).JSON(&all)
	for _, raw := range all.Systems {
		var named struct{ Name string }
		if json.Unmarshal(raw, &named) != nil || named.Name != system {
			continue
		}
		if err := json.Unmarshal(raw, &out); err != nil {
			r.Site.Fatal(err)
		}
		return out
	}
	r.Site.Fatalf("the status has no system %s", system)
	return out
}

// approvePlan approves the plan of a case as it stands, and lets the time pass in which the person may change their mind.
func (d desk) approvePlan(id string) {
	d.s.Helper()
	var plan struct{ Hash string }
	d.get("/cases/"+id+"/plan", &plan)
	d.post("/cases/"+id+"/plan/decision", map[string]any{"decision": "approve", "hash": plan.Hash}, 200)
	d.s.Settle()
	d.s.Advance("P8D")
}

// A system that only somebody in the cellar can look into is asked by mail, reminded, answered with files, and the files are in
// the person's package beside what the machines found.
func TestFilesOfAPersonAreInThePackage(t *testing.T) {
	s := site(t)
	byPerson(s, "cellar", "Paper archive", "person", cellar)
	r := s.Ask("lumen", "access", testkit.Typical).Verify()
	r.WantStatus("awaiting_person")
	if p := progressOf(r, "cellar"); p.Outcome != "" || p.Progress != "person" || p.AskedAt == "" || p.AnswerBy == "" {
		t.Errorf("while the owner is asked the person sees %+v", p)
	}
	first := s.LastMail(cellar, "A task for you")
	if strings.Contains(first.Text, testkit.Typical) {
		t.Error("the mail to the owner names the person")
	}
	s.Advance("P6D")
	link := taskLink(s, cellar, "Still open")
	page := s.Call("GET", link, "", nil).Want(200)
	if !strings.Contains(string(page.Body), testkit.Typical) {
		t.Error("the page does not say who is meant")
	}
	answer(s, link, map[string]string{"card 7.pdf": "%PDF-1.7 card", "list.csv": "year;what\n1998;letter\n"}, "do", "answer", "answer", "done").Want(303)
	s.Settle()
	r.Refresh()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	s.WantHeld(p, testkit.Typical)
	if got := string(p.Files["attachments/cellar/card_7.pdf"]); got != "%PDF-1.7 card" {
		t.Errorf("the package has %v", testkit.Keys(p.Files))
	}
	if got := progressOf(r, "cellar"); got.Outcome != "found" || got.Files != 2 {
		t.Errorf("after the answer the person sees %+v", got)
	}
	if !strings.Contains(r.Mail("The answer").Text, "2 files with data about you") {
		t.Error("the letter does not tell of the files")
	}
	if over := s.Call("GET", link, "", nil).Want(200); strings.Contains(string(over.Body), testkit.Typical) {
		t.Error("the link still shows the person")
	}
	for _, subject := range r.Subjects() {
		if strings.Contains(subject, "task") {
			t.Errorf("the person got the owner's mail %q", subject)
		}
	}
	r.WantEvidence()
}

// A vendor without an interface is asked to erase once the plan is approved, passes it on, and says that it cannot be done; the
// privacy team decides.
func TestAVendorIsAskedAfterTheApproval(t *testing.T) {
	s := site(t)
	byPerson(s, "printer", "The printer", "recipientmail", vendor)
	r := s.Ask("lumen", "erasure", testkit.Typical).Verify()
	d := staff(s)
	id := d.find(r.Reference).ID
	if asked := s.Subjects(vendor, r.Reference); len(asked) > 0 {
		t.Errorf("before anybody approved the vendor got %q", asked)
	}
	d.approvePlan(id)
	if asked := s.Subjects(vendor, r.Reference); !slices.ContainsFunc(asked, func(x string) bool { return strings.Contains(x, "Request of a data subject") }) {
		t.Fatalf("after the approval the vendor got %q", asked)
	}
	link := taskLink(s, vendor, "Request of a data subject")
	answer(s, link, nil, "do", "answer", "answer", "cannot", "note", "Our press has no memory of names.").Want(303)
	s.Settle()
	var c struct {
		Tasks []struct {
			ID, System, Status string
			Asked              struct{ Why string }
			Owner              *struct{ Answer struct{ Answer, Note string } }
		}
	}
	d.get("/cases/"+id, &c)
	for _, task := range c.Tasks {
		if task.System != "printer" || task.Owner == nil {
			continue
		}
		if task.Asked.Why != "owner_cannot" || task.Owner.Answer.Note != "Our press has no memory of names." {
			t.Errorf("the privacy team sees %+v", task)
		}
		d.post("/tasks/"+task.ID+"/outcome", map[string]any{"caseId": id, "outcome": "not_done", "reason": "they hold nothing we can name"}, 200)
		s.Settle()
		r.Refresh()
		if got := progressOf(r, "printer"); got.Outcome != "not_done" {
			t.Errorf("the person sees %+v", got)
		}
		r.WantEvidence()
		return
	}
	t.Fatal("no task of the case is with the vendor")
}
