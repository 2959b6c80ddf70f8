package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// packRoutes are the laws, and the word of a named person that a draft among them may govern.
func (h *Handler) packRoutes() []Route {
	const v = " /api/v1/packs"
	return []Route{
		h.callRoute("GET"+v, registry.ReadSystems, h.apiPacks),
		h.callRoute("GET"+v+"/{id}", registry.ReadSystems, h.apiPack),
		h.callRoute("POST"+v+"/{id}/confirmation", registry.ConfirmLaws, h.apiConfirmPack),
	}
}

// packView is a law as the list shows it.
type packView struct {
	ID           policy.ID          `json:"id"`
	Name         string             `json:"name"`
	Law          string             `json:"law"`
	Short        string             `json:"short"`
	Status       string             `json:"status"`
	Valid        policy.Valid       `json:"valid"`
	Version      policy.Version     `json:"version"`
	Confidence   policy.Confidence  `json:"confidence"`
	Draft        bool               `json:"draft"`
	InScope      bool               `json:"inScope"`      // the tenant works under it
	Confirmation *confirmationView  `json:"confirmation"` // of this version; null: nobody gave one
	Earlier      []confirmationView `json:"earlier"`      // of versions that are no longer current, the newest first
}

// confirmationView is a confirmation as the API shows it.
type confirmationView struct {
	Version policy.Version `json:"version"`
	Name    string         `json:"name"`
	Staff   string         `json:"staff,omitempty"`
	Reason  string         `json:"reason"`
	At      time.Time      `json:"at"`
}

func viewOfConfirmation(c registry.Confirmation) confirmationView {
	return confirmationView{c.Version, c.Name, c.Staff, c.Reason, c.At}
}

func viewOfPack(p policy.Head, t registry.Tenant, confirmed map[policy.Version]registry.Confirmation) packView {
	v := packView{
		ID: p.ID, Name: p.Name, Law: p.Law, Short: p.Short, Status: p.Status, Valid: p.Valid, Version: p.Version, Confidence: p.Confidence,
		Draft: p.Draft, InScope: len(t.Laws) == 0 || slices.Contains(t.Laws, p.ID), Earlier: []confirmationView{},
	}
	for _, c := range confirmed {
		switch given := viewOfConfirmation(c); {
		case c.Version == p.Version:
			v.Confirmation = &given
		case c.Pack == p.ID:
			v.Earlier = append(v.Earlier, given)
		}
	}
	slices.SortFunc(v.Earlier, func(a, b confirmationView) int { return b.At.Compare(a.At) })
	return v
}

func (h *Handler) apiPacks(w http.ResponseWriter, r *http.Request, c *caller) error {
	confirmed, err := h.Registry.Confirmed(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	out := []packView{}
	for _, head := range h.Packs.Index() {
		out = append(out, viewOfPack(head, c.tenant, confirmed))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"packs": out, "production": c.tenant.Production})
	return nil
}

// head returns what the index says of the law in the address.
func (h *Handler) head(r *http.Request) (policy.Head, error) {
	id := policy.ID(r.PathValue("id"))
	for _, head := range h.Packs.Index() {
		if head.ID == id {
			return head, nil
		}
	}
	return policy.Head{}, fault.New(fault.NotFound, "there is no pack of that id")
}

func (h *Handler) apiPack(w http.ResponseWriter, r *http.Request, c *caller) error {
	head, err := h.head(r)
	if err != nil {
		return err
	}
	pack, err := h.Packs.Pack(head.ID)
	if err != nil {
		return err
	}
	confirmed, err := h.Registry.Confirmed(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, struct {
		packView
		Pack policy.Pack `json:"pack"`
	}{viewOfPack(head, c.tenant, confirmed), pack})
	return nil
}

// apiConfirmPack takes the confirmation of the current version. The caller says which she read: another one may have come since.
func (h *Handler) apiConfirmPack(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Version policy.Version `json:"version"`
		Name    string         `json:"name"`
		Reason  string         `json:"reason"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	head, err := h.head(r)
	if err != nil {
		return err
	}
	switch {
	case in.Version != head.Version:
		return fault.New(fault.Conflict, "the law has another version by now: read it, and confirm that one")
	case !head.Draft:
		return fault.New(fault.Conflict, "this law is no draft: it needs no confirmation")
	}
	given := registry.Confirmation{Tenant: c.tenant.Name, Pack: head.ID, Version: head.Version, Name: in.Name, Staff: c.staff.ID, Reason: in.Reason}
	ans, err := newReply(http.StatusCreated, map[string]any{"pack": head.ID, "version": head.Version})
	if err != nil {
		return err
	}
	extra, err := h.remember(c, ans)
	if err != nil {
		return err
	}
	if _, err := h.Registry.Confirm(r.Context(), given, append(extra, h.by(c, act{Kind: lawConfirmed, Target: string(head.ID)}))...); err != nil {
		return err
	}
	ans.write(w)
	return nil
}

// mayGovern refuses a law that is a draft nobody confirmed, for a tenant in production. A law that is not there is left to the caller.
func (h *Handler) mayGovern(ctx context.Context, c *caller, id policy.ID) error {
	allowed, err := h.Registry.Allowed(ctx, c.tenant)
	if err != nil || allowed == nil {
		return err
	}
	pack, err := h.Packs.Pack(id)
	if err == nil && !allowed(pack) {
		return fault.New(fault.Conflict, "this law is a draft that nobody has confirmed: it cannot govern a request yet")
	}
	return nil
}
