package casefile_test

import (
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// send queues a letter of the kind and settles it; it returns its number.
func (r *rig) send(c casefile.Case, l casefile.Letter, state mail.State, class fault.Class) int {
	r.t.Helper()
	var n int
	l.To, l.Subject, l.Text = redact.NewText("someone@example.com"), "A letter", redact.NewText("Hello.")
	r.change(c, func(f *casefile.File) {
		r.ok(f.Send(l))
		n = f.Case.LettersNo
	})
	m, _, err := r.cases.Mail(r.t.Context(), c.Tenant, c.ID, n)
	r.ok(err)
	row := r.outbox(c)
	i := slices.IndexFunc(row, func(o casefile.OutboxRow) bool { return o.Kind == casefile.OutMail && o.Mail == n })
	r.change(c, func(f *casefile.File) { r.ok(f.SettleMail(m, state, class, row[i])) })
	return n
}

func (r *rig) undelivered(c casefile.Case) (numbers []int) {
	r.t.Helper()
	for _, u := range r.load(c).Case.Undelivered {
		numbers = append(numbers, u.N)
	}
	return numbers
}

func (r *rig) listed(c casefile.Case) bool {
	r.t.Helper()
	ids, err := r.cases.Undelivered(r.t.Context(), c.Tenant, 100)
	r.ok(err)
	return slices.Contains(ids, c.ID)
}

func TestWhichLettersAreMissing(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) { f.Case.Verification.VerifiedAt = f.Now() })
	r.send(c, casefile.Letter{Kind: "message"}, mail.Sent, "")
	if len(r.undelivered(c)) != 0 || r.listed(c) {
		t.Errorf("undelivered %v after a letter that was taken", r.undelivered(c))
	}
	lost := r.send(c, casefile.Letter{Kind: "message"}, mail.Unknown, fault.Unavailable)
	refused := r.send(c, casefile.Letter{Kind: "done"}, mail.Failed, fault.Invalid)
	owner := r.send(c, casefile.Letter{Kind: "owner_task", Party: casefile.ToOwner, TaskID: dsar.NewID()}, mail.Failed, fault.Invalid)
	if got := r.undelivered(c); !slices.Equal(got, []int{lost, refused, owner}) || !r.listed(c) {
		t.Errorf("undelivered %v, listed %t", got, r.listed(c))
	}
	// Another letter of the same kind says something else: it stands in for nothing.
	r.send(c, casefile.Letter{Kind: "message"}, mail.Sent, "")
	r.send(c, casefile.Letter{Kind: "owner_task", Party: casefile.ToOwner, TaskID: dsar.NewID()}, mail.Sent, "")
	if got := r.undelivered(c); !slices.Equal(got, []int{lost, refused, owner}) {
		t.Errorf("undelivered %v", got)
	}
	// A new code makes every older one void.
	code := r.send(c, casefile.Letter{Kind: "code"}, mail.Failed, fault.Invalid)
	if got := r.undelivered(c); !slices.Contains(got, code) {
		t.Errorf("undelivered %v without the code", got)
	}
	r.send(c, casefile.Letter{Kind: "code_again"}, mail.Sent, "")
	if got := r.undelivered(c); slices.Contains(got, code) {
		t.Errorf("undelivered %v with the old code", got)
	}
}

func TestDecidingOnMissingLetters(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) { f.Case.Verification.VerifiedAt = f.Now() })
	lost := r.send(c, casefile.Letter{Kind: "message"}, mail.Unknown, fault.Unavailable)
	refused := r.send(c, casefile.Letter{Kind: "done"}, mail.Failed, fault.Invalid)
	owner := r.send(c, casefile.Letter{Kind: "owner_task", Party: casefile.ToOwner, TaskID: dsar.NewID()}, mail.Failed, fault.Invalid)
	var before int
	r.change(c, func(f *casefile.File) {
		before = f.Case.LettersNo
		r.ok(f.SendAgain(lost, "staff:1", casefile.Letter{Kind: "message", Subject: "A letter", Text: redact.NewText("Hello.")}))
		r.want(f.SendAgain(lost, "staff:1", casefile.Letter{}), fault.Conflict)
		r.want(f.SettleLetter(refused, "staff:1", redact.Text{}), fault.Invalid)
		r.ok(f.SettleLetter(refused, "staff:1", redact.NewText(canaryReason)))
		r.want(f.SettleLetter(refused, "staff:1", redact.NewText(canaryReason)), fault.Conflict)
		// A letter to an owner goes where it went before, not to the person.
		_, l, err := r.cases.Mail(t.Context(), c.Tenant, c.ID, owner)
		r.ok(err)
		r.ok(f.SendAgain(owner, "staff:1", l))
	})
	if len(r.undelivered(c)) != 0 || r.listed(c) {
		t.Errorf("undelivered %v", r.undelivered(c))
	}
	p, err := r.load(c).Person()
	r.ok(err)
	for n, want := range map[int]redact.Text{before + 1: p.Email.Value, before + 2: redact.NewText("someone@example.com")} {
		_, l, err := r.cases.Mail(t.Context(), c.Tenant, c.ID, n)
		r.ok(err)
		if l.To.Reveal() != want.Reveal() {
			t.Errorf("letter %d goes to somebody else", n)
		}
	}
	if leaks := r.leaks(canaryReason); len(leaks) != 0 {
		t.Errorf("the reason lies open in %v", leaks)
	}
	if rep := r.verify(c); !rep.OK() {
		t.Errorf("evidence: %+v", rep.Findings)
	}
}

func TestAReportWakesTheNotice(t *testing.T) {
	r := newRig(t)
	c := r.create()
	notice := dsar.NewID()
	n := r.send(c, casefile.Letter{Kind: "recipient_notice", Party: casefile.ToRecipient, TaskID: notice}, mail.Unknown, fault.Unavailable)
	if got := r.undelivered(c); len(got) != 0 {
		t.Errorf("undelivered %v: a notice keeps its own account of what was lost", got)
	}
	m, _, err := r.cases.Mail(t.Context(), c.Tenant, c.ID, n)
	r.ok(err)
	r.change(c, func(f *casefile.File) {
		if changed, err := f.MailReported(m, mail.Bounced, casefile.ReportBounce); !changed || err != nil {
			t.Errorf("changed %t, %v", changed, err)
		}
	})
	wakes := 0
	for _, o := range r.outbox(c) {
		if o.Kind == casefile.OutWake && o.Notice == notice {
			wakes++
		}
	}
	if got := r.undelivered(c); len(got) != 0 || wakes != 2 {
		t.Errorf("undelivered %v, woken %d times, want after the loss and after the report", got, wakes)
	}
}

func TestMessageOf(t *testing.T) {
	id := dsar.NewID()
	if got, n, ok := casefile.MessageOf(id + ".response-ready.12@mail.example.com"); !ok || got != id || n != 12 {
		t.Errorf("%q, %d, %t", got, n, ok)
	}
	for _, s := range []string{"", "@", "x.message.1@mail.example.com", id + ".message@mail.example.com", id + ".message.0@m", id + ".message.x@m", id + ".a.b.1@m"} {
		if _, _, ok := casefile.MessageOf(s); ok {
			t.Errorf("%q is taken for ours", s)
		}
	}
}

func TestMailPending(t *testing.T) {
	r := newRig(t)
	c := r.create()
	pending := func() bool {
		p, err := r.cases.MailPending(t.Context(), c.Tenant, c.ID)
		r.ok(err)
		return p
	}
	if pending() {
		t.Error("a letter is pending before there is one")
	}
	r.change(c, func(f *casefile.File) {
		r.ok(f.Send(casefile.Letter{Kind: "owner_task", Party: casefile.ToOwner, Subject: "x", Text: redact.NewText("x"), To: redact.NewText("owner@example.com")}))
	})
	if pending() {
		t.Error("a letter to an owner holds up the person's copies")
	}
	r.change(c, func(f *casefile.File) {
		r.ok(f.Send(casefile.Letter{Kind: "done", Subject: "x", Text: redact.NewText("x"), To: redact.NewText("ann@example.com")}))
	})
	if !pending() {
		t.Error("the letter to the person is not pending")
	}
}
