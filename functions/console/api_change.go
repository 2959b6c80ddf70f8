package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/holds"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// planEdits is the body of an edited plan.
type planEdits struct {
	Exempt      []casefile.Exemption `json:"exempt"`
	Include     []casefile.Exemption `json:"include"` // system and collection alone
	Corrections []correctionBody     `json:"corrections"`
	GrowthLimit int                  `json:"growthLimit"` // per cent
}

type correctionBody struct {
	System string `json:"system"`
	Field  string `json:"field"`
	Value  string `json:"value"`
}

// maxCorrections bounds the fields of one correction, as at intake.
const maxCorrections = 50

func (e *planEdits) edit() (casefile.PlanEdit, error) {
	out := casefile.PlanEdit{Exempt: e.Exempt, Include: e.Include, GrowthLimit: e.GrowthLimit}
	if len(e.Corrections) > maxCorrections {
		return out, fault.InvalidField("/edits/corrections", fmt.Sprintf("at most %d fields are corrected at once", maxCorrections))
	}
	for i, c := range e.Corrections {
		if c.Field == "" || len(c.Field) > 200 || len(c.Value) > 2000 || len(c.System) > 63 {
			return out, fault.InvalidField(fmt.Sprintf("/edits/corrections/%d", i), "name the field, and write its value in at most 2000 characters")
		}
		out.Corrections = append(out.Corrections, casefile.Correction{System: c.System, Field: c.Field, Value: redact.NewText(c.Value)})
	}
	return out, nil
}

// editPlan changes a plan and sends it back to its dry run. Whoever handles cases may do that; somebody else approves it.
func (h *Handler) editPlan(ctx context.Context, c *caller, id string, d decision) (reply, error) {
	edit, err := d.Edits.edit()
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]string{"decision": d.Decision, "hash": d.Hash})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: planDecided, Detail: d.Decision}, func(_ context.Context, f *casefile.File) error {
		return f.EditPlan(c.actor(), d.Hash, edit, redact.NewText(d.Reason))
	})
}

type reasonBody struct {
	System string `json:"system"` // proceed-without alone
	Reason string `json:"reason"`
}

func (h *Handler) apiPause(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in reasonBody
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.pause(r.Context(), c, id, in.Reason) })
}

func (h *Handler) pause(ctx context.Context, c *caller, id, why string) (reply, error) {
	return h.act(ctx, c, id, "/reason", why, "paused", act{Kind: casePaused}, func(f *casefile.File, why redact.Text) error {
		return f.Pause(c.actor(), why)
	})
}

func (h *Handler) apiResume(w http.ResponseWriter, r *http.Request, c *caller) error {
	var body any
	if r.ContentLength != 0 {
		body = &reasonBody{}
	}
	return h.onCase(w, r, body, func(id string) (reply, error) { return h.resume(r.Context(), c, id) })
}

func (h *Handler) resume(ctx context.Context, c *caller, id string) (reply, error) {
	return h.act(ctx, c, id, "/reason", "", "resumed", act{Kind: caseResumed}, func(f *casefile.File, _ redact.Text) error { return f.Resume(c.actor()) })
}

func (h *Handler) apiProceedWithout(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in reasonBody
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.proceedWithout(r.Context(), c, id, in.System, in.Reason) })
}

func (h *Handler) proceedWithout(ctx context.Context, c *caller, id, system, why string) (reply, error) {
	if err := registry.CheckName("/system", system); err != nil {
		return reply{}, err
	}
	return h.act(ctx, c, id, "/reason", why, "proceeding", act{Kind: wentWithout, Target: system}, func(f *casefile.File, why redact.Text) error {
		return f.ProceedWithout(c.actor(), system, why)
	})
}

// act carries out a decision with a reason, which is checked here, and answers 202 with a status.
func (h *Handler) act(ctx context.Context, c *caller, id, pointer, why, status string, a act, do func(f *casefile.File, why redact.Text) error) (reply, error) {
	why, err := reason(pointer, why)
	if err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusAccepted, map[string]string{"status": status})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, a, func(_ context.Context, f *casefile.File) error { return do(f, redact.NewText(why)) })
}

// holdBody is a hold to be placed.
type holdBody struct {
	Scope      hold.Scope        `json:"scope"`
	Identifier *subject.Revealed `json:"identifier"`
	System     string            `json:"system"`
	Collection string            `json:"collection"`
	Keys       []string          `json:"keys"`
	Case       string            `json:"case"` // id or reference
	Reason     string            `json:"reason"`
	ReviewBy   string            `json:"reviewBy"` // YYYY-MM-DD
}

// holdView is a hold as staff see it; whom it is about takes a look that is recorded.
type holdView struct {
	ID         string       `json:"id"`
	Scope      hold.Scope   `json:"scope"`
	Kind       subject.Kind `json:"kind,omitempty"`
	Case       string       `json:"case,omitempty"`
	System     string       `json:"system,omitempty"`
	Collection string       `json:"collection,omitempty"`
	Records    int          `json:"records,omitempty"`
	ReviewBy   string       `json:"reviewBy,omitempty"`
	PlacedBy   string       `json:"placedBy"`
	PlacedAt   time.Time    `json:"placedAt"`
	ReleasedBy string       `json:"releasedBy,omitempty"`
	ReleasedAt time.Time    `json:"releasedAt,omitzero"`
}

func viewOfHold(h hold.Hold) holdView {
	v := holdView{
		ID: h.ID, Scope: h.Scope, Kind: h.Kind, Case: h.CaseID, System: h.System, Collection: h.Collection, Records: h.Records,
		PlacedBy: h.PlacedBy, PlacedAt: h.PlacedAt, ReleasedBy: h.ReleasedBy, ReleasedAt: h.ReleasedAt,
	}
	if !h.ReviewBy.IsZero() {
		v.ReviewBy = h.ReviewBy.Format(time.DateOnly)
	}
	return v
}

func (h *Handler) apiHolds(w http.ResponseWriter, r *http.Request, c *caller) error {
	all, err := h.Holds.List(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	list := []holdView{}
	for _, one := range all {
		list = append(list, viewOfHold(one))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"holds": list})
	return nil
}

func (h *Handler) apiPlaceHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in holdBody
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	placed, err := h.placeHold(r.Context(), c, in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, viewOfHold(placed))
	return nil
}

// placeHold stops what it covers from the next batch on.
func (h *Handler) placeHold(ctx context.Context, c *caller, in holdBody) (hold.Hold, error) {
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return hold.Hold{}, err
	}
	one := hold.Hold{Tenant: c.tenant.Name, Scope: in.Scope, System: in.System, Collection: in.Collection, PlacedBy: c.actor()}
	d := hold.Details{Reason: redact.NewText(why)}
	if in.ReviewBy != "" {
		if one.ReviewBy, err = time.Parse(time.DateOnly, in.ReviewBy); err != nil {
			return hold.Hold{}, fault.InvalidField("/reviewBy", "write the day as 2027-01-31")
		}
	}
	if in.Identifier != nil {
		if d.Identifier, err = subject.New(in.Identifier.Kind, in.Identifier.Value); err != nil {
			return hold.Hold{}, fault.InvalidField("/identifier", "this is no identifier of the kind")
		}
	}
	for _, k := range in.Keys {
		d.Keys = append(d.Keys, redact.NewText(k))
	}
	if in.Case != "" {
		if one.CaseID, err = h.caseNamed(ctx, c, in.Case); err != nil {
			return hold.Hold{}, err
		}
	}
	if one, err = h.Holds.Place(ctx, one, d); err != nil {
		return hold.Hold{}, err
	}
	return one, h.record(ctx, c, act{Kind: holdPlaced, CaseID: one.CaseID, Target: one.ID, Detail: string(one.Scope)})
}

// maxResumed is how many cases go on within the call that releases a hold; the clockwork takes up the rest.
const maxResumed = 50

func (h *Handler) apiReleaseHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	if err := h.releaseHold(r.Context(), c, r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// releaseHold lets what the hold kept go on, on the clock that it always had.
func (h *Handler) releaseHold(ctx context.Context, c *caller, id string) error {
	if err := h.record(ctx, c, act{Kind: holdReleased, Target: id}); err != nil {
		return err
	}
	one, err := h.Holds.Release(ctx, c.tenant.Name, id, c.actor())
	if err != nil {
		return err
	}
	resumer := holds.Resumer{Cases: h.Cases, Holds: h.Holds}
	_, err = resumer.Resume(ctx, c.tenant.Name, one.ID, c.actor(), maxResumed)
	return err
}

// caseNamed returns the id of a case named by id or reference; fault.NotFound when the tenant has none.
func (h *Handler) caseNamed(ctx context.Context, c *caller, name string) (string, error) {
	if ref, ok := dsar.CleanReference(name); ok {
		return h.Cases.ByReference(ctx, c.tenant.Name, ref)
	}
	one, err := h.Cases.Case(ctx, c.tenant.Name, name)
	return one.ID, err
}
