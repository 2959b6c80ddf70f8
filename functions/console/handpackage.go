package console

import (
	"net/http"
	"strconv"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
)

// handPackage is readPackage where answers are small: the reviewer is sent to where the volume lies in the open for minutes. Each look is
// a delivery of its own, named in the address while it is being prepared; the look is recorded before the address is given out.
func (h *Handler) handPackage(w http.ResponseWriter, r *http.Request, c *caller, f *casefile.File, n int) error {
	ctx, id := r.Context(), r.URL.Query().Get("delivery")
	var d handover.Record
	var err error
	if id == "" {
		d, err = h.HandOvers.Records.Put(ctx, h.HandOvers.Delivery(handover.NewID(), &f.Case, n, f.Case.Package.Volumes[n-1], c.actor()))
	} else if d, err = h.HandOvers.Records.Get(ctx, id); err == nil && (d.Tenant != c.tenant.Name || d.CaseID != f.Case.ID || d.Volume != n || d.By != c.actor()) {
		err = fault.New(fault.NotFound, "there is no such delivery")
	}
	if err == nil {
		d, err = h.HandOvers.Prepare(ctx, d)
	}
	if err != nil {
		return err
	}
	if d.State == handover.Waiting {
		return h.packageWaits(w, r, c, f, d, id == "")
	}
	a, err := h.HandOvers.Address(ctx, d)
	if err != nil {
		return err
	}
	given, err := h.HandOvers.Give(ctx, d.ID)
	if err != nil {
		return err
	}
	if err := h.record(ctx, c, act{Kind: packageRead, CaseID: f.Case.ID, Target: strconv.Itoa(n)}, given); err != nil {
		return err
	}
	http.Redirect(w, r, a.URL.Reveal(), http.StatusSeeOther) // to who may see the package
	return nil
}

// packageWaits shows that a volume is being prepared; a new delivery is first named in the address, so that looking again finds it.
func (h *Handler) packageWaits(w http.ResponseWriter, r *http.Request, c *caller, f *casefile.File, d handover.Record, isNew bool) error {
	here := c.caseURL(f.Case.ID, "/package/"+strconv.Itoa(d.Volume), "delivery", d.ID)
	if isNew {
		http.Redirect(w, r, here, http.StatusSeeOther)
		return nil
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	return h.Pages.ConsolePreparing(w, pages.ConsolePreparing{
		ConsoleFrame: fr, Reference: f.Case.Reference, Bytes: d.Bytes, BackURL: c.caseURL(f.Case.ID, "/response"),
		Refresh: pages.Refresh{Seconds: int(handovers.Refresh.Seconds()), URL: here},
	})
}
