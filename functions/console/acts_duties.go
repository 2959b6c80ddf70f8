package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// The acts of staff that the law asks for beside the answer. Wire values of the audit.
const (
	questionAsked   = "question_asked"
	questionSettled = "question_settled"
	claimMade       = "claim_made"
	claimWarned     = "claim_warned"
	claimDecided    = "claim_decided"
	subOpened       = "appeal_recorded"
	subDecided      = "appeal_decided"
	subExtended     = "appeal_extended"
	subConfirmed    = "appeal_acknowledged"
	shortAnswered   = "short_answer_sent"
	requestGranted  = "request_granted"
)

// duties is the desk for what the law asks for beside the answer.
func (h *Handler) duties() *duties.Desk {
	return &duties.Desk{Cases: h.Cases, Registry: h.Registry, Packs: h.Packs, Letters: h.Letters}
}

// words checks what staff wrote; empty is fine.
func words(pointer, typed string) (redact.Text, error) {
	s, err := reason(pointer, typed)
	return redact.NewText(s), err
}

// day is the instant of a day or time as it was typed; now when it is empty.
func (c *caller) instant(pointer, typed string, now time.Time) (time.Time, error) {
	if typed == "" {
		return now, nil
	}
	if at, err := time.Parse(time.RFC3339, typed); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, typed, c.zone)
	if err != nil {
		return at, fault.InvalidField(pointer, "write an instant, or the day as 2027-01-31")
	}
	if at.After(now) {
		return at, nil // the record says that this cannot be
	}
	if end := at.AddDate(0, 0, 1).Add(-time.Millisecond); end.Before(now) {
		return end, nil // the later instant of the day never shortens what the controller has
	}
	return now, nil
}

// asking is a question to the person as it was sent.
type asking struct {
	Kind       string `json:"kind"`
	Code       string `json:"code"`
	Text       string `json:"text"`
	Amount     string `json:"amount"`
	Objective  string `json:"objective"`
	Subjective string `json:"subjective"`
}

// ask puts a question to the person. A fee becomes a claim, which somebody else approves before the person hears of it.
func (h *Handler) ask(ctx context.Context, c *caller, id string, in asking) (reply, error) {
	if in.Kind == casefile.AskFee {
		return h.claim(ctx, c, id, claiming{Kind: string(casefile.ClaimFee), Ground: in.Code, Text: in.Text, Amount: in.Amount, Objective: in.Objective, Subjective: in.Subjective})
	}
	text, err := words("/text", in.Text)
	if err != nil {
		return reply{}, err
	}
	current, err := h.Cases.Case(ctx, c.tenant.Name, id)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusCreated, map[string]any{"id": nextID("q", len(current.Questions)), "status": "asked"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: questionAsked, Detail: in.Kind}, func(ctx context.Context, f *casefile.File) error {
		if len(f.Case.Questions) != len(current.Questions) {
			return fault.New(fault.Conflict, "somebody else asked the person something meanwhile")
		}
		_, err := h.duties().Ask(ctx, f, c.actor(), in.Kind, in.Code, text)
		return err
	})
}

// settleQuestion records what became of a question: answer, drop, accept or paid.
func (h *Handler) settleQuestion(ctx context.Context, c *caller, id, question, what, at, typed string) (reply, error) {
	text, err := words("/text", typed)
	if err != nil {
		return reply{}, err
	}
	when, err := c.instant("/at", at, h.Now())
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"id": question, "status": what})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: questionSettled, Target: question, Detail: what}, func(ctx context.Context, f *casefile.File) error {
		if when.After(f.Now()) && at == "" {
			when = f.Now()
		}
		d := h.duties()
		switch what {
		case "answer":
			return d.Answer(ctx, f, question, c.actor(), when.UTC().Truncate(time.Millisecond), text)
		case "drop":
			return d.Drop(ctx, f, question, c.actor(), text)
		case "paid":
			return d.PayFee(ctx, f, question, c.actor(), when.UTC().Truncate(time.Millisecond))
		}
		return fault.InvalidField("/decision", "say what became of the question")
	})
}

// claiming is a claim as it was sent.
type claiming struct {
	Kind       string `json:"kind"`
	Ground     string `json:"ground"`
	Citation   string `json:"citation"`
	System     string `json:"system"`
	Amount     string `json:"amount"`
	Text       string `json:"text"`
	Objective  string `json:"objective"`
	Subjective string `json:"subjective"`
}

func (in claiming) read() (out duties.Claiming, err error) {
	out = duties.Claiming{Kind: casefile.ClaimKind(in.Kind), Ground: in.Ground, System: in.System, Amount: in.Amount}
	if out.Citation, err = reason("/citation", in.Citation); err != nil {
		return out, err
	}
	if out.Text, err = words("/text", in.Text); err != nil {
		return out, err
	}
	if out.Objective, err = words("/objective", in.Objective); err != nil {
		return out, err
	}
	out.Subjective, err = words("/subjective", in.Subjective)
	return out, err
}

func (h *Handler) claim(ctx context.Context, c *caller, id string, in claiming) (reply, error) {
	read, err := in.read()
	if err != nil {
		return reply{}, err
	}
	current, err := h.Cases.Case(ctx, c.tenant.Name, id)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"id": nextID("c", len(current.Claims)), "status": "waits_for_approval"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: claimMade, Detail: in.Kind}, func(ctx context.Context, f *casefile.File) error {
		if len(f.Case.Claims) != len(current.Claims) {
			return fault.New(fault.Conflict, "somebody else made a claim meanwhile")
		}
		_, err := h.duties().Claim(ctx, f, c.actor(), read)
		return err
	})
}

func (h *Handler) warn(ctx context.Context, c *caller, id, claim string) (reply, error) {
	r, err := newReply(http.StatusAccepted, map[string]string{"id": claim, "status": "warned"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: claimWarned, Target: claim}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Warn(ctx, f, claim, c.actor())
	})
}

func (h *Handler) decideClaim(ctx context.Context, c *caller, id, claim, decision, why string) (reply, error) {
	text, err := words("/reason", why)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"id": claim, "decision": decision})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: claimDecided, Target: claim, Detail: decision}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Decide(ctx, f, claim, c.actor(), decision, text)
	})
}

// bring records an appeal or complaint that reached staff.
func (h *Handler) bring(ctx context.Context, c *caller, id, kind, at, typed string) (reply, error) {
	if kind != string(casefile.Appeal) && kind != string(casefile.Complaint) {
		return reply{}, fault.InvalidField("/kind", "record an appeal or a complaint")
	}
	text, err := intake.Message("/text", typed)
	if err != nil {
		return reply{}, err
	}
	when, err := c.instant("/receivedAt", at, h.Now())
	if err != nil {
		return reply{}, err
	}
	current, err := h.Cases.Case(ctx, c.tenant.Name, id)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusCreated, map[string]string{"id": subID(current.Subs), "kind": kind, "status": "open"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: subOpened, Detail: kind}, func(ctx context.Context, f *casefile.File) error {
		if f.Case.Subs != current.Subs {
			return fault.New(fault.Conflict, "another one was recorded meanwhile")
		}
		_, err := h.duties().Bring(ctx, f, casefile.SubKind(kind), c.actor(), when.UTC().Truncate(time.Millisecond), text)
		return err
	})
}

// verdict is a decision on an appeal or complaint as it was sent.
type verdict struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Todo    string `json:"todo"`
}

func (h *Handler) decideSub(ctx context.Context, c *caller, id, sub string, in verdict) (reply, error) {
	v := duties.Verdict{Outcome: casefile.SubOutcome(in.Outcome)}
	var err error
	if v.Reason, err = words("/reason", in.Reason); err != nil {
		return reply{}, err
	}
	if v.Todo, err = words("/todo", in.Todo); err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"id": sub, "outcome": in.Outcome})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: subDecided, Target: sub, Detail: in.Outcome}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().DecideSub(ctx, f, sub, c.actor(), v)
	})
}

func (h *Handler) extendSub(ctx context.Context, c *caller, id, sub, why string) (reply, error) {
	text, err := words("/reason", why)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"id": sub, "status": "extended"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: subExtended, Target: sub}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Extend(ctx, f, sub, c.actor(), text)
	})
}

func (h *Handler) acknowledgeSub(ctx context.Context, c *caller, id, sub string) (reply, error) {
	r, err := newReply(http.StatusOK, map[string]string{"id": sub, "status": "acknowledged"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: subConfirmed, Target: sub}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Acknowledge(ctx, f, sub, c.actor())
	})
}

func (h *Handler) answerShortly(ctx context.Context, c *caller, id, typed string) (reply, error) {
	text, err := words("/text", typed)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"status": "queued"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: shortAnswered}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().AnswerShortly(ctx, f, c.actor(), text)
	})
}

func (h *Handler) grantRequest(ctx context.Context, c *caller, id string) (reply, error) {
	r, err := newReply(http.StatusAccepted, map[string]string{"status": "granted"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: requestGranted}, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Grant(ctx, f, c.actor())
	})
}

// ground resolves the ground of a refusal that was looked for on a plan or response.
func (h *Handler) ground(ctx context.Context, f *casefile.File, code string) (casefile.Ground, error) {
	if code == "" {
		return casefile.Ground{}, nil
	}
	g, err := h.duties().Ground(ctx, &f.Case, casefile.ClaimRefuse, code)
	return casefile.Ground{Code: g.Code, Citation: g.Citation}, err
}

// mayDecide reports whether the caller may approve what somebody else claimed.
func (c *caller) mayDecide() bool { return c.may(registry.DecideCases) }

// decided is the answer to a decision on a plan or a response. A refusal waits for somebody else's approval unless it is that.
func (h *Handler) decided(ctx context.Context, c *caller, id, on string, d decision) (reply, error) {
	out := map[string]any{"decision": d.Decision, "hash": d.Hash}
	if d.Decision == casefile.Refuse {
		one, err := h.Cases.Case(ctx, c.tenant.Name, id)
		if err != nil {
			return reply{}, err
		}
		k := one.OpenClaim(casefile.ClaimRefuse)
		if k == nil || k.On != on || k.Hash != d.Hash || k.By == c.actor() {
			out["waitsForApproval"] = true
		}
	}
	return newReply(http.StatusOK, out)
}

// waits reports whether an answer says that somebody else has to approve.
func (r reply) waits() bool {
	var out struct {
		Waits bool `json:"waitsForApproval"`
	}
	return json.Unmarshal(r.Body, &out) == nil && out.Waits
}

// dutiesOf adds what was asked and claimed, and what was brought against it, to a view of the case.
func (h *Handler) dutiesOf(ctx context.Context, v *caseView, f *casefile.File, reveal bool) error {
	v.Questions, v.Appeals = questionsOf(&f.Case), []subView{}
	var err error
	if v.Claims, err = h.claimsOf(f, reveal); err != nil {
		return err
	}
	subs, err := f.Subs(ctx)
	if err != nil {
		return err
	}
	for _, s := range subs {
		one, err := h.subOf(f, s, reveal)
		if err != nil {
			return err
		}
		v.Appeals = append(v.Appeals, one)
	}
	return nil
}
