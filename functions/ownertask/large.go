package ownertask

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// once is what all files of one form may have where a function takes the form: it gets at most 6 MB, base64 and the rest of the
// request included (AWS Lambda Developer Guide, "Lambda quotas").
const once = 4_000_000

// through are the limits of files that come through the process.
func (h *Handler) through() uploads.Limits {
	l := h.Limits
	if h.HandOvers.Open() {
		l.File = min(l.File, once)
	}
	return l
}

// askFile takes the name of a large file and answers with a form by which the browser sends the file to the object store. The name
// is asked for, because a browser tells it to the store alone, where names must not lie in the open.
func (h *Handler) askFile(w http.ResponseWriter, r *http.Request, v *visit) error {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
	in := typed{filename: strings.TrimSpace(r.PostFormValue("filename"))}
	name := uploads.CleanName(in.filename)
	switch {
	case !h.HandOvers.Open():
		return fault.New(fault.NotFound, "files of every size go through the page")
	case in.filename == "":
		in.wrong("filename", pages.Missing)
	case !uploads.Named(name):
		in.wrong("filename", pages.BadKind)
	}
	if len(in.errors) > 0 {
		return h.page(w, r, v, in)
	}
	// Each form lets as much as a file may have lie in the store for a while.
	if err := h.Sessions.Allow(r.Context(), session.Count{Key: "files#" + v.grant.Tenant + "#" + v.grant.TaskID, Limits: formLimits()}); err != nil {
		return err
	}
	at := owners.Path + url.PathEscape(r.PathValue("token")) + "/file/"
	form, err := h.HandOvers.Ask(r.Context(), v.slot(), name, func(id string) string { return h.BaseURL + at + id })
	if err != nil {
		return err
	}
	web.AllowForm(w, form.Origin())
	kinds, _ := uploads.Accepted()
	m := pages.OwnerFilePick{
		Frame: v.frame, Reference: v.file.Case.Reference, Name: name, Limit: h.HandOvers.Limits.File, Kinds: kinds,
		Form: pages.Form{Action: form.URL.Reveal()}, ExpiresAt: v.frame.Now.Add(time.Until(form.ExpiresAt)), BackURL: v.action,
	}
	for _, f := range form.Fields {
		m.Form.Hidden = append(m.Form.Hidden, pages.Hidden{Name: f.Name, Value: f.Value.Reveal()})
	}
	return h.Pages.OwnerFilePick(w, m)
}

// formLimits bound the forms of a task.
func formLimits() []verification.Limit {
	return []verification.Limit{{Max: 20, Per: time.Hour}, {Max: 100, Per: 24 * time.Hour}}
}

// arrived is where the object store sends the browser once the file is there. No mail holds this address, and it works until the file
// was taken or refused; then it leads back to the task, which says so.
func (h *Handler) arrived(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !h.HandOvers.Open() {
		return fault.New(fault.NotFound, "files of every size go through the page")
	}
	got, _, err := h.HandOvers.Arrived(r.Context(), v.slot(), r.PathValue("id"))
	if err != nil {
		return err
	}
	m := pages.OwnerFileWait{Frame: v.frame, Reference: v.file.Case.Reference, BackURL: v.action}
	switch got {
	case handovers.Settled:
		back(w, r, "")
		return nil
	case handovers.Missing:
		m.Missing = true
	case handovers.Checking:
		m.Refresh = pages.Refresh{Seconds: int(handovers.Refresh.Seconds()), URL: r.URL.Path}
	}
	return h.Pages.OwnerFileWait(w, m)
}

// refusedBefore are the files that came on their own and were not taken.
func refusedBefore(v *visit) ([]pages.RefusedFile, error) {
	var out []pages.RefusedFile
	for _, u := range v.task.Owner.Refused {
		name, err := v.file.RefusedName(v.task, u)
		if err != nil {
			return nil, err
		}
		out = append(out, pages.RefusedFile{Name: name.Reveal(), Why: pages.Problem(u.Why)})
	}
	return out, nil
}
