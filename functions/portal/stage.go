package portal

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
)

// stage says more exactly than its status where an open request is; until is the end of a grace. Empty for what the status says
// in full. A pause is none of the person's business but that it takes longer.
func stage(c *casefile.Case, now time.Time) (s pages.Stage, until time.Time) {
	switch {
	case !c.Open() || c.Stopping() || c.Verification.VerifiedAt.IsZero():
		return "", time.Time{}
	case c.Paused != nil:
		return pages.StagePaused, time.Time{}
	case !plan.Changes(c.Right):
		return "", time.Time{}
	case c.Phase == dsar.PhasePlan:
		return pages.StagePlanning, time.Time{}
	case c.Phase == dsar.PhaseReviewPlan && (len(c.Replan) > 0 || c.Drafting):
		return pages.StagePlanning, time.Time{}
	case c.Phase == dsar.PhaseReviewPlan && !c.PlanApproved():
		return pages.StageApproval, time.Time{}
	case c.Phase == dsar.PhaseReviewPlan && c.Cancellable(now):
		return pages.StageGrace, c.GraceUntil
	case c.Phase == dsar.PhaseReviewPlan && c.After != "":
		return pages.StageAfter, time.Time{}
	case c.Phase == dsar.PhaseRun && c.Status == dsar.InProgress:
		return pages.StageDoing, time.Time{}
	}
	return "", time.Time{}
}

// phased adds to a page what a request that changes data has beside the others.
func phased(m *pages.PortalRequest, f *casefile.File, v statusView, at string) {
	m.Stage, m.Until = v.Stage, inZone(v.CancelUntil, m.Now.Location())
	for _, s := range v.Supplement {
		m.Supplement = append(m.Supplement, titled(v.Systems, s))
	}
	if f.MayDisagree() {
		m.StatementForm = pages.Form{Action: at + "/messages", Hidden: []pages.Hidden{{Name: "kind", Value: "statement"}}}
	}
}

// disagree keeps a statement of disagreement.
func (h *Handler) disagree(ctx context.Context, g session.Grant, text redact.Text) error {
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(ctx context.Context, f *casefile.File) error {
		if err := f.Disagree(text); err != nil {
			return err
		}
		return h.Desk.Letters.Send(ctx, f, letters.StatementKept, nil)
	})
}

// takeStatement takes a statement of disagreement from its form.
func (h *Handler) takeStatement(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	typed := r.PostFormValue("statement")
	text, err := intake.Message("/statement", typed)
	if err != nil {
		problem := pages.NotAllowed
		if strings.TrimSpace(typed) == "" {
			problem = pages.Missing
		} else if len(typed) > 4000 {
			problem = pages.TooLong
		}
		w.WriteHeader(http.StatusBadRequest)
		return h.showRequest(w, r, f, "", pages.Errors{{Field: "statement", Problem: problem}})
	}
	if err := h.disagree(r.Context(), g, text); err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	return h.Pages.PortalMessageSent(w, pages.PortalMessageSent{Frame: fr, Reference: f.Case.Reference, RequestURL: requestPath(r, f.Case.Reference)})
}

// titled names a system as the page does.
func titled(systems []progress.System, name string) string {
	for _, s := range systems {
		if s.Name == name && s.Title != "" {
			return s.Title
		}
	}
	return name
}
