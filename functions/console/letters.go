package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// What can be decided about a letter that did not arrive. Wire values.
const (
	sendAgain    = string(pages.AnswerSendAgain)
	leaveSettled = string(pages.AnswerSettled)
)

// undeliveredView is one letter of which nobody knows that it arrived.
type undeliveredView struct {
	N     int        `json:"n"`
	Kind  string     `json:"kind"`
	To    string     `json:"to"` // subject or owner
	State mail.State `json:"state"`
	Why   string     `json:"why,omitempty"`
	Since time.Time  `json:"since"`
}

type copiesView struct {
	State casefile.CopiesState `json:"state"`
	At    time.Time            `json:"at"`
	Fault string               `json:"fault,omitempty"`
}

func undeliveredOf(c *casefile.Case) []undeliveredView {
	out := []undeliveredView{}
	for _, u := range c.Undelivered {
		v := undeliveredView{u.N, u.Kind, u.Party, u.State, u.Why, u.Since}
		if v.To == "" {
			v.To = "subject"
		}
		out = append(out, v)
	}
	return out
}

func copiesOf(c *casefile.Case) *copiesView {
	if c.MailCopies == nil {
		return nil
	}
	return &copiesView{c.MailCopies.State, c.MailCopies.At, c.MailCopies.Fault}
}

// decideLetter sends an undelivered letter anew, or leaves it at that for a reason. A letter with a code is replaced by one with a
// fresh code: a code is never sent twice.
func (h *Handler) decideLetter(ctx context.Context, c *caller, id string, n int, decision, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains([]string{sendAgain, leaveSettled}, decision) {
		return reply{}, web.Fields{{Pointer: "/decision", Detail: "decide " + sendAgain + " or " + leaveSettled}}
	}
	r, err := newReply(http.StatusOK, map[string]any{"n": n, "decision": decision})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: letterDecided, Target: strconv.Itoa(n), Detail: decision}, func(ctx context.Context, f *casefile.File) error {
		if decision == leaveSettled {
			return f.SettleLetter(n, c.actor(), redact.NewText(why))
		}
		if err := h.sendAgain(ctx, c, f, n); err != nil || why == "" {
			return err
		}
		return f.Note(c.actor(), redact.NewText(why))
	})
}

func (h *Handler) sendAgain(ctx context.Context, c *caller, f *casefile.File, n int) error {
	one := &f.Case
	u, err := one.Missing(n)
	if err != nil {
		return err
	}
	if !casefile.IsCode(u.Kind) {
		_, l, err := h.Cases.Mail(ctx, one.Tenant, one.ID, n)
		if err != nil {
			return err
		}
		return f.SendAgain(n, c.actor(), l)
	}
	kind := letters.CodeAgain
	switch {
	case one.Law.Pack == "" || (one.Verification.VerifiedAt.IsZero() && (!one.Open() || one.Verification.Expired)):
		return fault.New(fault.Conflict, "the request has ended: there is nothing that a code would open")
	case one.Package != nil:
		kind = letters.DownloadCode
	}
	if err := h.Desk.Issue(ctx, f, kind); err != nil {
		return err
	}
	return f.SentAgain(u, c.actor())
}

func (h *Handler) apiDecideLetter(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Decision string `json:"decision"`
		Reason   string `json:"reason"`
	}
	n, err := letterNo(r)
	if err != nil {
		return err
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decideLetter(r.Context(), c, id, n, in.Decision, in.Reason) })
}

func letterNo(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("letter"))
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "there is no such letter")
	}
	return n, nil
}

// maxLost bounds the cases with undelivered letters that one page shows.
const maxLost = 50

// lost lists the letters that did not arrive, of open and closed cases.
func (h *Handler) lost(r *http.Request, c *caller, limit int) ([]pages.TaskRow, error) {
	ids, err := h.Cases.Undelivered(r.Context(), c.tenant.Name, min(limit, maxLost))
	if err != nil {
		return nil, err
	}
	var out []pages.TaskRow
	for _, id := range ids {
		one, err := h.Cases.Case(r.Context(), c.tenant.Name, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, u := range one.Undelivered {
			out = append(out, pages.TaskRow{
				URL: c.letterURL(id, u.N), Kind: lostKind(u), Case: one.Reference, CaseURL: c.caseURL(id, ""), Due: h.due(c, &one), Since: c.shown(u.Since),
			})
		}
	}
	return out[:min(len(out), limit)], nil
}

func (c *caller) letterURL(id string, n int) string {
	return c.caseURL(id, "/letters/"+strconv.Itoa(n))
}

func lostKind(u casefile.Undelivered) pages.TaskKind {
	if u.State == mail.Unknown {
		return pages.TaskMailUnknown
	}
	return pages.TaskMailBounced
}

// lostBecause says what is known about a letter that did not arrive.
func lostBecause(u casefile.Undelivered) string {
	switch {
	case u.Why == casefile.ReportBounce:
		return "The mailbox does not take it."
	case u.Why == casefile.ReportBlocked:
		return "The receiving mail server turned it away."
	case u.Why == casefile.ReportDropped:
		return "The mail service did not try to deliver it. Its own lists say why."
	case u.Why == string(fault.Misconfigured):
		return "The mail service refused it. Somebody who runs Habeas has to look at its settings first."
	case u.State == mail.Failed:
		return "The mail service refused the address."
	}
	return ""
}

func (h *Handler) askLetter(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showLetter(w, r, c, nil)
}

func (h *Handler) showLetter(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	n, err := letterNo(r)
	if err != nil {
		return err
	}
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := &f.Case
	m, l, err := h.Cases.Mail(r.Context(), one.Tenant, one.ID, n)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionTasks)
	if err != nil {
		return err
	}
	page := pages.ConsoleTask{
		ConsoleFrame: fr, Kind: pages.TaskMailUnknown, Case: one.Reference, CaseURL: c.caseURL(one.ID, ""), Right: one.Right, Due: h.due(c, one),
		Since: c.shown(m.SettledAt), What: fmt.Sprintf("The letter is %q.", l.Subject), Answer: pages.TaskAnswer(r.PostFormValue("outcome")),
		Reason: r.PostFormValue("reason"), Errors: errs,
	}
	if u, err := one.Missing(n); err == nil {
		page.Kind = lostKind(u)
		if why := lostBecause(u); why != "" {
			page.What += " " + why
		}
		page.Form = pages.Form{Action: c.letterURL(one.ID, n)}
		page.Answers = []pages.TaskAnswer{pages.AnswerSendAgain, pages.AnswerSettled}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleTask(w, page)
}

func (h *Handler) takeLetter(w http.ResponseWriter, r *http.Request, c *caller) error {
	n, err := letterNo(r)
	if err != nil {
		return err
	}
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.decideLetter(r.Context(), c, id, n, r.PostFormValue("outcome"), r.PostFormValue("reason"))
	if errs, ok := formErrors(err, map[string]string{"decision": "outcome"}); ok {
		return h.showLetter(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeSettled)
	return nil
}
