package proof

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// person is one of the people who ask.
type person struct {
	testkit.Persistent
	number int
	pack   *testkit.Package // of access, once it was fetched
}

func newPerson(s *testkit.Site, post *testkit.Post, i int, right string) *person {
	return &person{number: i, Persistent: testkit.Persistent{
		Request: testkit.Request{Site: s, Tenant: tenant, Email: email(i)}, Right: right, More: asks(i, right), Post: post,
	}}
}

// drive asks and waits for the answer, limit for each step.
func (p *person) drive(limit time.Duration) {
	steps := []testkit.Step{p.Submit, p.Confirm, p.Await("fulfilled")}
	if p.Right == "access" {
		steps = append(steps, p.fetch)
	}
	p.Drive(limit, steps...)
}

// fetch fetches the package, however often the process is gone meanwhile.
func (p *person) fetch(end time.Time) string {
	for ; time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		a := p.Send("POST", p.Path("/package"), p.Session, map[string]any{})
		switch {
		case a == nil:
			continue
		case a.Status == 401:
			if problem := p.Confirm(end); problem != "" {
				return problem
			}
			continue
		case a.Status != 200:
			return fmt.Sprintf("asking for the package answers %d: %s", a.Status, a.Body)
		}
		var in struct{ URL string }
		a.JSON(&in)
		if a = p.Send("POST", in.URL, p.Session, map[string]int{"volume": 1}); a == nil || a.Status != 200 {
			continue // a link is good for one try
		}
		var err error
		if p.pack, err = testkit.OpenPackage(a.Body); err != nil {
			return "opening the package: " + err.Error()
		}
		return ""
	}
	return "the package could not be fetched"
}

// wantHeld fails the test unless the package has every row that is held about the person, and no other.
func (p *person) wantHeld(t *testing.T) {
	t.Helper()
	for table, want := range held(p.number) {
		records, err := p.pack.Records("store", table)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			row := testkit.Row{}
			for c, v := range r {
				row[c] = fmt.Sprint(v)
			}
			got = append(got, keyOf(table, row))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("person %d: the package has of %s %v, held is %v", p.number, table, got, want)
		}
	}
}

// wantProof fails the test unless the evidence verifies.
func (p *person) wantProof(t *testing.T) {
	t.Helper()
	raw := p.Site.Staff(tenant, "auditor", "GET", "/cases/"+p.ID()+"/evidence", nil).Want(200).Body
	report, err := evidence.VerifyBundle(bytes.NewReader(raw), int64(len(raw)), evidence.VerifyOptions{})
	if err != nil || !report.OK() || report.Reference != p.Reference || report.Entries == 0 {
		t.Errorf("person %d: the evidence does not verify: %+v, %v", p.number, report, err)
	}
}

// wantLetters fails the test unless every letter that is due came at most once, and the case says so of every one that may not
// have come: as undelivered, or as a notice that nobody knows of. It returns how many gaps there are.
func (p *person) wantLetters(t *testing.T, post *testkit.Post) (gaps int) {
	t.Helper()
	c := p.Case()
	shown := func(kinds ...string) bool {
		for _, u := range c.Undelivered {
			if slices.Contains(kinds, u.Kind) {
				return true
			}
		}
		return false
	}
	gap := func(what string, told bool) {
		if gaps++; !told {
			t.Errorf("person %d (%s): %s never came, and the case does not say so: %+v, %+v", p.number, p.Right, what, c.Undelivered, c.Recipients)
		}
	}
	codes := 0
	came := post.About(t, p.Reference, p.Email, recipient)
	for kind, n := range came {
		switch kind {
		case "A new code for your request", "Your code for the download of request":
			codes += n
		default:
			if n > 1 {
				t.Errorf("person %d: %q came %d times", p.number, kind, n)
			}
		}
	}
	if codes > p.Asked {
		t.Errorf("person %d: %d codes for %d times asking", p.number, codes, p.Asked)
	}
	if came["Confirm your request"] == 0 && p.Asked == 0 {
		t.Errorf("person %d: no code came, and none was asked for again", p.number)
	}
	if came["We have your request"] == 0 {
		gap("the acknowledgement", shown("acknowledgement"))
	}
	if came["The answer to your request"] == 0 {
		gap("the answer", shown("done", "response_ready", "nothing_held"))
	}
	notices := 0
	for _, m := range post.Letters(t) {
		if m.Reference == p.Reference && m.To == recipient {
			notices++
		}
	}
	told := false
	for _, r := range c.Recipients {
		if r.Name != "parcelline" || r.Notice == nil {
			continue
		}
		if told = true; notices == 0 {
			gap("the notice", r.Notice.Status == "unknown" || r.Notice.Status == "failed")
		}
	}
	if told != (p.Right != "access") || !told && notices > 0 {
		t.Errorf("person %d (%s): %d notices, recipients are %+v", p.number, p.Right, notices, c.Recipients)
	}
	return gaps
}

var rights = []string{"access", "erasure", "correction", "restriction"}

// mixed chooses rights so that households have every pair of them. The second of a household has a case up to both.
func mixed(households, both int) map[int]string {
	out := map[int]string{}
	for h := range households {
		out[2*h+1] = rights[h%4]
		if h < both {
			out[2*h+2] = rights[h/4%4]
		}
	}
	return out
}

// judge looks at everything once the trouble is over.
func judge(t *testing.T, d *store, before testkit.Dump, people map[int]*person, post *testkit.Post) {
	t.Helper()
	asked, gaps, lost := map[int]string{}, 0, 0
	for i, p := range people {
		asked[i] = p.Right
		lost += p.Lost
		if p.Problem != "" {
			if p.Reference != "" {
				t.Logf("person %d (%s): %+v", i, p.Right, p.Case())
			}
			continue
		}
		c := p.WantStaffStatus("fulfilled")
		if c.OperatorFault != nil {
			t.Errorf("person %d: the case stopped on a defect", i)
		}
		if p.Right == "access" {
			p.wantHeld(t)
		}
		p.wantProof(t)
		gaps += p.wantLetters(t, post)
	}
	d.wantExactly(t, before, asked)
	t.Logf("%d cases, %d submissions without an answer, %d letters that never came", len(people), lost, gaps)
}
