package functions_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/signal"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// rowOf returns the case's row of the kind, or fails.
func (r *rig) rowOf(c casefile.Case, kind casefile.OutboxKind) casefile.OutboxRow {
	r.t.Helper()
	for shard := range uint32(casefile.OutboxShards) {
		rows, _, err := r.set.Cases.Outbox(r.t.Context(), shard, 100, "")
		r.ok(err)
		for _, row := range rows {
			if row.CaseID == c.ID && row.Kind == kind {
				return row
			}
		}
	}
	r.t.Fatalf("there is no row %s", kind)
	return casefile.OutboxRow{}
}

// pends reports whether a row is still there.
func (r *rig) pends(row casefile.OutboxRow) bool {
	r.t.Helper()
	_, err := r.table.Get(r.t.Context(), row.Key())
	if err != nil && !fault.Has(err, fault.NotFound) {
		r.t.Fatal(err)
	}
	return err == nil
}

func (r *rig) state(c casefile.Case) mail.State {
	r.t.Helper()
	m, _, err := r.set.Cases.Mail(r.t.Context(), c.Tenant, c.ID, 1)
	r.ok(err)
	return m.State
}

func TestRowsAreCarriedOutAgainWithoutASecondEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	token, given := r.token()
	r.next("VerifyIdentity", c, step.Again, given)
	r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	rows := slices.Clone(r.pending)
	kinds := map[casefile.OutboxKind]bool{}
	var entries, events int
	for round := range 3 {
		for _, row := range rows {
			kinds[row.Kind] = true
			r.ok(r.set.Outbox(t.Context(), row))
			if r.pends(row) {
				t.Errorf("a row of kind %s stays", row.Kind)
			}
		}
		if round == 0 {
			entries, events = len(r.kinds(c)), len(r.events)
		}
	}
	if len(kinds) != 4 {
		t.Fatalf("only the kinds %v were tried", kinds)
	}
	if r.engine.starts != 1 || len(r.mail.seen) != 1 || r.mail.seen[c.ID+".code.1@privacy.example.com"] != 1 || len(r.kinds(c)) != entries {
		t.Errorf("%d starts, mails %v, entries %d then %d", r.engine.starts, r.mail.seen, entries, len(r.kinds(c)))
	}
	if len(r.events) != 3*events || r.events[0].ID != r.events[events].ID {
		t.Errorf("events are told again under their ids: %+v", r.events)
	}
	if got := r.engine.tokens[token]; got != `{"next":"close","items":[]}` {
		t.Errorf("the token was answered with %s", got)
	}
	if err := r.set.Outbox(t.Context(), casefile.OutboxRow{Tenant: tenant, CaseID: c.ID, Kind: "unheard_of"}); !fault.Has(err, fault.Internal) {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestAnEventThatTheBusDidNotTakeIsToldLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	row := r.rowOf(c, casefile.OutEvent)
	for _, class := range []fault.Class{fault.Throttled, fault.Misconfigured} {
		r.publish = fault.New(class, "the bus does not take it")
		if err := r.set.Outbox(t.Context(), row); !fault.Has(err, class) || !r.pends(row) || len(r.events) != 0 {
			t.Errorf("while the bus takes nothing: %v", err)
		}
	}
	r.publish = nil
	r.ok(r.set.Outbox(t.Context(), row))
	if r.pends(row) || len(r.events) != 1 || r.events[0].CaseID != c.ID {
		t.Errorf("told %+v", r.events)
	}
}

func TestATakeOverStopsTheOlderExecution(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.drain()
	r.change(c, func(f *casefile.File) error { return f.TakeOver(evidence.System, "test") })
	r.drain()
	if got := r.engine.names(); got[c.ID+"-g1"] != workflow.Aborted || got[c.ID+"-g2"] != workflow.Running {
		t.Errorf("executions are %v", got)
	}
	if in := string(r.engine.runs["case/"+c.ID+"-g2"].Input); !strings.Contains(in, `"resumeAt":"triage"`) || !strings.Contains(in, `"generation":2`) || strings.Contains(in, "@") {
		t.Errorf("the input is %s", in)
	}
}

func TestMailThatTheNextHopTookIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	row := r.rowOf(c, casefile.OutMail)
	// The process died after the next hop took the mail and before that was recorded.
	m, l, err := r.set.Cases.Mail(t.Context(), tenant, c.ID, 1)
	r.ok(err)
	_, err = r.mail.box.Send(t.Context(), mail.Message{MessageID: m.MessageID, From: "privacy@example.com", To: l.To, Subject: l.Subject, Text: l.Text, Date: m.QueuedAt})
	r.ok(err)
	r.ok(r.set.Outbox(t.Context(), row))
	if r.state(c) != mail.Sent || len(r.mail.seen) != 0 {
		t.Errorf("state %s after %v", r.state(c), r.mail.seen)
	}
	list, err := r.mail.box.Messages(t.Context(), 0)
	if err != nil || len(list) != 1 {
		t.Errorf("%d mails in the box: %v", len(list), err)
	}
	r.verified(c)
}

// A next hop like SMTP cannot be asked what it took: whatever happens, nothing is handed over twice.
func TestMailOverAHopThatCannotTell(t *testing.T) {
	t.Parallel()
	crash := fault.New(fault.Unavailable, "the process was killed")
	for name, tc := range map[string]struct {
		answers []func() (mail.State, error) // of each hand-over
		want    mail.State
		sends   int
		tries   int
	}{
		"taken":                    {[]func() (mail.State, error){func() (mail.State, error) { return mail.Sent, nil }}, mail.Sent, 1, 1},
		"lost with the connection": {[]func() (mail.State, error){func() (mail.State, error) { return mail.Unknown, crash }}, mail.Unknown, 1, 1},
		"refused":                  {[]func() (mail.State, error){func() (mail.State, error) { return mail.Failed, fault.New(fault.Invalid, "no such mailbox") }}, mail.Failed, 1, 1},
		"not taken, then taken": {[]func() (mail.State, error){
			func() (mail.State, error) {
				return mail.Claimed, fault.New(fault.Throttled, "slow down").After(time.Minute)
			},
			func() (mail.State, error) { return mail.Sent, nil },
		}, mail.Sent, 2, 2},
		"killed while handing over": {[]func() (mail.State, error){func() (mail.State, error) { panic(crash) }}, mail.Unknown, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.create()
			r.next("Triage", c, step.Proceed)
			r.next("Acknowledge", c, step.Proceed)
			row := r.rowOf(c, casefile.OutMail)
			sends := 0
			r.mail.look = func(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
			r.mail.send = func(context.Context, mail.Message) (mail.State, error) {
				sends++
				if m, _, err := r.set.Cases.Mail(t.Context(), tenant, c.ID, 1); err != nil || !m.Attempted || m.State != mail.Claimed {
					t.Errorf("handed over before the record says so: %+v %v", m.State, err)
				}
				return tc.answers[sends-1]()
			}
			for range tc.tries {
				func() {
					defer func() {
						if x := recover(); x != nil && x != any(crash) {
							panic(x)
						}
					}()
					err := r.set.Outbox(t.Context(), row)
					if err != nil && (!fault.Has(err, fault.Throttled) || fault.WaitOf(err) != time.Minute) {
						t.Errorf("not taken: %v, wait %s", err, fault.WaitOf(err))
					}
				}()
			}
			if r.state(c) != tc.want || sends != tc.sends || r.pends(row) {
				t.Errorf("state %s after %d hand-overs, row there: %t", r.state(c), sends, r.pends(row))
			}
			if n := r.count(c, "letter_"+string(tc.want)); n != 1 {
				t.Errorf("the evidence says so %d times: %q", n, r.kinds(c))
			}
			r.ok(r.set.Outbox(t.Context(), row))
			if sends != tc.sends {
				t.Error("a settled mail is handed over again")
			}
			r.verified(c)
		})
	}
}

func TestASenderThatTookNothingWithoutSayingWhyIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	row := r.rowOf(c, casefile.OutMail)
	r.mail.send = func(context.Context, mail.Message) (mail.State, error) { return mail.Claimed, nil }
	if err := r.set.Outbox(t.Context(), row); !fault.Has(err, fault.Unavailable) || !r.pends(row) {
		t.Errorf("got %v", err)
	}
}

func TestADecisionIsNotLostWhetherEarlyOrLate(t *testing.T) {
	t.Parallel()
	verify := func(r *rig, c casefile.Case) {
		r.next("Acknowledge", c, step.Proceed)
		r.enter(c, "")
	}
	for name, early := range map[string]bool{"early": true, "late": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.create()
			r.next("Triage", c, step.Proceed)
			if early {
				verify(r, c)
				r.drain()
			}
			token, given := r.token()
			r.next("VerifyIdentity", c, step.Again, given)
			r.drain()
			if !early {
				if r.engine.tokens[token] != "" {
					t.Fatal("answered before the decision")
				}
				verify(r, c)
				r.drain()
			}
			if r.engine.tokens[token] != `{"next":"proceed","items":[]}` || len(r.load(c).Waits) != 0 {
				t.Errorf("the token was answered with %q", r.engine.tokens[token])
			}
		})
	}
}

func TestTokensOfNobodyArePutAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("VerifyIdentity", c, step.Again, with("token", "unknown to the engine"))
	r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	r.engine.succeed = fault.New(fault.Unavailable, "the engine is away")
	row := r.rowOf(c, casefile.OutSignal)
	if err := r.set.Outbox(t.Context(), row); !fault.Has(err, fault.Unavailable) || !r.pends(row) || len(r.load(c).Waits) != 1 {
		t.Errorf("while the engine is away: %v", err)
	}
	r.engine.succeed = nil
	r.ok(r.set.Outbox(t.Context(), row))
	if len(r.load(c).Waits) != 0 {
		t.Error("a token that the engine does not know stays")
	}
}

func TestAnswersToWaitingStates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	file := func(edit func(c *casefile.Case)) *casefile.File {
		f := r.load(c)
		f.AddTask("shop", dsar.ReadOut).ID = "open"
		f.AddTask("shop", dsar.ReadOut).ID = "done"
		f.Task("done").Status = casefile.TaskDone
		edit(&f.Case)
		return f
	}
	nothing := func(*casefile.Case) {}
	withdrawn := func(c *casefile.Case) { c.Withdrawal = &casefile.Decision{} }
	for _, tc := range []struct {
		name  string
		wait  casefile.Wait
		edit  func(c *casefile.Case)
		want  any
		ready bool
	}{
		{"an older generation", casefile.Wait{State: "VerifyIdentity", Generation: 0}, nothing, step.To(step.Superseded), true},
		{"nothing yet", casefile.Wait{State: "VerifyIdentity", Generation: 1}, nothing, step.To(step.Proceed), false},
		{"verified", casefile.Wait{State: "VerifyIdentity", Generation: 1}, func(c *casefile.Case) { c.Verification.VerifiedAt = r.now }, step.To(step.Proceed), true},
		{"withdrawn before", casefile.Wait{State: "VerifyIdentity", Generation: 1}, withdrawn, step.To(step.Close), true},
		{"no plan decided", casefile.Wait{State: "ReviewPlan", Generation: 1}, nothing, step.To(step.Proceed), false},
		{"withdrawn at the plan", casefile.Wait{State: "ReviewPlan", Generation: 1}, withdrawn, step.To(step.Close), true},
		{"response approved", casefile.Wait{State: "ReviewResponse", Generation: 1}, func(c *casefile.Case) { c.Review = &casefile.Decision{Decision: casefile.Approve} }, step.To(step.Proceed), true},
		{"response refused", casefile.Wait{State: "ReviewResponse", Generation: 1}, func(c *casefile.Case) { c.Refusal = &casefile.Decision{} }, step.To(step.Close), true},
		{"task open", casefile.Wait{State: "AskPerson", TaskID: "open", Generation: 1}, nothing, step.TaskAnswer{Status: step.TaskMore}, false},
		{"task done", casefile.Wait{State: "AskPerson", TaskID: "done", Generation: 1}, nothing, step.TaskAnswer{Status: step.TaskMore}, true},
		{"task gone", casefile.Wait{State: "AwaitSystem", TaskID: "gone", Generation: 1}, nothing, step.TaskAnswer{Status: step.TaskMore}, true},
		{"task of a stopped case", casefile.Wait{State: "AskPerson", TaskID: "open", Generation: 1}, withdrawn, step.TaskAnswer{Status: step.TaskMore}, true},
		{"operator has not decided", casefile.Wait{State: "NeedsOperator", Generation: 1}, func(c *casefile.Case) { c.Operator = &casefile.Operator{Phase: "plan"} }, nil, false},
		{"operator decided", casefile.Wait{State: "NeedsOperator", Generation: 1}, func(c *casefile.Case) { c.Operator = &casefile.Operator{Phase: "plan", Next: "run"} }, step.To("run"), true},
		{"withdrawn in front of an operator", casefile.Wait{State: "NeedsOperator", Generation: 1}, func(c *casefile.Case) {
			withdrawn(c)
			c.Operator = &casefile.Operator{Phase: "plan"}
		}, step.To(step.Close), true},
		{"closing itself failed", casefile.Wait{State: "NeedsOperator", Generation: 1}, func(c *casefile.Case) {
			withdrawn(c)
			c.Operator = &casefile.Operator{Phase: "close"}
		}, nil, false},
		{"no state of ours", casefile.Wait{State: "Elsewhere", Generation: 1}, nothing, nil, false},
	} {
		got, ready := signal.Answer(file(tc.edit), &tc.wait)
		if ready != tc.ready {
			t.Errorf("%s: ready %t", tc.name, ready)
		}
		if a, ok := got.(step.Answer); ok && ready && a.Next != tc.want.(step.Answer).Next {
			t.Errorf("%s: %+v", tc.name, got)
		}
		if a, ok := got.(step.TaskAnswer); ok && ready && a != tc.want {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
}

func TestAWithdrawalEndsACaseInFrontOfAnOperator(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"early": true, "late": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.create()
			r.verify(c)
			withdraw := func() {
				r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
				r.drain()
			}
			if early {
				withdraw()
			}
			token, given := r.token()
			r.next("NeedsOperator", c, step.Again, given, with("fault", "internal"))
			r.drain()
			if !early {
				withdraw()
			}
			if got := r.engine.tokens[token]; got != `{"next":"close","items":[]}` {
				t.Fatalf("the token was answered with %q", got)
			}
			r.next("CloseCase", c, step.Proceed)
			if got := r.one(c); got.Status != dsar.Withdrawn || got.Operator != nil {
				t.Errorf("status %s, operator %+v", got.Status, got.Operator)
			}
		})
	}
}

func TestAnOperatorLetsACaseGoOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.verify(c)
	token, given := r.token()
	r.next("NeedsOperator", c, step.Again, given, with("fault", "unexpected_next"))
	if got := r.one(c); got.Status != dsar.AwaitingPerson || got.Operator.Fault != "unexpected_next" || r.count(c, "operator_needed") != 1 {
		t.Errorf("in front of the operator: %s %+v", got.Status, got.Operator)
	}
	r.change(c, func(f *casefile.File) error { return f.Operate("staff:01", dsar.PhaseLocate) })
	r.drain()
	if got := r.one(c); r.engine.tokens[token] != `{"next":"locate","items":[]}` || got.Operator != nil || got.Status != dsar.InProgress {
		t.Errorf("answered %q, then %s", r.engine.tokens[token], got.Status)
	}
}
