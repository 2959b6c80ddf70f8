package console

import (
	"fmt"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// dutyCalls are the calls for what the law asks for beside the answer.
func (h *Handler) dutyCalls(call func(pattern string, p registry.Permission, f handler) Route) []Route {
	const v = " /api/v1"
	const one = v + "/cases/{id}"
	return []Route{
		call("POST"+one+"/questions", registry.HandleCases, h.apiAsk),
		call("POST"+one+"/questions/{question}/answer", registry.HandleCases, h.apiSettleQuestion("answer")),
		call("POST"+one+"/questions/{question}/drop", registry.HandleCases, h.apiSettleQuestion("drop")),
		call("POST"+one+"/questions/{question}/payment", registry.HandleCases, h.apiSettleQuestion("paid")),
		call("POST"+one+"/claims", registry.HandleCases, h.apiClaim),
		call("POST"+one+"/claims/{claim}/warning", registry.HandleCases, h.apiWarn),
		call("POST"+one+"/claims/{claim}/decision", registry.DecideCases, h.apiDecideClaim),
		call("GET"+v+"/claims", registry.ReadCases, h.apiClaims),
		call("POST"+one+"/appeals", registry.HandleCases, h.apiBring),
		call("POST"+one+"/appeals/{sub}/decision", registry.DecideCases, h.apiDecideSub),
		call("POST"+one+"/appeals/{sub}/extension", registry.HandleCases, h.apiExtendSub),
		call("POST"+one+"/appeals/{sub}/acknowledgement", registry.HandleCases, h.apiAcknowledgeSub),
		call("GET"+v+"/appeals", registry.ReadCases, h.apiAppeals),
		call("POST"+one+"/short-answer", registry.HandleCases, h.apiShortAnswer),
		call("POST"+one+"/grant", registry.DecideCases, h.apiGrant),
	}
}

// nextID is the id that the next of n questions or claims gets.
func nextID(prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, n+1) }

func subID(n int) string { return fmt.Sprintf("s%02d", n+1) }

func (h *Handler) apiAsk(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in asking
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.ask(r.Context(), c, id, in) })
}

func (h *Handler) apiSettleQuestion(what string) handler {
	return func(w http.ResponseWriter, r *http.Request, c *caller) error {
		var in struct {
			At     string `json:"at"`
			Text   string `json:"text"`
			Reason string `json:"reason"`
		}
		return h.onCase(w, r, optional(r, &in), func(id string) (reply, error) {
			if what == "drop" {
				in.Text = in.Reason
			}
			return h.settleQuestion(r.Context(), c, id, r.PathValue("question"), what, in.At, in.Text)
		})
	}
}

// optional is the target of a body that may be left out.
func optional(r *http.Request, in any) any {
	if r.ContentLength == 0 {
		return nil
	}
	return in
}

func (h *Handler) apiClaim(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in claiming
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.claim(r.Context(), c, id, in) })
}

func (h *Handler) apiWarn(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.onCase(w, r, nil, func(id string) (reply, error) { return h.warn(r.Context(), c, id, r.PathValue("claim")) })
}

func (h *Handler) apiDecideClaim(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Decision string `json:"decision"`
		Reason   string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) {
		return h.decideClaim(r.Context(), c, id, r.PathValue("claim"), in.Decision, in.Reason)
	})
}

func (h *Handler) apiBring(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Kind       string `json:"kind"`
		Text       string `json:"text"`
		ReceivedAt string `json:"receivedAt"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.bring(r.Context(), c, id, in.Kind, in.ReceivedAt, in.Text) })
}

func (h *Handler) apiDecideSub(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in verdict
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decideSub(r.Context(), c, id, r.PathValue("sub"), in) })
}

func (h *Handler) apiExtendSub(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Reason string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.extendSub(r.Context(), c, id, r.PathValue("sub"), in.Reason) })
}

func (h *Handler) apiAcknowledgeSub(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.onCase(w, r, nil, func(id string) (reply, error) { return h.acknowledgeSub(r.Context(), c, id, r.PathValue("sub")) })
}

func (h *Handler) apiShortAnswer(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Text string `json:"text"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.answerShortly(r.Context(), c, id, in.Text) })
}

func (h *Handler) apiGrant(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.onCase(w, r, nil, func(id string) (reply, error) { return h.grantRequest(r.Context(), c, id) })
}

// questionView is a question to the person. Its words are in the conversation.
type questionView struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Code       string    `json:"code"`
	Amount     string    `json:"amount,omitempty"`
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Open       bool      `json:"open"`
	Blocks     bool      `json:"blocks"`
	NotPause   string    `json:"notPause,omitempty"`
	Until      time.Time `json:"until,omitzero"`
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	AcceptedAt time.Time `json:"acceptedAt,omitzero"`
	PaidAt     time.Time `json:"paidAt,omitzero"`
	DroppedAt  time.Time `json:"droppedAt,omitzero"`
}

func questionsOf(c *casefile.Case) []questionView {
	out := []questionView{}
	for i := range c.Questions {
		q := &c.Questions[i]
		out = append(out, questionView{
			ID: q.ID, Kind: q.Kind, Code: q.Code, Amount: q.Amount, By: q.By, At: q.At, Open: q.IsOpen(), Blocks: q.Blocks, NotPause: q.NotPause, Until: q.Until,
			AnsweredAt: q.Answered, AcceptedAt: q.Accepted, PaidAt: q.Paid, DroppedAt: q.Dropped,
		})
	}
	return out
}

// claimView is a claim. What was written is in it with reveal_data only.
type claimView struct {
	ID         string        `json:"id"`
	CaseID     string        `json:"caseId"`
	Reference  string        `json:"reference"`
	Right      dsar.Right    `json:"right"`
	Kind       string        `json:"kind"`
	Ground     string        `json:"ground"`
	Citation   string        `json:"citation,omitempty"`
	System     string        `json:"system,omitempty"`
	Amount     string        `json:"amount,omitempty"`
	On         string        `json:"on,omitempty"`
	By         string        `json:"by"`
	At         time.Time     `json:"at"`
	Warns      bool          `json:"warns"` // the person must be warned before it is approved
	WarnedAt   time.Time     `json:"warnedAt,omitzero"`
	ReactBy    time.Time     `json:"reactBy,omitzero"`
	ReactedAt  time.Time     `json:"reactedAt,omitzero"`
	Decision   *decisionView `json:"decision,omitempty"`
	Text       string        `json:"text,omitempty"`
	Objective  string        `json:"objective,omitempty"`
	Subjective string        `json:"subjective,omitempty"`
}

func claimOf(c *casefile.Case, k *casefile.Claim) claimView {
	return claimView{
		ID: k.ID, CaseID: c.ID, Reference: c.Reference, Right: c.Right, Kind: string(k.Kind), Ground: k.Ground, Citation: k.Citation, System: k.System, Amount: k.Amount, On: k.On,
		By: k.By, At: k.At, Warns: k.Warns, WarnedAt: k.WarnedAt, ReactBy: k.ReactBy, ReactedAt: k.ReactedAt, Decision: decisionOf("claim", k.Decision),
	}
}

func (h *Handler) claimsOf(f *casefile.File, reveal bool) ([]claimView, error) {
	out := []claimView{}
	for i := range f.Case.Claims {
		k := &f.Case.Claims[i]
		v := claimOf(&f.Case, k)
		if reveal {
			facts, err := f.ClaimFacts(k)
			if err != nil {
				return nil, err
			}
			v.Text, v.Objective, v.Subjective = facts.Text.Reveal(), facts.Objective.Reveal(), facts.Subjective.Reveal()
			if v.Decision != nil {
				why, err := f.Reason(k.Decision)
				if err != nil {
					return nil, err
				}
				v.Decision.Reason = why.Reveal()
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// subView is an appeal or complaint. What was written is in it with reveal_data only.
type subView struct {
	ID             string              `json:"id"`
	CaseID         string              `json:"caseId"`
	Reference      string              `json:"reference"`
	Right          dsar.Right          `json:"right"`
	Kind           string              `json:"kind"`
	By             string              `json:"by"`
	ReceivedAt     time.Time           `json:"receivedAt"`
	AcknowledgeBy  time.Time           `json:"acknowledgeBy,omitzero"`
	AcknowledgedAt time.Time           `json:"acknowledgedAt,omitzero"`
	DueAt          time.Time           `json:"dueAt,omitzero"`
	DueDate        string              `json:"dueDate,omitempty"`
	Explanation    []casefile.DueStep  `json:"explanation"`
	Extended       bool                `json:"extended"`
	Late           []string            `json:"late,omitempty"`
	Outcome        casefile.SubOutcome `json:"outcome,omitempty"`
	Decision       *decisionView       `json:"decision,omitempty"`
	Text           string              `json:"text,omitempty"`
	Todo           string              `json:"todo,omitempty"`
}

func (h *Handler) subOf(f *casefile.File, s *casefile.Sub, reveal bool) (subView, error) {
	c := &f.Case
	v := subView{
		ID: s.ID, CaseID: c.ID, Reference: c.Reference, Right: c.Right, Kind: string(s.Kind), By: s.By, ReceivedAt: s.ReceivedAt, AcknowledgeBy: s.AckBy, AcknowledgedAt: s.AckAt,
		DueAt: s.Due.At, DueDate: s.Due.Date, Explanation: s.Due.Steps, Extended: s.Extension != nil, Late: s.Late, Outcome: s.Outcome, Decision: decisionOf(string(s.Kind), s.Decision),
	}
	if v.Explanation == nil {
		v.Explanation = []casefile.DueStep{}
	}
	if !reveal {
		return v, nil
	}
	text, todo, err := f.SubWords(s)
	if err != nil {
		return v, err
	}
	v.Text, v.Todo = text.Reveal(), todo.Reveal()
	if v.Decision == nil {
		return v, nil
	}
	why, err := f.Reason(s.Decision)
	v.Decision.Reason = why.Reveal()
	return v, err
}

// apiClaims lists the claims that wait for a second approver, longest first.
func (h *Handler) apiClaims(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	ids, next, err := h.Cases.ClaimedCases(r.Context(), c.tenant.Name, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := []claimView{}
	for _, id := range ids {
		one, err := h.Cases.Case(r.Context(), c.tenant.Name, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for i := range one.Claims {
			if k := &one.Claims[i]; k.Open() && one.Open() {
				out = append(out, claimOf(&one, k))
			}
		}
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"claims": out, "next": next})
	return nil
}

// apiAppeals lists the appeals and complaints that are not decided, those due first at the front.
func (h *Handler) apiAppeals(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	refs, next, err := h.Cases.OpenSubs(r.Context(), c.tenant.Name, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := []subView{}
	for _, ref := range refs {
		f, err := h.Cases.Load(r.Context(), c.tenant.Name, ref.CaseID)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		s, err := f.Sub(r.Context(), ref.ID)
		if err != nil {
			return err
		}
		if !s.Open() {
			continue // the index may lag
		}
		v, err := h.subOf(f, s, false)
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"appeals": out, "next": next})
	return nil
}
