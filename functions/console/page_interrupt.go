package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// running reports whether a case can be paused, or go without a system.
func running(c *casefile.Case) bool { return c.Open() && !c.Answered && !c.Stopping() }

// openSystems are the systems in which something is open, in the order in which they came up.
func openSystems(f *casefile.File) []string {
	var out []string
	for _, t := range f.Tasks {
		if t.Status != casefile.TaskDone && !slices.Contains(out, t.System) {
			out = append(out, t.System)
		}
	}
	return out
}

func (h *Handler) askPause(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showPause(w, r, c, nil)
}

func (h *Handler) showPause(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if !running(&f.Case) || f.Case.Paused != nil {
		return fault.New(fault.Conflict, "the case is paused, answered or closed")
	}
	return h.confirm(w, r, c, f, pages.ConsoleConfirm{Act: pages.ConfirmPause, Until: c.shown(f.Case.Due.At), Errors: errs}, "/pause")
}

// confirm writes a page that asks before an act on a case.
func (h *Handler) confirm(w http.ResponseWriter, r *http.Request, c *caller, f *casefile.File, m pages.ConsoleConfirm, below string) error {
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m.ConsoleFrame, m.Form, m.Reference = fr, pages.Form{Action: c.caseURL(f.Case.ID, below)}, f.Case.Reference
	m.Reason, m.BackURL = r.PostFormValue("reason"), c.caseURL(f.Case.ID, "")
	if len(m.Errors) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleConfirm(w, m)
}

func (h *Handler) takePause(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.pause(r.Context(), c, id, r.PostFormValue("reason"))
	if errs, ok := formErrors(err, nil); ok {
		return h.showPause(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticePaused)
	return nil
}

func (h *Handler) askResume(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if f.Case.Paused == nil {
		return fault.New(fault.Conflict, "the case is not paused")
	}
	return h.confirm(w, r, c, f, pages.ConsoleConfirm{Act: pages.ConfirmResume, Until: c.shown(f.Case.Due.At), NoReason: true}, "/resume")
}

func (h *Handler) takeResume(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if _, err := h.resume(r.Context(), c, id); err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeResumed)
	return nil
}

func (h *Handler) askProceed(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showProceed(w, r, c, nil)
}

func (h *Handler) showProceed(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	left := openSystems(f)
	if !running(&f.Case) || len(left) == 0 {
		return fault.New(fault.Conflict, "nothing is open in any system; there is nothing to go without")
	}
	registered, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	m := pages.ConsoleConfirm{Act: pages.ConfirmProceed, Choice: r.FormValue("system"), Errors: errs}
	for _, name := range left {
		t := pages.PlanTarget{Value: name, Name: name}
		for _, s := range registered {
			if s.Name == name {
				t.Name = titleOf(s)
			}
		}
		m.Choices = append(m.Choices, t)
	}
	return h.confirm(w, r, c, f, m, "/proceed-without")
}

func (h *Handler) takeProceed(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(r.PostFormValue("system")) == "" {
		return h.showProceed(w, r, c, pages.Errors{{Field: "system", Problem: pages.Missing}})
	}
	_, err = h.proceedWithout(r.Context(), c, id, r.PostFormValue("system"), r.PostFormValue("reason"))
	if errs, ok := formErrors(err, nil); ok {
		return h.showProceed(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeProceeding)
	return nil
}
