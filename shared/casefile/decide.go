package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Withdraw records that the request is withdrawn; waiting steps go on to the closing. fault.Conflict when the case is closed,
// answered or about to end otherwise. Repeating it is fine.
func (f *File) Withdraw(actor string, reason redact.Text) error {
	c := &f.Case
	switch {
	case c.Withdrawal != nil:
		return nil
	case !c.Open() || c.Answered || c.Stopping():
		return fault.New(fault.Conflict, "the request is answered or closed and can no longer be withdrawn")
	}
	c.Withdrawal = f.decide("withdraw", actor, "", reason)
	if c.Paused != nil { // nothing runs that could be told
		c.Paused, c.Phase = nil, dsar.PhaseClose
		f.Start()
	}
	f.Signal()
	return f.Entry("withdrawn", actor, c.Withdrawal.facts(map[string]any{"phase": c.Phase}))
}

// DecideResponse records the decision on the assembled response. fault.Conflict when none waits, when it was decided before,
// or when hash is not that of what waits: the decision is on what was looked at.
func (f *File) DecideResponse(actor, decision, hash string, reason redact.Text) error {
	c := &f.Case
	switch {
	case c.Status != dsar.AwaitingReview || c.Phase != dsar.PhaseReviewResponse || c.Review != nil || c.Stopping():
		return fault.New(fault.Conflict, "no response waits for a decision")
	case hash != c.ResponseHash():
		return fault.New(fault.Conflict, "the response is not the one that was looked at")
	}
	if decision == Refuse {
		return f.RefuseResponse(actor, hash, Ground{}, reason)
	}
	if decision != Approve {
		return fault.InvalidField("/decision", "decide approve or refuse")
	}
	d := f.decide(decision, actor, hash, reason)
	c.Review = d
	if err := f.overrule(OnResponse, actor); err != nil {
		return err
	}
	f.Signal()
	return f.Entry("response_decided", actor, d.facts(map[string]any{"decision": decision, "hash": hash}))
}

// RefuseResponse wants the request refused after a look at the response, or approves what somebody else wanted on the same: a whole
// request is refused by two people. Errors are those of DecideResponse, and fault.Forbidden for whoever wanted it first.
func (f *File) RefuseResponse(actor, hash string, g Ground, reason redact.Text) error {
	c := &f.Case
	switch {
	case c.Status != dsar.AwaitingReview || c.Phase != dsar.PhaseReviewResponse || c.Review != nil || c.Stopping():
		return fault.New(fault.Conflict, "no response waits for a decision")
	case hash != c.ResponseHash():
		return fault.New(fault.Conflict, "the response is not the one that was looked at")
	}
	return f.refuseOn(OnResponse, actor, hash, g, reason)
}

// ResponseHash names what a reviewer looks at: the digests of the package's volumes. Empty when nothing is assembled.
func (c *Case) ResponseHash() string {
	if c.Package == nil {
		return ""
	}
	h := sha256.New()
	for _, v := range c.Package.Volumes {
		_, _ = io.WriteString(h, v.SHA256+"\n") // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// DecideTask records what a person decided about a task. fault.Conflict when the task asks nothing.
func (f *File) DecideTask(t *Task, actor, decision string, reason redact.Text) error {
	switch {
	case t.Asked == nil || t.Decision != nil || f.Case.Stopping():
		return fault.New(fault.Conflict, "this task waits for no decision")
	case !slices.Contains(t.Asked.Answers, decision):
		return fault.InvalidField("/outcome", "this task can be decided as: "+strings.Join(t.Asked.Answers, ", "))
	case reason.IsZero() && decision == "done" && t.Action == dsar.Restrict && plan.Changes(f.Case.Right):
		return fault.InvalidField("/reason", "say how the restriction is enforced; it is the receipt (GDPR Art. 18)")
	case reason.IsZero() && decision != "retry" && decision != "done" && decision != "replan":
		return fault.InvalidField("/reason", "say why; it is kept with the case")
	}
	t.Decision = f.decide(decision, actor, "", reason)
	if decision == string(dsar.NotIdentifiable) {
		f.Case.Unidentified = true
	}
	f.calm()
	f.Signal()
	return f.TaskEntry(t, "task_decided", actor, t.Decision.facts(map[string]any{"decision": decision, "why": t.Asked.Why}))
}

// calm takes the case out of awaiting_person when no other task waits for one.
func (f *File) calm() {
	if f.Case.Status != dsar.AwaitingPerson || f.Case.Operator != nil {
		return
	}
	for _, t := range f.Tasks {
		if t.Asked != nil && t.Decision == nil {
			return
		}
	}
	f.Case.Status = dsar.InProgress
}

// Operate records with which phase an operator lets a stuck case go on.
func (f *File) Operate(actor string, next dsar.Phase) error {
	c := &f.Case
	if c.Operator == nil || c.Operator.Next != "" {
		return fault.New(fault.Conflict, "this case waits for no operator")
	}
	from := c.Operator.Phase
	c.Operator.Next = string(next)
	c.Restarts = 0
	if err := f.Entry("operator_decided", actor, map[string]any{"from": from, "next": next}); err != nil {
		return err
	}
	for _, w := range f.Waits {
		if w.State == "NeedsOperator" {
			f.Signal()
			return nil
		}
	}
	c.Phase = next
	f.OperatorDone()
	return f.TakeOver(actor, "operator")
}

// OperatorNext returns the phase with which a case in front of an operator goes on: the one that was chosen, or its closing when
// it was ended meanwhile, unless the closing itself is what failed.
func (c *Case) OperatorNext() (next dsar.Phase, ok bool) {
	switch {
	case c.Operator == nil:
		return "", false
	case c.Operator.Next != "":
		return dsar.Phase(c.Operator.Next), true
	}
	return dsar.PhaseClose, c.Stopping() && c.Operator.Phase != string(dsar.PhaseClose)
}

// OperatorDone takes the case out of the operator's hands: the phase that was chosen is on its way.
func (f *File) OperatorDone() {
	c := &f.Case
	c.Operator = nil
	if c.Status != dsar.AwaitingPerson {
		return
	}
	c.Status = dsar.InProgress
	if c.Verification.VerifiedAt.IsZero() {
		c.Status = dsar.Verifying
	}
}

// WriteBundle writes the signed evidence of the case as a zip, with the receipt of its newest seal when there is one. It holds
// no personal data.
func (s *Store) WriteBundle(ctx context.Context, w io.Writer, tenant, id string) error {
	f, err := s.Load(ctx, tenant, id)
	if fault.Has(err, fault.NotFound) {
		return s.writeDisposed(ctx, w, tenant, id)
	}
	if err != nil {
		return err
	}
	k, err := f.Tenant(ctx)
	if err != nil {
		return fmt.Errorf("reading tenant keys: %w", err)
	}
	heads := map[string]evidence.Head{evidence.CaseChain: f.Case.Head}
	for _, t := range f.Tasks {
		if t.Head.Seq > 0 {
			heads[evidence.TaskChain(t.ID)] = t.Head
		}
	}
	notices, err := f.Notices(ctx)
	if err != nil {
		return err
	}
	noticeHeads(heads, notices)
	receipt, err := f.receipt(ctx)
	if err != nil {
		return err
	}
	return evidence.WriteBundle(ctx, w, evidence.BundleInput{
		Tenant: tenant, Case: id, Reference: f.Case.Reference, ExportedAt: s.now().UTC().Truncate(time.Millisecond),
		Entries: entriesUpTo(heads, evidence.Read(ctx, s.table, tenant, id)), Heads: heads, Signer: k, Receipt: receipt,
	})
}
