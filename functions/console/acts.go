package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// maxReason bounds a reason in characters.
const maxReason = 2000

// reason checks a reason of staff; empty is fine.
func reason(pointer, s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", nil
	}
	t, err := intake.Message(pointer, s)
	if err != nil {
		return "", err
	}
	if len([]rune(t.Reveal())) > maxReason {
		return "", web.Fields{{Pointer: pointer, Detail: "this is longer than 2000 characters"}}
	}
	return t.Reveal(), nil
}

// decision is what somebody decides about a plan or a response.
type decision struct {
	Decision string `json:"decision"`
	Hash     string `json:"hash"`
	Reason   string `json:"reason"`
	Ground   string `json:"ground"` // of a refusal: a code of the law's pack; empty: another rule

	Edits planEdits `json:"edits"` // of an edited plan
}

func (d *decision) check(allowed ...string) error {
	var bad web.Fields
	if !slices.Contains(allowed, d.Decision) {
		bad.Add("/decision", "decide "+strings.Join(allowed, " or "))
	}
	if d.Hash == "" || len(d.Hash) > 128 {
		bad.Add("/hash", "name the hash of what you looked at")
	}
	if len(bad) > 0 {
		return bad
	}
	var err error
	d.Reason, err = reason("/reason", d.Reason)
	return err
}

func (h *Handler) decidePlan(ctx context.Context, c *caller, id string, d decision) (reply, error) {
	if err := d.check(casefile.Approve, casefile.Refuse, casefile.Edit); err != nil {
		return reply{}, err
	}
	if d.Decision == casefile.Edit {
		return h.editPlan(ctx, c, id, d)
	}
	if !c.may(registry.DecideCases) {
		return reply{}, fault.New(fault.Forbidden, "your role may edit plans; approving and refusing is for approvers")
	}
	r, err := h.decided(ctx, c, id, casefile.OnPlan, d)
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: planDecided, Detail: d.Decision}, func(ctx context.Context, f *casefile.File) error {
		if d.Decision != casefile.Refuse {
			return f.DecidePlan(c.actor(), d.Decision, d.Hash, redact.NewText(d.Reason))
		}
		g, err := h.ground(ctx, f, d.Ground)
		if err != nil {
			return err
		}
		return f.RefusePlan(c.actor(), d.Hash, g, redact.NewText(d.Reason))
	})
}

func (h *Handler) decideResponse(ctx context.Context, c *caller, id string, d decision) (reply, error) {
	if err := d.check(casefile.Approve, casefile.Refuse); err != nil {
		return reply{}, err
	}
	r, err := h.decided(ctx, c, id, casefile.OnResponse, d)
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: answerDecided, Detail: d.Decision}, func(ctx context.Context, f *casefile.File) error {
		if d.Decision != casefile.Refuse {
			return f.DecideResponse(c.actor(), d.Decision, d.Hash, redact.NewText(d.Reason))
		}
		g, err := h.ground(ctx, f, d.Ground)
		if err != nil {
			return err
		}
		return f.RefuseResponse(c.actor(), d.Hash, g, redact.NewText(d.Reason))
	})
}

// withdraw ends the case for the person.
func (h *Handler) withdraw(ctx context.Context, c *caller, id, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"status": "withdrawing"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: caseWithdrawn}, func(_ context.Context, f *casefile.File) error {
		return f.Withdraw(c.actor(), redact.NewText(why))
	})
}

// say writes to the person: into the conversation, and as a letter. Nothing is sent to an address nobody has confirmed.
func (h *Handler) say(ctx context.Context, c *caller, id, typed string) (reply, error) {
	text, err := intake.Message("/text", typed)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusCreated, map[string]string{"status": "queued"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: messageSent}, func(ctx context.Context, f *casefile.File) error {
		if f.Case.Verification.VerifiedAt.IsZero() || f.Case.Law.Pack == "" {
			return fault.New(fault.Conflict, "the address is not confirmed yet: a message could reach a stranger")
		}
		if err := f.Say(c.actor(), text); err != nil {
			return err
		}
		return h.Letters.Send(ctx, f, letters.Message, func(l correspondence.Facts) { l.Message = text })
	})
}

// note keeps an internal note with the case.
func (h *Handler) note(ctx context.Context, c *caller, id, typed string) (reply, error) {
	text, err := intake.Message("/text", typed)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusCreated, map[string]string{"status": "kept"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: noteWritten}, func(_ context.Context, f *casefile.File) error {
		return f.Note(c.actor(), text)
	})
}

// operate lets a stuck case go on with a phase. A reason is kept as a note.
func (h *Handler) operate(ctx context.Context, c *caller, id string, next dsar.Phase, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains(dsar.Phases(), next) {
		var names []string
		for _, p := range dsar.Phases() {
			names = append(names, string(p))
		}
		return reply{}, web.Fields{{Pointer: "/next", Detail: "go on with one of: " + strings.Join(names, ", ")}}
	}
	r, err := newReply(http.StatusAccepted, map[string]any{"next": next})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: operated, Detail: string(next)}, func(_ context.Context, f *casefile.File) error {
		if err := f.Operate(c.actor(), next); err != nil || why == "" {
			return err
		}
		return f.Note(c.actor(), redact.NewText(why))
	})
}

// extend moves the deadline once, for a reason that the law knows, and tells the person by letter with an explanation, if
// there is one.
func (h *Handler) extend(ctx context.Context, c *caller, id, code, until, explanation string) (reply, error) {
	explanation, err := reason("/text", explanation)
	if err != nil {
		return reply{}, err
	}
	current, err := h.Cases.Case(ctx, c.tenant.Name, id)
	if err != nil {
		return reply{}, err
	}
	longer, err := h.extended(current, c, code, until, h.Now())
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]any{"dueAt": longer.Due.At, "dueDate": longer.Due.Date})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: caseExtended, Detail: code}, func(ctx context.Context, f *casefile.File) error {
		first := f.Case.Due
		next, err := h.extended(f.Case, c, code, until, f.Now())
		if err != nil {
			return err
		}
		f.Case.Extension, f.Case.Due, f.Case.Law = next.Extension, next.Due, next.Law
		if err := f.Entry("deadline_extended", c.actor(), map[string]any{"reason": code, "from": first.Date, "to": next.Due.Date}); err != nil {
			return err
		}
		return h.Letters.Send(ctx, f, letters.Extension, func(l correspondence.Facts) {
			l.FirstDue, l.ExtensionReason = l.Day(first.At), code
			if explanation != "" {
				l.Reasons = []letters.Reason{{Text: redact.NewText(explanation)}}
			}
		})
	})
}

// extended returns the case as it would be after an extension at the instant. fault.Conflict when it cannot be extended any
// more, fault.Invalid when the law does not know the reason, or leaves the length open and until names no day (YYYY-MM-DD).
func (h *Handler) extended(one casefile.Case, c *caller, code, until string, at time.Time) (casefile.Case, error) {
	pack, err := h.Packs.At(policy.ID(one.Law.Pack), policy.Version(one.Law.Version))
	if err != nil {
		return one, fault.New(fault.Conflict, "the law of the case is not settled yet")
	}
	rule, err := statute.Rule(&one, pack, c.tenant)
	if err != nil {
		return one, err
	}
	switch {
	case !one.Open() || one.Answered || one.Stopping():
		return one, fault.New(fault.Conflict, "the request is answered or closed")
	case one.Extension != nil:
		return one, fault.New(fault.Conflict, "a deadline can be extended once")
	case rule.Extension == nil:
		return one, fault.New(fault.Conflict, "the law has no extension for this right")
	case !slices.Contains(rule.Extension.Reasons, code):
		return one, web.Fields{{Pointer: "/reason", Detail: "the law knows these reasons: " + strings.Join(rule.Extension.Reasons, ", ")}}
	case one.Verification.VerifiedAt.IsZero():
		return one, fault.New(fault.Conflict, "the address is not confirmed yet: the notice could reach a stranger")
	case at.After(one.Due.At) || (!one.Due.Notice.IsZero() && at.After(one.Due.Notice)):
		return one, fault.New(fault.Conflict, "the first period has ended: it is too late for an extension")
	}
	one.Extension = &casefile.Decision{Decision: code, By: c.actor(), At: at}
	if rule.Extension.Open {
		day, err := civil.Parse(until)
		if err != nil || !day.After(civil.In(one.Due.At, c.zone)) {
			return one, web.Fields{{Pointer: "/until", Detail: "the law leaves the length open: name the day, after the first period, as 2027-01-31"}}
		}
		one.Extension.Until = until
	}
	return one, statute.Set(&one, h.Packs, c.tenant)
}

// settlement is what a person decides about a task.
type settlement struct {
	CaseID     string             `json:"caseId"`
	Outcome    string             `json:"outcome"`
	Reason     string             `json:"reason"`
	Identifier *intake.Identifier `json:"identifier"`
}

const identify = "identify"

// settle records the decision about a task. "identify" brings an identifier that staff proved otherwise: it joins the proven
// ones of the case, which are searched.
func (h *Handler) settle(ctx context.Context, c *caller, taskID string, s settlement) (reply, error) {
	why, err := reason("/reason", s.Reason)
	if err != nil {
		return reply{}, err
	}
	proven, err := s.proven()
	if err != nil {
		return reply{}, err
	}
	id, err := h.caseOfTask(ctx, c, taskID, s.CaseID)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"id": taskID, "caseId": id, "outcome": s.Outcome})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: taskDecided, Target: taskID, Detail: s.Outcome}, func(ctx context.Context, f *casefile.File) error {
		t := f.Task(taskID)
		if t == nil {
			return fault.New(fault.NotFound, "there is no such task")
		}
		if err := f.DecideTask(t, c.actor(), s.Outcome, redact.NewText(why)); err != nil || s.Identifier == nil {
			return err
		}
		return h.prove(ctx, c, f, proven, t.Asked.By)
	})
}

func (s settlement) proven() (subject.Identifier, error) {
	var bad web.Fields
	var proven subject.Identifier
	switch {
	case s.Outcome == "" || len(s.Outcome) > 40:
		bad.Add("/outcome", "say what became of the task")
	case s.Outcome == identify && s.Identifier == nil:
		bad.Add("/identifier", "give the identifier that was proven, with its kind and value")
	case s.Outcome != identify && s.Identifier != nil:
		bad.Add("/identifier", "only the outcome identify brings an identifier")
	case s.Identifier != nil:
		var err error
		if proven, err = subject.New(s.Identifier.Kind, s.Identifier.Value.Reveal()); err != nil {
			bad.Add("/identifier", "this is not a valid identifier of its kind")
		}
	}
	return proven, bad.Err()
}

// prove adds an identifier to the proven ones of the case and to the index that finds cases by it. shared is the kind of
// identifier that fitted several people: what was found of it is not searched again, or the question would come back.
func (h *Handler) prove(ctx context.Context, c *caller, f *casefile.File, i subject.Identifier, shared subject.Kind) error {
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Proven = subject.Add(p.Proven, i)
	p.Share(shared)
	k, err := f.Tenant(ctx)
	if err != nil {
		return err
	}
	f.With(f.IndexRow(k.Ref(i)))
	return f.Entry("identifier_proven", c.actor(), map[string]any{"kind": i.Kind, "by": "staff"})
}

// caseOfTask returns the case of a task that waits for a person; the caller may name it.
func (h *Handler) caseOfTask(ctx context.Context, c *caller, taskID, named string) (string, error) {
	if named != "" {
		if len(named) > 64 {
			return "", fault.New(fault.NotFound, "there is no such case")
		}
		return named, nil
	}
	for next := ""; ; {
		refs, more, err := h.Cases.PersonTasks(ctx, c.tenant.Name, table.MaxPage, next)
		if err != nil {
			return "", err
		}
		for _, r := range refs {
			if r.TaskID == taskID {
				return r.CaseID, nil
			}
		}
		if next = more; next == "" {
			return "", fault.New(fault.NotFound, "there is no such task that waits for a person")
		}
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
