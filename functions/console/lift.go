package console

import (
	"context"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// liftRoutes end restrictions: first the letter, then the act.
func (h *Handler) liftRoutes() []Route {
	const one, api = " /console/cases/{id}/lift", " /api/v1/cases/{id}/lifting"
	return []Route{
		h.page("GET"+one, registry.DecideCases, h.askLift),
		h.page("POST"+one, registry.DecideCases, h.takeLift),
		h.callRoute("POST"+api, registry.DecideCases, h.apiAnnounceLifting),
		h.callRoute("POST"+api+"/done", registry.DecideCases, h.apiLift),
	}
}

// announceLifting tells the person that a restriction ends, and when.
func (h *Handler) announceLifting(ctx context.Context, c *caller, id, from, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	day, err := time.ParseInLocation(time.DateOnly, from, c.zone)
	if err != nil {
		return reply{}, web.Fields{{Pointer: "/from", Detail: "a day looks like 2027-01-31"}}
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"from": from})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: liftAnnounced}, func(ctx context.Context, f *casefile.File) error {
		if err := f.AnnounceLifting(c.actor(), day.UTC(), redact.NewText(why)); err != nil {
			return err
		}
		return h.Letters.Send(ctx, f, letters.RestrictionEnds, func(l correspondence.Facts) {
			l.On, l.Reasons = l.Day(day), []letters.Reason{{Text: redact.NewText(why), Citation: "GDPR Art. 18(3)"}}
		})
	})
}

// lift records that a restriction was lifted.
func (h *Handler) lift(ctx context.Context, c *caller, id, how string) (reply, error) {
	how, err := reason("/reason", how)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]bool{"lifted": true})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: restrictionLifted}, func(ctx context.Context, f *casefile.File) error {
		told := casefile.Mail{}
		if l := f.Case.Lifting; l != nil {
			var err error
			if told, _, err = h.Cases.Mail(ctx, c.tenant.Name, id, l.Letter); err != nil && !fault.Has(err, fault.NotFound) {
				return err
			}
		}
		return f.Lift(c.actor(), told.State, redact.NewText(how))
	})
}

func (h *Handler) apiAnnounceLifting(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		From   string `json:"from"`
		Reason string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.announceLifting(r.Context(), c, id, in.From, in.Reason) })
}

func (h *Handler) apiLift(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Reason string `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.lift(r.Context(), c, id, in.Reason) })
}

func (h *Handler) askLift(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showLift(w, r, c, nil)
}

func (h *Handler) showLift(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := f.Case
	if !one.MayLift() {
		return fault.New(fault.Conflict, "this case restricts nothing that could be lifted")
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleLift{
		ConsoleFrame: fr, Reference: one.Reference, Form: pages.Form{Action: c.caseURL(one.ID, "/lift")}, From: r.PostFormValue("from"),
		Reason: r.PostFormValue("reason"), Errors: errs, BackURL: c.caseURL(one.ID, ""),
	}
	if l := one.Lifting; l != nil {
		m.Announced, m.Come = c.shown(l.From), !h.Now().Before(l.From)
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleLift(w, m)
}

func (h *Handler) takeLift(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	notice := pages.NoticeLiftAnnounced
	if r.PostFormValue("do") == "lift" {
		notice = pages.NoticeLifted
		_, err = h.lift(r.Context(), c, id, r.PostFormValue("reason"))
	} else {
		_, err = h.announceLifting(r.Context(), c, id, r.PostFormValue("from"), r.PostFormValue("reason"))
	}
	if errs, ok := formErrors(err, nil); ok {
		for i := range errs {
			switch {
			case r.PostFormValue(errs[i].Field) == "":
				errs[i].Problem = pages.Missing
			case errs[i].Field == "from":
				errs[i].Problem = pages.NotADate
			}
		}
		return h.showLift(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, notice)
	return nil
}
