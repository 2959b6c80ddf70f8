package console

import (
	"context"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func (h *Handler) apiLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Pack   policy.ID `json:"pack"`
		Reason string    `json:"reason"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.correctLaw(r.Context(), c, id, in.Pack, in.Reason) })
}

// correctLaw puts the law of a case right. When that moves the date, the person gets what she got when her request came in, with the
// law and the date as they are.
func (h *Handler) correctLaw(ctx context.Context, c *caller, id string, pack policy.ID, why string) (reply, error) {
	why, err := reason("/reason", why)
	if err != nil {
		return reply{}, err
	}
	if err := h.mayGovern(ctx, c, pack); err != nil {
		return reply{}, err
	}
	r, err := newReply(http.StatusOK, map[string]any{"status": "corrected"})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: lawCorrected, Detail: string(pack)}, func(ctx context.Context, f *casefile.File) error {
		allowed, err := h.Registry.Allowed(ctx, c.tenant)
		if err != nil {
			return err
		}
		moved, err := statute.Correct(f, h.Packs, c.tenant, allowed, pack, c.actor(), redact.NewText(why))
		if err != nil || !moved {
			return err
		}
		return h.Letters.Send(ctx, f, letters.Acknowledgement, nil)
	})
}

func (h *Handler) takeLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.correctLaw(r.Context(), c, id, policy.ID(r.PostFormValue("pack")), r.PostFormValue("reason"))
	if errs, ok := formErrors(err, nil); ok {
		for i := range errs {
			if r.PostFormValue(errs[i].Field) == "" {
				errs[i].Problem = pages.Missing
			}
		}
		return h.showLaw(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeLawCorrected)
	return nil
}
