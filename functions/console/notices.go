package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// recipientView is a recipient as a case shows it, with its notice when there was something to tell (GDPR Art. 19).
type recipientView struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Country  string            `json:"country,omitempty"`
	Purpose  string            `json:"purpose,omitempty"`
	Informed progress.Informed `json:"informed,omitempty"`
	Notice   *noticeView       `json:"notice,omitempty"`

	told progress.Recipient
}

// noticeView is a notice to a recipient. Nothing in it is personal but Reason, which is left out without reveal_data.
type noticeView struct {
	ID             string                  `json:"id"`
	Status         casefile.NoticeStatus   `json:"status"`
	Channel        casefile.NoticeChannel  `json:"channel,omitempty"`
	Changes        []casefile.NoticeChange `json:"changes"`
	Revision       int                     `json:"revision"`
	Attempts       int                     `json:"attempts"`
	Reminders      int                     `json:"reminders"`
	Fault          fault.Class             `json:"fault,omitempty"`
	OpenedAt       time.Time               `json:"openedAt"`
	SentAt         time.Time               `json:"sentAt,omitzero"`
	AcknowledgedAt time.Time               `json:"acknowledgedAt,omitzero"`
	EndedAt        time.Time               `json:"endedAt,omitzero"` // given up or excused
	NextAt         time.Time               `json:"nextAt,omitzero"`
	Decision       *decisionView           `json:"decision,omitempty"`
}

// recipientsOf lists the recipients of a case with their notices.
func (h *Handler) recipientsOf(ctx context.Context, f *casefile.File, reveal bool) ([]recipientView, error) {
	registered, err := h.Registry.Recipients(ctx, f.Case.Tenant)
	if err != nil {
		return nil, err
	}
	list, err := progress.Recipients(ctx, f, registered)
	if err != nil {
		return nil, err
	}
	out := make([]recipientView, 0, len(list))
	for _, r := range list {
		v := recipientView{Name: r.Name, Title: r.Title, Country: r.Country, Purpose: r.Purpose, Informed: r.Informed, told: r}
		if n := r.Notice; n != nil {
			v.Notice = &noticeView{
				n.ID, n.Status, n.Channel, n.Changes, n.Revision, n.Attempts, n.Reminders, n.Fault, n.OpenedAt, n.SentAt, n.AcknowledgedAt, n.EndedAt, n.DueAt,
				decisionOf("notice", n.Waiver),
			}
			if d := v.Notice.Decision; d != nil && reveal {
				d.Reason = r.Why
			}
		}
		if !reveal && r.Notice != nil && r.Notice.Waiver != nil {
			v.told.Why = ""
		}
		out = append(out, v)
	}
	return out, nil
}

// decideNotice sends a notice again, or excuses it for a reason that the law knows: that wants decide_cases.
func (h *Handler) decideNotice(ctx context.Context, c *caller, id, recipient, decision, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains([]string{casefile.Retry, casefile.Impossible, casefile.Disproportionate}, decision) {
		return reply{}, web.Fields{{Pointer: "/decision", Detail: "decide retry, impossible or disproportionate"}}
	}
	if decision != casefile.Retry {
		if err := c.allow(registry.DecideCases); err != nil {
			return reply{}, err
		}
		if why == "" {
			return reply{}, web.Fields{{Pointer: "/reason", Detail: "say why; an exception cannot be empty of reasons, and the person may read them (GDPR Art. 19)"}}
		}
	}
	r, err := newReply(http.StatusOK, map[string]string{"recipient": recipient, "decision": decision})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: noticeDecided, Target: recipient, Detail: decision}, func(ctx context.Context, f *casefile.File) error {
		n, err := f.NoticeTo(ctx, recipient)
		if err != nil {
			return err
		}
		return f.DecideNotice(n, c.actor(), decision, redact.NewText(why))
	})
}

func (h *Handler) apiDecideNotice(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Decision string `json:"decision"`
		Reason   string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) {
		return h.decideNotice(r.Context(), c, id, r.PathValue("recipient"), in.Decision, in.Reason)
	})
}

// untoldView is a notice that a person must look at.
type untoldView struct {
	CaseID    string                `json:"caseId"`
	Reference string                `json:"reference"`
	Recipient string                `json:"recipient"`
	Status    casefile.NoticeStatus `json:"status"`
	Fault     fault.Class           `json:"fault,omitempty"`
	Since     time.Time             `json:"since"`
}

// untold lists the notices that were given up or are stuck, the oldest first.
func (h *Handler) untold(ctx context.Context, c *caller, limit int, cursor string) ([]untoldView, string, error) {
	refs, next, err := h.Cases.StuckNotices(ctx, c.tenant.Name, limit, cursor)
	if err != nil {
		return nil, "", err
	}
	out := []untoldView{}
	for _, ref := range refs {
		f, err := h.Cases.Load(ctx, c.tenant.Name, ref.CaseID)
		if err == nil {
			var n *casefile.Notice
			if n, err = f.NoticeTo(ctx, ref.Recipient); err == nil && n.Stuck() { // the index may lag
				out = append(out, untoldView{ref.CaseID, f.Case.Reference, ref.Recipient, n.Status, n.Fault, n.StuckSince()})
			}
		}
		if err != nil && !fault.Has(err, fault.NotFound) {
			return nil, "", err
		}
	}
	return out, next, nil
}

func (h *Handler) apiNotices(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.untold(r.Context(), c, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"notices": list, "next": next})
	return nil
}

// untoldRows shows them among the tasks of people.
func (h *Handler) untoldRows(r *http.Request, c *caller, limit int) ([]pages.TaskRow, error) {
	list, _, err := h.untold(r.Context(), c, limit, "")
	if err != nil {
		return nil, err
	}
	var out []pages.TaskRow
	for _, v := range list {
		out = append(out, pages.TaskRow{
			URL: c.noticeURL(v.CaseID, v.Recipient), Kind: pages.TaskRecipient, System: h.titleOfRecipient(r.Context(), c, v.Recipient),
			Case: v.Reference, CaseURL: c.caseURL(v.CaseID, ""), Since: c.shown(v.Since),
		})
	}
	return out, nil
}

// told is how a case shows a recipient: how far its notice is, and where it is decided about.
func (c *caller) told(caseID string, rec recipientView) pages.Recipient {
	p := rec.told.Page(c.zone)
	if n := rec.told.Notice; n != nil {
		if why := progress.NoticeFault(n.Fault); why != "" {
			p.Why = why
		}
		p.URL = c.noticeURL(caseID, rec.Name)
	}
	return p
}

func (c *caller) noticeURL(caseID, recipient string) string {
	return c.caseURL(caseID, "/notices/"+url.PathEscape(recipient))
}

// titleOfRecipient is what people call a recipient; one that is no longer registered keeps its name.
func (h *Handler) titleOfRecipient(ctx context.Context, c *caller, name string) string {
	if rec, err := h.Registry.Recipient(ctx, c.tenant.Name, name); err == nil {
		return rec.Title
	}
	return name
}

func (h *Handler) askNotice(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showNotice(w, r, c, nil)
}

func (h *Handler) showNotice(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := &f.Case
	n, err := f.NoticeTo(r.Context(), r.PathValue("recipient"))
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleNotice{
		ConsoleFrame: fr, Recipient: h.titleOfRecipient(r.Context(), c, n.Recipient), Case: one.Reference, CaseURL: c.caseURL(one.ID, ""), State: progress.Tell(n),
		Why: progress.NoticeFault(n.Fault), Attempts: n.Attempts, SentAt: c.shown(n.SentAt), AckAt: c.shown(n.AcknowledgedAt), NextAt: c.shown(n.DueAt),
		Answer: pages.TaskAnswer(r.PostFormValue("decision")), Reason: r.PostFormValue("reason"), Errors: errs,
	}
	for _, ch := range n.Changes {
		m.Lines = append(m.Lines, pages.NoticeLine{System: ch.System, What: ch.What, At: c.shown(ch.At)})
	}
	if n.Waiver != nil {
		shown, err := h.reveal(r.Context(), c, one.ID, true)
		if err != nil {
			return err
		}
		if shown {
			why, err := f.Reason(n.Waiver)
			if err != nil {
				return err
			}
			m.DecidedWhy = why.Reveal()
		}
	}
	if n.MayDecide() && c.may(registry.HandleCases) {
		m.Form = pages.Form{Action: c.noticeURL(one.ID, n.Recipient)}
		m.Answers = []pages.TaskAnswer{pages.AnswerRetry}
		if c.may(registry.DecideCases) {
			m.Answers = append(m.Answers, pages.AnswerImpossible, pages.AnswerDisproportionate)
		}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleNotice(w, m)
}

func (h *Handler) takeNotice(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.decideNotice(r.Context(), c, id, r.PathValue("recipient"), r.PostFormValue("decision"), r.PostFormValue("reason"))
	if errs, ok := formErrors(err, nil); ok {
		return h.showNotice(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeSettled)
	return nil
}
