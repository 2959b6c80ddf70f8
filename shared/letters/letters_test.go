package letters_test

import (
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	code = "04815162"
	link = "https://privacy.example.com/t/lumen/c?k=MFRGGZDFMZTWQ2LKNNWG23TPOA"
	name = "Ada <b>Example</b>"
)

func catalogue(t testing.TB) *letters.Catalogue {
	t.Helper()
	c, err := letters.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// packs reads the laws once: every sample asks for one.
var packs = sync.OnceValues(policy.Load)

func pack(t testing.TB, id policy.ID) policy.Pack {
	t.Helper()
	set, err := packs()
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Pack(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func day(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// facts are a case with everything known.
func facts(t testing.TB, k letters.Kind, id policy.ID, right dsar.Right) letters.Facts {
	t.Helper()
	p := pack(t, id)
	received := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	in := clock.Input{Rule: p.Rule(right), ReceivedAt: received, Zone: time.UTC}
	first, err := clock.Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	f := letters.Facts{
		Tenant:    letters.Tenant{Title: "Lumen Books", Controller: "Lumen Books Ltd, 1 Example Street, Exampleton", Contact: "privacy@example.com"},
		Reference: "7K3QX-9M2DA", Right: right, Pack: p, PortalURL: "https://privacy.example.com/t/lumen/requests/7K3QX-9M2DA",
		Name: redact.NewText(name), Code: redact.NewText(code), Link: redact.NewText(link), ValidFor: 30 * time.Minute, Tries: 5,
		ReceivedOn: day(t, "2026-11-21"), Due: first.Due.Date, DueSteps: first.Due.Steps, FirstDue: first.Due.Date,
		VerifyBy: day(t, "2026-12-05"), Until: day(t, "2027-01-20"), On: day(t, "2026-12-05"),
		Reasons:  []letters.Reason{{Text: redact.NewText("The invoices of your orders must be kept for ten years."), Citation: "GDPR Art. 17(3)(b)"}},
		Systems:  []letters.System{{Title: "Shop", Outcome: dsar.Found, Records: 1041}, {Title: "Newsletter", Outcome: dsar.NothingHeld, Records: 0}, {Title: "Support", Outcome: dsar.NotDone, Records: 0}},
		Told:     []dsar.Outcome{dsar.Restricted, dsar.Erased, dsar.Corrected},
		Task:     letters.Task{System: "Paper <archive>", Action: dsar.ReadOut, Passed: true, To: redact.NewText("bob@example.com")},
		WaitsFor: letters.WaitsFor{Cause: "owner", Of: "Paper <archive>"},
		Act:      letters.Act{Code: "several_people", Effect: policy.Pause, Blocks: true, Amount: "EUR 20.00", Kind: "refuse", Outcome: "partly"},
		Volumes:  2, Other: "2ABCD-3EFGH", Message: redact.NewText("We found two accounts.\n\nWhich one is <yours>?\u202e"), OptOutURL: "https://shop.example.com/opt-out",
	}
	if k == letters.Extension && in.Rule.Extension != nil {
		f.ExtensionReason = p.Extension.Reasons[0]
		in.Events = []clock.Event{{Kind: clock.Extended, At: received.AddDate(0, 0, 10), Reason: f.ExtensionReason}}
		if p.Extension.Open {
			in.Events[0].Until = first.Due.Date.AddDays(30)
		}
		longer, err := clock.Compute(in)
		if err != nil {
			t.Fatal(err)
		}
		f.Due, f.DueSteps = longer.Due.Date, longer.Due.Steps
	}
	return f
}

// factsFor gives each letter the facts of a case in which it would be sent.
func factsFor(t testing.TB, k letters.Kind, id policy.ID, right dsar.Right) letters.Facts {
	t.Helper()
	f := facts(t, k, id, right)
	switch k {
	case letters.NothingHeld:
		f.Systems = []letters.System{{Title: "Shop", Outcome: dsar.NothingHeld, Records: 0}, {Title: "Newsletter", Outcome: dsar.NothingHeld, Records: 0}}
	case letters.FeeNotice, letters.ClaimWarning:
		f.Act.Code = "excessive"
	case letters.QuestionClarification:
		f.Act.Code = "large_quantity"
	case letters.AppealExtended:
		f.FirstDue = day(t, "2026-12-01")
	case letters.CannotDetermine:
		f.Systems = []letters.System{{Title: "Shop", Outcome: dsar.Ambiguous, Records: 0}}
	case letters.NotIdentifiable:
		f.Reasons = []letters.Reason{{Text: redact.NewText("Several people use the details you gave."), Citation: "GDPR Art. 11(2)"}}
	case letters.Withdrawn:
		f.Systems = nil
	}
	return f
}

type sample struct {
	file  string
	kind  letters.Kind
	facts letters.Facts
}

func samples(t testing.TB) []sample {
	var out []sample
	for _, k := range letters.Kinds() {
		out = append(out, sample{string(k), k, factsFor(t, k, "eu", dsar.Access)})
	}
	for _, id := range []policy.ID{"eu", "uk", "us-ca"} {
		out = append(out, sample{"refused_erasure." + string(id), letters.Refused, factsFor(t, letters.Refused, id, dsar.Erasure)})
	}
	stopped := factsFor(t, letters.Withdrawn, "uk", dsar.Erasure)
	stopped.Systems = []letters.System{{Title: "Shop", Outcome: dsar.Erased, Records: 1}, {Title: "Tax archive", Outcome: dsar.Retained, Records: 3}}
	ack := factsFor(t, letters.Acknowledgement, "us-ca", dsar.Restriction)
	ack.Assumption = "We do not know in which country you live, so we assume one."
	done := factsFor(t, letters.Done, "eu", dsar.Erasure)
	done.Systems = []letters.System{{Title: "Shop", Outcome: dsar.Erased, Records: 12}, {Title: "Tax archive", Outcome: dsar.Retained, Records: 3}, {Title: "Support", Outcome: dsar.NotDone, Records: 0}}
	return append(out, sample{"withdrawn_late", letters.Withdrawn, stopped}, sample{"done_erasure", letters.Done, done}, sample{"acknowledgement_not_granted", letters.Acknowledgement, ack})
}

func TestGolden(t *testing.T) {
	c := catalogue(t)
	for _, s := range samples(t) {
		got, err := c.Render(s.kind, "en-GB", s.facts)
		if err != nil {
			t.Errorf("%s: %v", s.file, err)
			continue
		}
		if got.Kind != s.kind || got.Locale != "en" || got.FellBack {
			t.Errorf("%s: got %s in %s, fell back %v", s.file, got.Kind, got.Locale, got.FellBack)
		}
		golden(t, s.file+".txt", "Subject: "+got.Subject+"\n\n"+got.Text.Reveal())
		golden(t, s.file+".html", got.HTML.Reveal())
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	style = regexp.MustCompile(`(?s)<head>.*</head>`)
	marks = regexp.MustCompile(`(?m)^(-+|>|[0-9]{1,2}\.|--| *-)( |$)|^-+$`)
)

// words reduces a writing of a letter to its words in order.
func words(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " ")
}

// TestBothWritingsSayTheSame: whoever reads the text misses nothing that the HTML says, and in the same order.
func TestBothWritingsSayTheSame(t *testing.T) {
	c := catalogue(t)
	for _, s := range samples(t) {
		got, err := c.Render(s.kind, "en", s.facts)
		if err != nil {
			t.Fatal(err)
		}
		body := html.UnescapeString(tags.ReplaceAllString(style.ReplaceAllString(got.HTML.Reveal(), ""), " "))
		body = strings.TrimPrefix(words(body), "Lumen Books ") // the letterhead
		text := words(got.Subject + "\n" + marks.ReplaceAllString(got.Text.Reveal(), " "))
		if diff := cmp.Diff(text, body); diff != "" {
			t.Errorf("%s (-text +html):\n%s", s.file, diff)
		}
	}
}

func TestNothingRemoteNothingPersonalOutside(t *testing.T) {
	c := catalogue(t)
	remote := regexp.MustCompile(`(?i)<(img|script|link|iframe|object|form|base|video|audio|svg)|url\(|@import|\bsrc\s*=|\bon[a-z]+\s*=`)
	for _, s := range samples(t) {
		got, err := c.Render(s.kind, "en", s.facts)
		if err != nil {
			t.Fatal(err)
		}
		if m := remote.FindString(got.HTML.Reveal()); m != "" {
			t.Errorf("%s: the HTML has %q", s.file, m)
		}
		if strings.Contains(got.HTML.Reveal(), "<b>") || strings.Contains(got.HTML.Reveal(), "<yours>") || strings.ContainsRune(got.Text.Reveal(), '\u202e') {
			t.Errorf("%s: what people wrote is not escaped", s.file)
		}
		for _, secret := range []string{"Ada", code, code[:4], link, "two accounts", "invoices"} {
			if strings.Contains(got.Subject, secret) || strings.Contains(fmt.Sprintf("%+v", got), secret) {
				t.Errorf("%s: the subject or the printed letter holds something personal", s.file)
			}
		}
		if strings.ContainsAny(got.Subject, "\r\n") || !strings.Contains(got.Subject, s.facts.Reference) {
			t.Errorf("%s: subject %q", s.file, got.Subject)
		}
		before := map[letters.Kind]bool{letters.Code: true, letters.CodeAgain: true, letters.Acknowledgement: true, letters.Expired: true, letters.Locked: true, letters.Duplicate: true, letters.Withdrawn: true}
		for _, k := range letters.OwnerKinds() {
			before[k] = true // an owner learns behind the link who it is about
		}
		for _, k := range letters.RecipientKinds() {
			before[k] = true // and so does a recipient
		}
		for _, k := range letters.TeamKinds() {
			before[k] = true // the team opens the case
		}
		if strings.Contains(got.Text.Reveal(), "Ada") == before[s.kind] {
			t.Errorf("%s: the name must be in letters after verification and in no other", s.file)
		}
		for line := range strings.SplitSeq(got.Text.Reveal(), "\n") {
			if len([]rune(line)) > 72 && strings.Contains(line, " ") {
				t.Errorf("%s: a line of %d characters", s.file, len([]rune(line)))
			}
		}
	}
}

// TestRefusalsSayWhatTheLawWants covers every pack and right: reasons with their law, and every route the pack demands.
func TestRefusalsSayWhatTheLawWants(t *testing.T) {
	c := catalogue(t)
	for _, id := range []policy.ID{"eu", "uk", "us-ca"} {
		for _, right := range dsar.Rights() {
			f := factsFor(t, letters.Refused, id, right)
			got, err := c.Render(letters.Refused, "en", f)
			if err != nil {
				t.Fatalf("%s %s: %v", id, right, err)
			}
			text := words(got.Text.Reveal())
			must := []string{words(f.Reasons[0].Text.Reveal()), f.Reasons[0].Citation}
			for route, s := range map[*policy.Route]policy.Statement{f.Pack.Complaint.Authority: policy.StateComplaint, f.Pack.Complaint.Court: policy.StateCourt, f.Pack.Complaint.Internal: policy.StateInternalComplaint} {
				if route != nil {
					must = append(must, words(route.Text["en"]))
				} else if strings.Contains(fmt.Sprint(f.Pack.Refusal.MustState), string(s)+" ") {
					t.Errorf("%s demands %s and has no route", id, s)
				}
			}
			if id == "us-ca" && right == dsar.Erasure {
				must = append(must, f.OptOutURL)
			}
			for _, m := range must {
				if !strings.Contains(text, words(m)) {
					t.Errorf("%s %s: the refusal lacks %q", id, right, m)
				}
			}
		}
	}
}

func TestLettersRefuseToBeIncomplete(t *testing.T) {
	c := catalogue(t)
	without := func(spoil func(p *policy.Pack)) func(*letters.Facts) {
		return func(f *letters.Facts) { spoil(&f.Pack) }
	}
	for _, x := range []struct {
		name  string
		kind  letters.Kind
		pack  policy.ID
		spoil func(*letters.Facts)
		want  fault.Class
	}{
		{"refusal without authority", letters.Refused, "eu", without(func(p *policy.Pack) { p.Complaint.Authority = nil }), fault.Misconfigured},
		{"refusal without court", letters.Refused, "uk", without(func(p *policy.Pack) { p.Complaint.Court = nil }), fault.Misconfigured},
		{"refusal without internal complaint", letters.Refused, "uk", without(func(p *policy.Pack) { p.Complaint.Internal = nil }), fault.Misconfigured},
		{"nothing held without authority", letters.NothingHeld, "eu", without(func(p *policy.Pack) { p.Complaint.Authority = nil }), fault.Misconfigured},
		{"answer without any route", letters.ResponseReady, "us-ca", without(func(p *policy.Pack) { p.Complaint = policy.Complaint{} }), fault.Misconfigured},
		{"an appeal we cannot describe", letters.Refused, "eu", without(func(p *policy.Pack) { p.Refusal.MustState = append(p.Refusal.MustState, policy.StateAppeal) }), fault.Misconfigured},
		{"reason without its law", letters.Refused, "us-ca", func(f *letters.Facts) { f.Reasons = []letters.Reason{{Text: redact.NewText("Because.")}} }, fault.Misconfigured},
		{"erasure without opt-out", letters.Refused, "us-ca", func(f *letters.Facts) { f.Right, f.OptOutURL = dsar.Erasure, "" }, fault.Misconfigured},
		{"refusal without reasons", letters.Refused, "eu", func(f *letters.Facts) { f.Reasons = nil }, fault.Invalid},
		{"empty reason", letters.Refused, "eu", func(f *letters.Facts) { f.Reasons = []letters.Reason{{}} }, fault.Invalid},
		{"something kept without a reason", letters.Done, "eu", func(f *letters.Facts) { f.Systems[0].Outcome, f.Reasons = dsar.Retained, nil }, fault.Invalid},
		{"short code", letters.Code, "eu", func(f *letters.Facts) { f.Code = redact.NewText("123") }, fault.Invalid},
		{"a link that is a script", letters.Code, "eu", func(f *letters.Facts) { f.Link = redact.NewText("javascript:alert(1)") }, fault.Invalid},
		{"no life of the code", letters.DownloadCode, "eu", func(f *letters.Facts) { f.ValidFor = 0 }, fault.Invalid},
		{"no due date", letters.Acknowledgement, "eu", func(f *letters.Facts) { f.Due = civil.Date{} }, fault.Invalid},
		{"no steps", letters.Acknowledgement, "eu", func(f *letters.Facts) { f.DueSteps = nil }, fault.Invalid},
		{"a copy for a right that gives none", letters.ResponseReady, "eu", func(f *letters.Facts) { f.Right = dsar.Erasure }, fault.Invalid},
		{"nothing held, but something found", letters.NothingHeld, "eu", func(f *letters.Facts) { f.Systems[0].Outcome = dsar.Found }, fault.Invalid},
		{"an outcome that is none", letters.Withdrawn, "eu", func(f *letters.Facts) { f.Systems = []letters.System{{Title: "Shop"}} }, fault.Invalid},
		{"an extension backwards", letters.Extension, "eu", func(f *letters.Facts) { f.Due = f.FirstDue }, fault.Invalid},
		{"an extension without a reason of the law", letters.Extension, "eu", func(f *letters.Facts) { f.ExtensionReason = "busy" }, fault.Invalid},
		{"blank message", letters.Message, "eu", func(f *letters.Facts) { f.Message = redact.NewText(" \n") }, fault.Invalid},
		{"no reference", letters.Message, "eu", func(f *letters.Facts) { f.Reference = "x" }, fault.Invalid},
		{"a notice of nothing", letters.RecipientNotice, "eu", func(f *letters.Facts) { f.Told = nil }, fault.Invalid},
		{"a notice of a copy", letters.RecipientNotice, "eu", func(f *letters.Facts) { f.Told = []dsar.Outcome{dsar.Found} }, fault.Invalid},
		{"a notice without a link", letters.RecipientNotice, "eu", func(f *letters.Facts) { f.Link = redact.Text{} }, fault.Invalid},
		{"a reminder without a day", letters.RecipientReminder, "eu", func(f *letters.Facts) { f.On = civil.Date{} }, fault.Invalid},
		{"a task without a system", letters.OwnerTask, "eu", func(f *letters.Facts) { f.Task.System = "" }, fault.Invalid},
		{"a task without an action", letters.VendorTask, "eu", func(f *letters.Facts) { f.Task.Action = dsar.Locate }, fault.Invalid},
		{"a task without a link", letters.OwnerReminder, "eu", func(f *letters.Facts) { f.Link = redact.Text{} }, fault.Invalid},
		{"a task without a date", letters.VendorReminder, "eu", func(f *letters.Facts) { f.Until = civil.Date{} }, fault.Invalid},
		{"passed on to nobody", letters.OwnerPassed, "eu", func(f *letters.Facts) { f.Task.To = redact.Text{} }, fault.Invalid},
		{"no such letter", "other", "eu", func(*letters.Facts) {}, fault.Invalid},
	} {
		right := dsar.Access
		f := factsFor(t, x.kind, x.pack, right)
		if x.kind.Valid() {
			if _, err := c.Render(x.kind, "en", f); err != nil {
				t.Errorf("%s: not even the good letter renders: %v", x.name, err)
			}
		}
		x.spoil(&f)
		if _, err := c.Render(x.kind, "en", f); !fault.Has(err, x.want) {
			t.Errorf("%s: got %v, want %s", x.name, err, x.want)
		}
	}
}

func TestTenantsOwnAuthorityReplacesThePacks(t *testing.T) {
	f := factsFor(t, letters.Refused, "eu", dsar.Access)
	f.Authority = "You can complain to the Data Protection Authority of Exampleland."
	f.Pack.Complaint.Authority = nil
	got, err := catalogue(t).Render(letters.Refused, "en", f)
	if err != nil || !strings.Contains(words(got.Text.Reveal()), words(f.Authority)) {
		t.Errorf("got %v", err)
	}
}

func TestLanguages(t *testing.T) {
	c := catalogue(t)
	f := factsFor(t, letters.Expired, "eu", dsar.Access)
	for locale, want := range map[string]struct {
		language string
		fellBack bool
	}{
		"": {"en", false}, "en": {"en", false}, "en-US": {"en", false}, "de": {"de", false}, "de-AT": {"de", false}, "fr-CA": {"fr", false}, "gsw": {"de", true}, "sv": {"en", true}, "not a locale": {"en", true},
	} {
		got, err := c.Render(letters.Expired, locale, f)
		if err != nil || got.Locale != want.language || got.FellBack != want.fellBack {
			t.Errorf("%q: got %s, fell back %v, %v", locale, got.Locale, got.FellBack, err)
		}
	}
}

// TestEveryExtensionReasonHasWords: a pack may not name a reason that no letter can say.
func TestEveryExtensionReasonHasWords(t *testing.T) {
	set, err := packs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Packs() {
		if p.Extension == nil {
			continue
		}
		for _, reason := range p.Extension.Reasons {
			f := factsFor(t, letters.Extension, p.ID, dsar.Access)
			f.ExtensionReason = reason
			if _, err := catalogue(t).Render(letters.Extension, "en", f); err != nil {
				t.Errorf("%s, %s: %v", p.ID, reason, err)
			}
		}
	}
}

// TestEveryWordHasAPlace renders every right and outcome, so that no value of the vocabulary lacks its words.
func TestEveryWordHasAPlace(t *testing.T) {
	c := catalogue(t)
	for _, right := range dsar.Rights() {
		if _, err := c.Render(letters.Expired, "en", factsFor(t, letters.Expired, "eu", right)); err != nil {
			t.Errorf("%s: %v", right, err)
		}
	}
	for _, kind := range []letters.Kind{letters.OwnerTask, letters.VendorTask} {
		for _, a := range []dsar.Action{dsar.ReadOut, dsar.Correct, dsar.Erase, dsar.Restrict} {
			f := factsFor(t, kind, "eu", dsar.Access)
			f.Task.Action = a
			if _, err := c.Render(kind, "en", f); err != nil {
				t.Errorf("%s to %s: %v", kind, a, err)
			}
		}
	}
	for _, o := range dsar.Outcomes() {
		f := factsFor(t, letters.Done, "eu", dsar.Erasure)
		f.Systems = []letters.System{{Title: "Shop", Outcome: o, Records: 1}, {Title: "Shop", Outcome: o, Records: 2}, {Title: "Archive", Outcome: o, Files: 1}, {Title: "Archive", Outcome: o, Files: 2}}
		if _, err := c.Render(letters.Done, "en", f); err != nil {
			t.Errorf("%s: %v", o, err)
		}
	}
}

// Unwrapped letters have the same words, the same items and addresses, and broken again they are as they were sent.
func TestUnwrap(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no letters: %v", err)
	}
	joined := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, after := strings.Split(string(raw), "\n"), strings.Split(letters.Unwrap(string(raw)), "\n")
		if got, want := strings.Fields(strings.Join(after, "\n")), strings.Fields(string(raw)); !slices.Equal(got, want) {
			t.Errorf("%s: other words after unwrapping", file)
		}
		for i, line := range before {
			starts := line == "" || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "> ") || strings.Contains(strings.SplitN(line, " ", 2)[0], "://") ||
				strings.HasPrefix(line, "--") || i > 0 && before[i-1] == ""
			if starts && !slices.Contains(after, line) && !slices.ContainsFunc(after, func(l string) bool { return strings.HasPrefix(l, line+" ") }) {
				t.Errorf("%s: %q no longer begins a line", file, line)
			}
		}
		for _, line := range after {
			if !slices.Contains(before, line) {
				joined++
			}
		}
	}
	if joined < len(files) {
		t.Errorf("only %d lines were joined in %d letters", joined, len(files))
	}
}
