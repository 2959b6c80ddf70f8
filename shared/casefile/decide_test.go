package casefile_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

var (
	staff    = evidence.Staff("01-handler")
	approver = evidence.Staff("02-approver")
	reason   = redact.NewText(canaryReason)
	none     redact.Text
)

func TestWithdrawal(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(c *casefile.Case)
		want fault.Class
	}{
		"open":      {func(*casefile.Case) {}, ""},
		"answered":  {func(c *casefile.Case) { c.Answered = true }, fault.Conflict},
		"closed":    {func(c *casefile.Case) { c.Status = dsar.Fulfilled }, fault.Conflict},
		"expired":   {func(c *casefile.Case) { c.Verification.Expired = true }, fault.Conflict},
		"merged":    {func(c *casefile.Case) { c.MergedInto = "x" }, fault.Conflict},
		"refused":   {func(c *casefile.Case) { c.Refusal = &casefile.Decision{} }, fault.Conflict},
		"withdrawn": {func(c *casefile.Case) { c.Withdrawal = &casefile.Decision{}; c.Status = dsar.Withdrawn }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.load(r.create())
			c.edit(&f.Case)
			before := f.Case.RowsNo
			r.want(f.Withdraw(evidence.Subject, none), c.want)
			if signalled := f.Case.RowsNo > before; signalled != (name == "open") {
				t.Errorf("signalled %t", signalled)
			}
		})
	}
}

// reviewing is a case whose response waits for a decision.
func (r *rig) reviewing() casefile.Case {
	r.t.Helper()
	c := r.create()
	r.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewResponse
		f.Case.Package = &casefile.Package{Volumes: []casefile.Volume{{SHA256: "aa"}, {SHA256: "bb"}}}
	})
	return c
}

func TestDecisionOnAResponse(t *testing.T) {
	r := newRig(t)
	c := r.reviewing()
	f := r.load(c)
	hash := f.Case.ResponseHash()
	r.want(f.DecideResponse(staff, casefile.Approve, "stale", none), fault.Conflict)
	r.want(f.DecideResponse(staff, casefile.Edit, hash, none), fault.Invalid)
	r.want(f.DecideResponse(staff, casefile.Refuse, hash, none), fault.Invalid)
	if f.Case.Review != nil || f.Case.Refusal != nil {
		t.Error("a refused decision was kept")
	}
	refuse, withdrawn := r.load(c), r.load(c)
	r.ok(f.DecideResponse(staff, casefile.Approve, hash, none))
	r.want(f.DecideResponse(staff, casefile.Approve, hash, none), fault.Conflict)
	if f.Case.Review == nil || f.Case.Stopping() {
		t.Error("an approval lets the case go on")
	}
	r.ok(refuse.DecideResponse(staff, casefile.Refuse, hash, reason))
	if refuse.Case.Refusal != nil || refuse.Case.Stopping() {
		t.Error("one person refused a whole request")
	}
	r.want(refuse.DecideResponse(staff, casefile.Refuse, hash, reason), fault.Forbidden)
	r.ok(refuse.DecideResponse(approver, casefile.Refuse, hash, none))
	if refuse.Case.Refusal == nil || !refuse.Case.Stopping() {
		t.Error("a refusal stops the case")
	}
	r.ok(withdrawn.Withdraw(evidence.Subject, none))
	r.want(withdrawn.DecideResponse(staff, casefile.Approve, hash, none), fault.Conflict)
	changed := r.load(c)
	changed.Case.Package.Volumes[1].SHA256 = "cc"
	r.want(changed.DecideResponse(staff, casefile.Approve, hash, none), fault.Conflict)
	if (&casefile.Case{}).ResponseHash() != "" {
		t.Error("nothing assembled has no hash")
	}
}

func TestDecisionOnAPlanAsksForASecondPairOfEyes(t *testing.T) {
	r := newRig(t)
	c := r.create()
	p := plan.Plan{PreparedBy: staff, Systems: []plan.System{{Name: "shop", Action: dsar.Erase}}}
	r.ok(p.Seal())
	r.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Phase, f.Case.Plan = dsar.AwaitingReview, dsar.PhaseReviewPlan, &p
	})
	f := r.load(c)
	r.want(f.DecidePlan(staff, casefile.Approve, p.Hash, none), fault.Forbidden)
	r.want(f.DecidePlan(approver, casefile.Approve, "stale", none), fault.Conflict)
	r.want(f.DecidePlan(approver, casefile.Refuse, p.Hash, none), fault.Invalid)
	r.want(f.DecidePlan(approver, casefile.Edit, p.Hash, none), fault.Invalid)
	r.ok(f.DecidePlan(approver, casefile.Approve, p.Hash, none))
	if !f.Case.PlanApproved() {
		t.Error("the plan is not approved")
	}
	r.want(f.DecidePlan(approver, casefile.Approve, p.Hash, none), fault.Conflict)
	f.Case.Plan.Hash = "another plan"
	if f.Case.PlanApproved() {
		t.Error("an approval holds for its own plan only")
	}
}

func TestDecisionOnATask(t *testing.T) {
	r := newRig(t)
	c := r.create()
	ids := r.tasks(c, 2)
	f := r.load(c)
	f.Case.Status = dsar.AwaitingPerson
	one, other := f.Task(ids[0]), f.Task(ids[1])
	r.want(f.DecideTask(one, staff, "retry", none), fault.Conflict)
	one.Ask("ambiguous", "Who is it?", f.Now(), casefile.AnswersForAmbiguity)
	other.Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
	r.want(f.DecideTask(one, staff, "done", none), fault.Invalid)
	r.want(f.DecideTask(one, staff, "not_done", none), fault.Invalid) // no reason
	r.ok(f.DecideTask(other, staff, "retry", none))
	if f.Case.Status != dsar.AwaitingPerson {
		t.Error("another task still waits for a person")
	}
	r.want(f.DecideTask(other, staff, "retry", none), fault.Conflict)
	r.ok(f.DecideTask(one, staff, "not_identifiable", reason))
	if f.Case.Status != dsar.InProgress || !f.Case.Unidentified || !f.Case.Stopping() {
		t.Errorf("status %s, unidentified %t", f.Case.Status, f.Case.Unidentified)
	}
	one.Decision = nil
	r.want(f.DecideTask(one, staff, "not_done", reason), fault.Conflict) // the case stops
}

func TestOperator(t *testing.T) {
	r := newRig(t)
	c := r.create()
	f := r.load(c)
	r.want(f.Operate(staff, dsar.PhaseLocate), fault.Conflict)
	stuck := func(f *casefile.File) {
		f.Case.Status, f.Case.Restarts = dsar.AwaitingPerson, 3
		f.Case.Operator = &casefile.Operator{Fault: "internal", Phase: string(dsar.PhasePlan), Since: f.Now()}
	}
	r.change(c, stuck)
	f = r.load(c)
	r.ok(f.Operate(staff, dsar.PhaseLocate))
	if f.Case.Generation != 2 || f.Case.Phase != dsar.PhaseLocate || f.Case.Operator != nil || f.Case.Restarts != 0 || f.Case.Status != dsar.Verifying {
		t.Errorf("without an execution the next generation takes over: %+v", f.Case)
	}
	r.change(c, func(f *casefile.File) { f.Await("NeedsOperator", "", "token") })
	f = r.load(c)
	r.ok(f.Operate(staff, dsar.PhaseLocate))
	if f.Case.Generation != 1 || f.Case.Operator.Next != string(dsar.PhaseLocate) {
		t.Errorf("a waiting execution goes on by itself: %+v", f.Case)
	}
	r.want(f.Operate(staff, dsar.PhaseLocate), fault.Conflict)
	f.Case.Verification.VerifiedAt = f.Now()
	f.OperatorDone()
	if f.Case.Operator != nil || f.Case.Status != dsar.InProgress {
		t.Errorf("afterwards: %+v", f.Case)
	}
}

func TestReasonsAreSealed(t *testing.T) {
	r := newRig(t)
	c := r.reviewing()
	f := r.load(c)
	r.ok(f.DecideResponse(staff, casefile.Refuse, f.Case.ResponseHash(), reason))
	r.ok(f.DecideResponse(approver, casefile.Refuse, f.Case.ResponseHash(), none))
	r.commit(f)
	f = r.load(c)
	words, err := f.Reason(f.Case.Refusal)
	if err != nil || words.Reveal() != canaryReason {
		t.Fatalf("the reason does not open: %v", err)
	}
	raw, err := json.Marshal(f.Case)
	r.ok(err)
	if strings.Contains(string(raw), "Quillfeather") {
		t.Error("the reason stands in the open part")
	}
	copied := *f.Case.Refusal
	if words, err = f.Reason(&copied); err != nil || words.Reveal() != canaryReason {
		t.Error("the reason does not open in a copy of its decision")
	}
	for name, edit := range map[string]func(d *casefile.Decision){
		"another decision": func(d *casefile.Decision) { d.Decision = casefile.Approve },
		"another person":   func(d *casefile.Decision) { d.By = staff },
		"another time":     func(d *casefile.Decision) { d.At = d.At.Add(time.Second) },
		"other bytes":      func(d *casefile.Decision) { d.Reason = append([]byte{}, d.Reason[:len(d.Reason)-1]...) },
	} {
		d := *f.Case.Refusal
		edit(&d)
		if _, err := f.Reason(&d); err == nil {
			t.Errorf("the reason opens with %s", name)
		}
	}
	for _, d := range []*casefile.Decision{nil, {Decision: casefile.Approve}} {
		if words, err := f.Reason(d); err != nil || !words.IsZero() {
			t.Errorf("no reason: %v", err)
		}
	}
	// Another case's key does not open it.
	if _, err := r.load(r.create()).Reason(f.Case.Refusal); err == nil {
		t.Error("the reason opens in another case")
	}
}

// fullCase takes a case through everything that keeps a personal value.
func (r *rig) fullCase() casefile.Case {
	r.t.Helper()
	c := r.create()
	ids := r.tasks(c, 3)
	r.change(c, func(f *casefile.File) {
		p, err := f.Person()
		r.ok(err)
		p.Proven = subject.Add(p.Proven, p.Email)
		customer, err := subject.New(subject.CustomerID, canaryCustomer)
		r.ok(err)
		p.Located = subject.Add(p.Located, customer)
		p.Claimed = subject.Add(p.Claimed, customer)
		f.Task(ids[0]).Sealed, err = casefile.SealIdentifiers(f.Keys, ids[0], []subject.Identifier{customer})
		r.ok(err)
		k, err := f.Tenant(r.t.Context())
		r.ok(err)
		f.With(f.IndexRow(k.Ref(customer)))
		r.ok(f.Send(casefile.Letter{Kind: "code", To: p.Email.Value, Subject: "Your request", Text: redact.NewText("Dear " + canaryName), HTML: redact.NewText("<p>" + canaryName)}))
		r.ok(f.Say(evidence.Subject, redact.NewText(canaryMessage)))
		r.ok(f.Note(staff, redact.NewText(canaryMessage)))
		f.Await("VerifyIdentity", "", canaryToken)
		f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewResponse
		f.Case.Package = &casefile.Package{Volumes: []casefile.Volume{{SHA256: "aa"}}}
		f.Task(ids[1]).Ask("failed", "What now?", f.Now(), casefile.AnswersForFailure)
		r.ok(f.DecideTask(f.Task(ids[1]), staff, "not_done", reason))
		f.Task(ids[2]).Ask("manual", "By hand.", f.Now(), casefile.AnswersForHandwork)
		r.ok(f.DecideTask(f.Task(ids[2]), staff, "retained", reason))
	})
	r.change(c, func(f *casefile.File) {
		r.ok(f.DecideResponse(staff, casefile.Refuse, f.Case.ResponseHash(), reason))
		r.ok(f.DecideResponse(approver, casefile.Refuse, f.Case.ResponseHash(), none))
	})
	other := r.create()
	r.change(other, func(f *casefile.File) { r.ok(f.Withdraw(evidence.Subject, reason)) })
	return c
}

func TestNoPersonalValueStandsInTheOpen(t *testing.T) {
	r := newRig(t)
	c := r.fullCase()
	all := []string{canaryEmail, canaryName, canaryDetails, canaryValue, canaryCustomer, canaryReason, canaryMessage, canaryToken, canaryAgent, canaryRegion, "Quillfeather"}
	for _, l := range r.leaks(all...) {
		t.Errorf("in the open: %s", l)
	}
	if len(r.table.written) < 25 {
		t.Fatalf("only %d items were looked at", len(r.table.written))
	}
	// The search finds what is in the open: the reference is, also inside bytes.
	if len(r.leaks(c.Reference)) == 0 {
		t.Error("the search finds nothing at all")
	}
	r.change(c, func(f *casefile.File) { f.Case.Withdrawal = &casefile.Decision{Reason: []byte("so " + canaryReason)} })
	if len(r.leaks(canaryReason)) == 0 {
		t.Error("the search does not see into base64")
	}
	r.verify(c)
	f := r.load(c)
	found, err := casefile.OpenIdentifiers(f.Keys, f.Tasks[0].ID, f.Tasks[0].Sealed)
	if err != nil || len(found) != 1 || found[0].Value.Reveal() != canaryCustomer {
		t.Errorf("located identifiers do not open: %v", err)
	}
	if _, err := casefile.OpenIdentifiers(f.Keys, f.Tasks[1].ID, f.Tasks[0].Sealed); err == nil {
		t.Error("identifiers open for another task")
	}
}

func TestMailIsClaimedThenSettledOnce(t *testing.T) {
	r := newRig(t)
	c := r.fullCase()
	m, l, err := r.cases.Mail(t.Context(), tenant, c.ID, 1)
	r.ok(err)
	if m.State != mail.Claimed || m.MessageID != c.ID+".code.1@mail.example.com" || l.To.Reveal() != canaryEmail || !strings.Contains(l.Text.Reveal(), canaryName) {
		t.Errorf("mail is %+v", m)
	}
	stale := m
	m, err = r.cases.MarkAttempted(t.Context(), tenant, c.ID, m)
	r.ok(err)
	if _, err := r.cases.MarkAttempted(t.Context(), tenant, c.ID, stale); !fault.Has(err, fault.Conflict) {
		t.Errorf("a second sender: %v", err)
	}
	r.ok(r.cases.ClearAttempted(t.Context(), tenant, c.ID, m))
	m, _, err = r.cases.Mail(t.Context(), tenant, c.ID, 1)
	r.ok(err)
	if m.Attempted {
		t.Error("the attempt is still there")
	}
	var row casefile.OutboxRow
	for _, o := range r.outbox(c) {
		if o.Kind == casefile.OutMail {
			row = o
		}
	}
	loser := r.load(c)
	r.ok(loser.SettleMail(m, mail.Unknown, fault.Unavailable, row))
	r.change(c, func(f *casefile.File) { r.ok(f.SettleMail(m, mail.Sent, "", row)) })
	r.want(r.cases.Commit(t.Context(), loser), fault.Conflict)
	for _, left := range r.outbox(c) {
		if left.N == row.N {
			t.Error("the row of a settled mail is there")
		}
	}
	ms, ls, err := r.cases.Letters(t.Context(), tenant, c.ID, 10)
	r.ok(err)
	if len(ms) != 1 || ms[0].State != mail.Sent || !ms[0].SettledAt.Equal(r.now) || ls[0].Subject != "Your request" {
		t.Errorf("letters are %+v", ms)
	}
	kinds := r.kinds(c)
	if kinds[len(kinds)-1] == "letter_unknown" || !contains(kinds, "letter_claimed") || !contains(kinds, "letter_sent") {
		t.Errorf("evidence is %q", kinds)
	}
}

func contains(list []string, s string) bool {
	return slices.Contains(list, s)
}

func TestConversationAndNotesKeepTheirOrder(t *testing.T) {
	r := newRig(t)
	c := r.create()
	for _, s := range []string{"one", "two", "three"} {
		r.change(c, func(f *casefile.File) {
			r.ok(f.Say(evidence.Subject, redact.NewText(s)))
			r.ok(f.Say(staff, redact.NewText("re: "+s)))
			r.ok(f.Note(staff, redact.NewText("note "+s)))
		})
	}
	said, err := r.cases.Messages(t.Context(), tenant, c.ID, 100)
	r.ok(err)
	notes, err := r.cases.Notes(t.Context(), tenant, c.ID, 2)
	r.ok(err)
	var texts []string
	for _, m := range append(said, notes...) {
		texts = append(texts, m.Text.Reveal())
	}
	if got := strings.Join(texts, ","); got != "one,re: one,two,re: two,three,re: three,note one,note two" {
		t.Errorf("got %s", got)
	}
	r.verify(c)
}

func TestPartsThatDoNotDecodeAreAnError(t *testing.T) {
	if _, err := casefile.PartsOf[int](&casefile.Task{Parts: json.RawMessage(`{`)}); !fault.Has(err, fault.Internal) {
		t.Errorf("got %v", err)
	}
	if parts, err := casefile.PartsOf[int](&casefile.Task{Parts: json.RawMessage(`[1,2]`)}); err != nil || len(parts) != 2 {
		t.Errorf("got %v %v", parts, err)
	}
	if parts, err := casefile.PartsOf[int](&casefile.Task{}); err != nil || parts != nil {
		t.Errorf("got %v %v", parts, err)
	}
}
