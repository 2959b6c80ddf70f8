package console

import (
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// onCase reads the body into in, unless in is nil, and carries out an act on the case of the path.
func (h *Handler) onCase(w http.ResponseWriter, r *http.Request, in any, do func(id string) (reply, error)) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	if in != nil {
		if err := web.ReadJSON(w, r, in); err != nil {
			return err
		}
	}
	ans, err := do(id)
	if err != nil {
		return err
	}
	ans.write(w)
	return nil
}

func (h *Handler) apiDecidePlan(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in decision
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decidePlan(r.Context(), c, id, in) })
}

func (h *Handler) apiDecideResponse(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in decision
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.decideResponse(r.Context(), c, id, in) })
}

func (h *Handler) apiExtend(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Reason string `json:"reason"`
		Until  string `json:"until"` // YYYY-MM-DD, where the law leaves the length open
		Text   string `json:"text"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.extend(r.Context(), c, id, in.Reason, in.Until, in.Text) })
}

func (h *Handler) apiWithdraw(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Reason string `json:"reason"`
	}
	var body any = &in
	if r.ContentLength == 0 {
		body = nil
	}
	return h.onCase(w, r, body, func(id string) (reply, error) { return h.withdraw(r.Context(), c, id, in.Reason) })
}

func (h *Handler) apiMessage(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Text string `json:"text"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.say(r.Context(), c, id, in.Text) })
}

func (h *Handler) apiNote(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Text string `json:"text"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.note(r.Context(), c, id, in.Text) })
}

func (h *Handler) apiOperate(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Next   dsar.Phase `json:"next"`
		Reason string     `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.operate(r.Context(), c, id, in.Next, in.Reason) })
}

// apiTasks lists the tasks that wait for a person, the most urgent first.
func (h *Handler) apiTasks(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.tasks(r, c, limit)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"tasks": list, "next": next})
	return nil
}

func (h *Handler) tasks(r *http.Request, c *caller, limit int) ([]taskView, string, error) {
	refs, next, err := h.Cases.PersonTasks(r.Context(), c.tenant.Name, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return nil, "", err
	}
	out := []taskView{}
	for _, ref := range refs {
		f, err := h.Cases.Load(r.Context(), c.tenant.Name, ref.CaseID)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if t := f.Task(ref.TaskID); t != nil && t.Asked != nil && t.Decision == nil && f.Case.Open() {
			out = append(out, taskOf(&f.Case, t)) // the index may still show a task that was decided
		}
	}
	return out, next, nil
}

func (h *Handler) apiDecideTask(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in settlement
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	ans, err := h.settle(r.Context(), c, r.PathValue("id"), in)
	if err != nil {
		return err
	}
	ans.write(w)
	return nil
}
