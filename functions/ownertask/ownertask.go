// Package ownertask is the page behind the link that the owner of a system gets: what is asked about whom, and a form for the
// answer with files. Whoever has a link may answer, so the page shows what the work needs and no more; once the task is over it
// shows nothing of the person.
//
// Files stream through the case's results key into the object store: they are never whole in memory, never plain on disk, and
// never opened. Names are sealed with the task. Looking at the page changes nothing, because mail scanners look too.
//
// Where the process takes small requests only, a large file goes by a form of its own into the inbox of the object store, and from
// there through the same checks; see package handovers.
package ownertask

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/owners"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// Handler serves the page. Everything is required but HandOvers, Demo and Manual.
type Handler struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Sessions *session.Store
	Owners   *owners.Desk
	Blobs    blobs.Store
	Files    *uploads.Desk
	Pages    *pages.Renderer
	Log      *slog.Logger
	BaseURL  string
	Limits   uploads.Limits
	Demo     bool
	Manual   bool
	// HandOvers lets owners put large files past the process; nil, or closed = every file streams through it.
	HandOvers *handovers.Desk
}

// Register adds the routes to a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	const at = owners.Path + "{token}"
	mux.HandleFunc("GET "+at, h.open(h.show))
	mux.HandleFunc("POST "+at, h.open(h.take))
	mux.HandleFunc("POST "+at+"/file", h.open(h.askFile))
	mux.HandleFunc("GET "+at+"/file/{id}", h.open(h.arrived))
	mux.HandleFunc("POST "+at+"/pass", h.open(h.passOn))
	mux.HandleFunc("POST "+at+"/question", h.open(h.askBack))
}

// visit is one call with a link: what the link stands for, and the task as it was read. A call reads the case again before it
// changes it.
type visit struct {
	grant  session.Grant
	file   *casefile.File
	task   *casefile.Task
	frame  pages.Frame
	action string // address of the page
}

type handler func(w http.ResponseWriter, r *http.Request, v *visit) error

// open finds the task of the link and calls serve while it may still be answered; otherwise it says why not.
func (h *Handler) open(serve handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		v, err := h.visit(r)
		if err != nil {
			h.fail(w, r, v, err)
			return
		}
		over, err := h.over(w, v)
		if !over && err == nil {
			err = serve(w, r, v)
		}
		if fault.Has(err, fault.Conflict) { // somebody was faster: say how it ended
			if again, verr := h.visit(r); verr == nil {
				if over, oerr := h.over(w, again); over {
					err = oerr
				}
			}
		}
		if err != nil {
			h.fail(w, r, v, err)
		}
	}
}

// over shows how the task ended, if it did.
func (h *Handler) over(w http.ResponseWriter, v *visit) (bool, error) {
	why, at := v.ended()
	if why == "" {
		return false, nil
	}
	m := pages.OwnerEnded{Frame: v.frame, Why: why, Reference: v.file.Case.Reference}
	if !at.IsZero() {
		m.At = at.In(v.frame.Now.Location())
	}
	if why == pages.OwnerPassed {
		w.WriteHeader(http.StatusGone)
	}
	return true, h.Pages.OwnerEnded(w, m)
}

// visit reads the task of the link. fault.NotFound when the link stands for nothing: it never was, has ended, or its case is gone.
func (h *Handler) visit(r *http.Request) (*visit, error) {
	v := &visit{frame: pages.Frame{Lang: r.Header.Get("Accept-Language"), Now: h.Cases.Now(), Demo: h.Demo, ManualClock: h.Manual}}
	unknown := fault.New(fault.NotFound, "this link leads nowhere")
	token := r.PathValue("token")
	g, err := h.Sessions.Get(r.Context(), session.Owner, token)
	if fault.Has(err, fault.Unauthenticated) {
		return v, unknown
	}
	if err != nil {
		return v, err
	}
	f, err := h.Cases.Load(r.Context(), g.Tenant, g.CaseID)
	if fault.Has(err, fault.NotFound) {
		return v, unknown
	}
	if err != nil {
		return v, err
	}
	t := f.Task(g.TaskID)
	if t == nil || t.Owner == nil || g.Holder < 1 || g.Holder > len(t.Owner.Holders) {
		return v, unknown
	}
	v.grant, v.file, v.task, v.action = g, f, t, owners.Path+url.PathEscape(token)
	v.frame, err = h.frame(r, g.Tenant)
	return v, err
}

func (h *Handler) frame(r *http.Request, tenant string) (pages.Frame, error) {
	t, err := h.Registry.Tenant(r.Context(), tenant)
	if err != nil {
		return pages.Frame{}, err
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return pages.Frame{}, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	f := pages.Frame{
		Lang: r.Header.Get("Accept-Language"), TenantName: t.Title, Now: h.Cases.Now().In(zone), Demo: h.Demo, ManualClock: h.Manual,
		Contact: pages.Contact{Email: t.Contact},
	}
	if h.Demo {
		f.MailboxURL = "/dev/mailbox"
	}
	return f, nil
}

// ended says why the task can no longer be answered by this link; "" while it can.
func (v *visit) ended() (why pages.OwnerEnd, at time.Time) {
	w := v.task.Owner
	switch {
	case v.grant.Holder != len(w.Holders):
		return pages.OwnerPassed, w.Holders[v.grant.Holder].Since
	case w.Answer != nil:
		return pages.OwnerAnswered, w.Answer.At
	case v.file.OwnerMay(v.task) != nil:
		return pages.OwnerSettled, time.Time{}
	}
	return "", time.Time{}
}

// fail answers an error with a page.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	class := fault.ClassOf(err)
	rule := fault.RuleFor(class)
	if rule.Status >= 500 {
		web.Log(r.Context(), h.Log, "owner's request failed", err)
	}
	web.RetryAfter(w, err)
	w.WriteHeader(rule.Status)
	var perr error
	switch {
	case class == fault.NotFound:
		perr = h.Pages.OwnerEnded(w, pages.OwnerEnded{Frame: v.frame, Why: pages.OwnerUnknown})
	case class == fault.Throttled:
		perr = h.Pages.RateLimited(w, pages.RateLimited{Frame: v.frame, Wait: fault.WaitOf(err), BackURL: v.action})
	default:
		perr = h.Pages.ErrorPage(w, pages.ErrorPage{Frame: v.frame, Status: rule.Status, Class: string(class), BackURL: v.action})
	}
	if perr != nil {
		web.Log(r.Context(), h.Log, "writing page failed", perr)
	}
}

// change changes the task under a fresh read, as long as the link is still that of its holder.
func (h *Handler) change(ctx context.Context, v *visit, do func(ctx context.Context, f *casefile.File, t *casefile.Task) error) error {
	return h.Files.Change(ctx, v.slot(), do)
}

// slot is what the link may add files to.
func (v *visit) slot() uploads.Slot {
	return uploads.Slot{Tenant: v.grant.Tenant, CaseID: v.grant.CaseID, TaskID: v.grant.TaskID, Holder: v.grant.Holder, Keys: v.file.Keys}
}
