package portal

import (
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// recipients lists who receives data, and who was told of what changed. The person may know who they are on request
// (GDPR Art. 19, second sentence).
func (h *Handler) recipients(r *http.Request, f *casefile.File) ([]recipientView, error) {
	registered, err := h.Registry.Recipients(r.Context(), f.Case.Tenant)
	if err != nil {
		return nil, err
	}
	tenant, err := h.Registry.Tenant(r.Context(), f.Case.Tenant)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	list, err := progress.Recipients(r.Context(), f, registered)
	if err != nil {
		return nil, err
	}
	out := make([]recipientView, 0, len(list))
	for _, x := range list {
		out = append(out, recipientView{x.Title, x.Country, x.Purpose, x.Informed, x.At, x.Why, x.Page(zone)})
	}
	return out, nil
}
