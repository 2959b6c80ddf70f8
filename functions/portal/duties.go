package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
)

// duties is the desk for what the law asks for beside the answer.
func (h *Handler) duties() *duties.Desk {
	return &duties.Desk{Cases: h.Cases, Registry: h.Registry, Packs: h.Packs, Letters: h.Desk.Letters}
}

// dutyRoutes are the pages and calls for questions to the person, appeals and complaints.
func (h *Handler) dutyRoutes(mine, own func(p string, f sessionHandler) Route) []Route {
	const ref, api = "/t/{tenant}/requests/{reference}", "/t/{tenant}/api/v1/requests/{reference}"
	return []Route{
		mine("GET "+ref+"/questions/{question}", h.askAnswer), mine("POST "+ref+"/questions/{question}", h.takeAnswer),
		mine("GET "+ref+"/appeal", h.askBring(casefile.Appeal)), mine("POST "+ref+"/appeal", h.takeBring(casefile.Appeal)),
		mine("GET "+ref+"/complaint", h.askBring(casefile.Complaint)), mine("POST "+ref+"/complaint", h.takeBring(casefile.Complaint)),
		own("POST "+api+"/appeal", h.apiBring(casefile.Appeal)), own("POST "+api+"/complaint", h.apiBring(casefile.Complaint)),
		own("POST "+api+"/questions/{question}/answer", h.apiAnswer), own("POST "+api+"/questions/{question}/accept", h.apiAccept),
	}
}

// answerQuestion records the person's answer.
func (h *Handler) answerQuestion(ctx context.Context, g session.Grant, id string, text redact.Text) error {
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(ctx context.Context, f *casefile.File) error {
		return h.duties().Answer(ctx, f, id, evidence.Subject, f.Now(), text)
	})
}

// acceptFee records that the person agrees to pay.
func (h *Handler) acceptFee(ctx context.Context, g session.Grant, id string) error {
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(ctx context.Context, f *casefile.File) error {
		return h.duties().AcceptFee(ctx, f, id, evidence.Subject)
	})
}

// bring records an appeal or complaint of the person.
func (h *Handler) bring(ctx context.Context, g session.Grant, kind casefile.SubKind, text redact.Text) (sub casefile.Sub, err error) {
	err = step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(ctx context.Context, f *casefile.File) error {
		s, err := h.duties().Bring(ctx, f, kind, evidence.Subject, f.Now(), text)
		if err == nil {
			sub = *s
		}
		return err
	})
	return sub, err
}

func (h *Handler) apiAnswer(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	text, err := intake.Message("/text", in.Text)
	if err != nil {
		return err
	}
	if err := h.answerQuestion(r.Context(), g, r.PathValue("question"), text); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"status": "answered"})
	return nil
}

func (h *Handler) apiAccept(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
	if err := h.acceptFee(r.Context(), g, r.PathValue("question")); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"status": "accepted"})
	return nil
}

func (h *Handler) apiBring(kind casefile.SubKind) sessionHandler {
	return func(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
		var in struct {
			Text string `json:"text"`
		}
		if err := web.ReadJSON(w, r, &in); err != nil {
			return err
		}
		text, err := intake.Message("/text", in.Text)
		if err != nil {
			return err
		}
		s, err := h.bring(r.Context(), g, kind, text)
		if err != nil {
			return err
		}
		web.WriteJSON(w, http.StatusCreated, subOf(&s))
		return nil
	}
}

// questionView is a question to the person. Its words are in the conversation.
type questionView struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Code     string    `json:"code"`
	Amount   string    `json:"amount,omitempty"`
	At       time.Time `json:"at"`
	Open     bool      `json:"open"`
	Blocks   bool      `json:"blocks"`
	Until    time.Time `json:"until,omitzero"`
	Accepted bool      `json:"accepted,omitempty"`
}

// subView is an appeal or complaint of the person.
type subView struct {
	ID             string              `json:"id"`
	Kind           casefile.SubKind    `json:"kind"`
	ReceivedAt     time.Time           `json:"receivedAt"`
	AcknowledgedAt time.Time           `json:"acknowledgedAt,omitzero"`
	DueAt          time.Time           `json:"dueAt,omitzero"`
	DueDate        string              `json:"dueDate,omitempty"`
	Outcome        casefile.SubOutcome `json:"outcome,omitempty"`
	Reason         string              `json:"reason,omitempty"`
}

func subOf(s *casefile.Sub) subView {
	return subView{ID: s.ID, Kind: s.Kind, ReceivedAt: s.ReceivedAt, AcknowledgedAt: s.AckAt, DueAt: s.Due.At, DueDate: s.Due.Date, Outcome: s.Outcome}
}

// dutiesView is the part of the status about questions, appeals and complaints.
type dutiesView struct {
	Questions   []questionView `json:"questions"`
	Appeals     []subView      `json:"appeals"` // and complaints
	MayAppeal   bool           `json:"mayAppeal"`
	AppealUntil time.Time      `json:"appealUntil,omitzero"`
	Granted     bool           `json:"granted,omitempty"` // it was granted, and is carried out by dueAt
}

func (h *Handler) dutiesOf(ctx context.Context, f *casefile.File) (dutiesView, error) {
	c := &f.Case
	v := dutiesView{Questions: []questionView{}, Appeals: []subView{}, Granted: c.Granted != nil}
	for i := range c.Questions {
		q := &c.Questions[i]
		v.Questions = append(v.Questions, questionView{q.ID, q.Kind, q.Code, q.Amount, q.At, q.IsOpen() && c.Open(), q.Blocks, q.Until, !q.Accepted.IsZero()})
	}
	subs, err := f.Subs(ctx)
	if err != nil {
		return v, err
	}
	for _, s := range subs {
		one := subOf(s)
		why, err := f.Reason(s.Decision) // to the person it was given to
		if err != nil {
			return v, err
		}
		one.Reason = why.Reveal()
		v.Appeals = append(v.Appeals, one)
	}
	v.AppealUntil, v.MayAppeal, err = h.duties().AppealUntil(ctx, c, f.Now())
	for _, s := range subs {
		v.MayAppeal = v.MayAppeal && (s.Kind != casefile.Appeal || !s.Open())
	}
	return v, err
}

// showDuties adds questions, appeals and complaints to the page of a request.
func showDuties(m *pages.PortalRequest, v dutiesView, at string, zone *time.Location) {
	for _, q := range v.Questions {
		if !q.Open {
			continue
		}
		row := pages.DutyRow{What: "question", Kind: q.Kind, State: pages.DutyWaits, URL: at + "/questions/" + url.PathEscape(q.ID), At: q.At.In(zone), Amount: q.Amount}
		if q.Accepted {
			row.State = pages.DutyAccepted
		}
		m.Questions = append(m.Questions, row)
	}
	open := false
	for _, s := range v.Appeals {
		row := pages.DutyRow{What: "sub", Kind: string(s.Kind), State: pages.DutyOpen, At: s.ReceivedAt.In(zone)}
		if s.Outcome != "" {
			row.State = pages.DutyState(s.Outcome)
		}
		open = open || s.Kind == casefile.Complaint && s.Outcome == ""
		m.Subs = append(m.Subs, row)
	}
	if v.MayAppeal {
		m.AppealURL = at + "/appeal"
	}
	if !open {
		m.ComplainURL = at + "/complaint"
	}
}

func (h *Handler) askBring(kind casefile.SubKind) sessionHandler {
	return func(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
		return h.showBring(w, r, f, kind, nil)
	}
}

func (h *Handler) showBring(w http.ResponseWriter, r *http.Request, f *casefile.File, kind casefile.SubKind, errs pages.Errors) error {
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	at := requestPath(r, f.Case.Reference)
	m := pages.PortalBring{
		Frame: fr, Form: pages.Form{Action: at + "/" + string(kind)}, Reference: f.Case.Reference, Kind: string(kind), Text: r.PostFormValue("text"), Errors: errs, BackURL: at,
	}
	if kind == casefile.Appeal {
		until, open, err := h.duties().AppealUntil(r.Context(), &f.Case, f.Now())
		if err != nil {
			return err
		}
		if !open {
			return fault.New(fault.Conflict, "there is nothing to appeal against, or the time for it is over")
		}
		m.Until = inZone(until, fr.Now.Location())
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.PortalBring(w, m)
}

// typed reads the words of a form, or says what is wrong with them.
func typed(r *http.Request) (redact.Text, pages.Errors) {
	s := r.PostFormValue("text")
	text, err := intake.Message("/text", s)
	switch {
	case err == nil:
		return text, nil
	case strings.TrimSpace(s) == "":
		return text, pages.Errors{{Field: "text", Problem: pages.Missing}}
	case len(s) > 4000:
		return text, pages.Errors{{Field: "text", Problem: pages.TooLong}}
	}
	return text, pages.Errors{{Field: "text", Problem: pages.NotAllowed}}
}

func (h *Handler) takeBring(kind casefile.SubKind) sessionHandler {
	return func(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
		text, errs := typed(r)
		if len(errs) > 0 {
			return h.showBring(w, r, f, kind, errs)
		}
		s, err := h.bring(r.Context(), g, kind, text)
		if err != nil {
			return err
		}
		fr, err := h.signedIn(r, f)
		if err != nil {
			return err
		}
		return h.Pages.PortalBrought(w, pages.PortalBrought{
			Frame: fr, Reference: f.Case.Reference, Kind: string(kind), Due: inZone(s.Due.At, fr.Now.Location()), RequestURL: requestPath(r, f.Case.Reference),
		})
	}
}

// openQuestion returns the question of the path that waits for the person; fault.NotFound when there is none.
func openQuestion(r *http.Request, f *casefile.File) (*casefile.Question, error) {
	q := f.Case.Question(r.PathValue("question"))
	if q == nil || !q.IsOpen() || !f.Case.Open() || f.Case.Stopping() {
		return nil, fault.New(fault.NotFound, "there is no such question, or it is settled")
	}
	return q, nil
}

func (h *Handler) askAnswer(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
	return h.showAnswer(w, r, f, nil)
}

func (h *Handler) showAnswer(w http.ResponseWriter, r *http.Request, f *casefile.File, errs pages.Errors) error {
	q, err := openQuestion(r, f)
	if err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	effect, err := h.duties().Effect(r.Context(), &f.Case, q)
	if err != nil {
		return err
	}
	at := requestPath(r, f.Case.Reference)
	zone := fr.Now.Location()
	m := pages.PortalAnswer{
		Frame: fr, Form: pages.Form{Action: at + "/questions/" + url.PathEscape(q.ID)}, Reference: f.Case.Reference, Kind: q.Kind, Amount: q.Amount,
		Accepted: !q.Accepted.IsZero(), Until: inZone(q.Until, zone), Effect: string(effect), Blocks: q.Blocks, Due: inZone(f.Case.Due.At, zone),
		Text: r.PostFormValue("text"), Errors: errs, BackURL: at,
	}
	if q.Kind == casefile.AskFee {
		m.WithdrawURL = at + "/withdraw"
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.PortalAnswer(w, m)
}

func (h *Handler) takeAnswer(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	q, err := openQuestion(r, f)
	if err != nil {
		return err
	}
	if q.Kind == casefile.AskFee {
		if r.PostFormValue("decision") != "accept" {
			return fault.InvalidField("/decision", "a fee is accepted, or the request withdrawn")
		}
		if err := h.acceptFee(r.Context(), g, q.ID); err != nil {
			return err
		}
		http.Redirect(w, r, requestPath(r, f.Case.Reference)+"/questions/"+url.PathEscape(q.ID), http.StatusSeeOther)
		return nil
	}
	text, errs := typed(r)
	if len(errs) > 0 {
		return h.showAnswer(w, r, f, errs)
	}
	if err := h.answerQuestion(r.Context(), g, q.ID, text); err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	return h.Pages.PortalMessageSent(w, pages.PortalMessageSent{Frame: fr, Reference: f.Case.Reference, RequestURL: requestPath(r, f.Case.Reference)})
}
