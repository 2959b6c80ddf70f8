package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func (h *Handler) pageRoutes() []Route {
	page := h.page
	open := func(pattern string, f func(http.ResponseWriter, *http.Request) error) Route {
		return Route{Pattern: pattern, Open: true, serve: h.serveOpen(f)}
	}
	const v = " /console/"
	const one, task, system = v + "cases/{id}", v + "tasks/{id}/{task}", v + "systems/{name}"
	return append(slices.Concat(changeRoutes(h, page), proofRoutes(h, page), dutyRoutes(h, page)), []Route{
		open("GET"+v+"sign-in", h.askSignIn), open("POST"+v+"sign-in", h.takeSignIn), open("POST"+v+"sign-out", h.signOut),
		open("GET "+elsewherePath, h.leaveForIssuer), open("GET "+Callback, h.returnFromIssuer),
		page("GET"+v+"{$}", registry.ReadCases, h.now),
		page("GET"+v+"cases", registry.ReadCases, h.pageCases),
		page("GET"+one, registry.ReadCases, h.pageCase),
		page("POST"+one+"/messages", registry.HandleCases, h.takeMessage),
		page("GET"+one+"/response", registry.DecideCases, h.askResponse),
		page("POST"+one+"/response", registry.DecideCases, h.takeResponse),
		page("GET"+one+"/package/{volume}", registry.DecideCases, h.readPackage),
		page("GET"+one+"/extend", registry.HandleCases, h.askExtend),
		page("POST"+one+"/extend", registry.HandleCases, h.takeExtend),
		page("GET"+one+"/withdraw", registry.HandleCases, h.askWithdraw),
		page("POST"+one+"/withdraw", registry.HandleCases, h.takeWithdraw),
		page("GET"+one+"/letters/{letter}", registry.HandleCases, h.askLetter),
		page("POST"+one+"/letters/{letter}", registry.HandleCases, h.takeLetter),
		page("GET"+one+"/operator", registry.HandleCases, h.askOperator),
		page("POST"+one+"/operator", registry.HandleCases, h.takeOperator),
		page("GET"+one+"/evidence", registry.ReadEvidence, h.apiEvidence),
		page("GET"+one+"/notices/{recipient}", registry.ReadCases, h.askNotice),
		page("POST"+one+"/notices/{recipient}", registry.HandleCases, h.takeNotice),
		page("GET"+v+"recipients", registry.ReadSystems, h.pageRecipients),
		page("GET"+v+"recipients/{name}", registry.ReadSystems, h.pageRecipient),
		page("POST"+v+"recipients/{name}", registry.ChangeSystems, h.takeRecipient),
		page("GET"+v+"add-recipient", registry.ChangeSystems, h.askRecipient),
		page("POST"+v+"add-recipient", registry.ChangeSystems, h.takeRecipient),
		page("GET"+v+"tasks", registry.ReadCases, h.pageTasks),
		page("GET"+task, registry.HandleCases, h.askTask),
		page("POST"+task, registry.HandleCases, h.takeTask),
		page("GET"+v+"systems", registry.ReadSystems, h.pageSystems),
		page("GET"+system, registry.ReadSystems, h.pageSystem),
		page("POST"+system+"/check", registry.ChangeSystems, h.takeCheck),
		open(strings.TrimSpace(v), func(http.ResponseWriter, *http.Request) error {
			return fault.New(fault.NotFound, "there is no such page")
		}),
	}...)
}

// changeRoutes are the pages about changes of data: plans, pauses and holds.
func changeRoutes(h *Handler, page func(pattern string, p registry.Permission, f handler) Route) []Route {
	const v = " /console/"
	const one, hold = v + "cases/{id}", v + "holds/{id}"
	return []Route{
		page("GET"+one+"/plan", registry.ReadCases, h.pagePlan),
		page("POST"+one+"/plan", registry.DecideCases, h.takePlan),
		page("POST"+one+"/plan/edit", registry.HandleCases, h.takeEdit),
		page("GET"+one+"/plan/samples", registry.RevealData, h.askSamples),
		page("POST"+one+"/plan/samples", registry.RevealData, h.takeSamples),
		page("GET"+one+"/pause", registry.HandleCases, h.askPause),
		page("POST"+one+"/pause", registry.HandleCases, h.takePause),
		page("GET"+one+"/resume", registry.HandleCases, h.askResume),
		page("POST"+one+"/resume", registry.HandleCases, h.takeResume),
		page("GET"+one+"/proceed-without", registry.HandleCases, h.askProceed),
		page("POST"+one+"/proceed-without", registry.HandleCases, h.takeProceed),
		page("GET"+v+"holds", registry.ReadCases, h.pageHolds),
		page("GET"+v+"place-hold", registry.PlaceHolds, h.askHold),
		page("POST"+v+"place-hold", registry.PlaceHolds, h.takeHold),
		page("GET"+hold, registry.ReadCases, h.pageHold),
		page("POST"+hold, registry.RevealData, h.revealHold),
		page("GET"+hold+"/release", registry.PlaceHolds, h.askRelease),
		page("POST"+hold+"/release", registry.PlaceHolds, h.takeRelease),
	}
}

// servePage serves a page to a signed-in caller who has the permission; without a session it asks to sign in.
func (h *Handler) servePage(p registry.Permission, f handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
		w.Header().Set("Cache-Control", "no-store")
		c, err := h.caller(r, false)
		switch {
		case fault.Has(err, fault.Unauthenticated):
			_, cookie := r.Cookie(cookieName)
			err = h.showSignIn(w, r, pages.ConsoleSignIn{Ended: cookie == nil}, http.StatusUnauthorized)
		case err == nil:
			if err = c.allow(p); err == nil {
				err = f(w, r, c)
			}
		}
		if err != nil {
			h.failPage(w, r, c, err)
		}
	}
}

func (h *Handler) serveOpen(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
		w.Header().Set("Cache-Control", "no-store")
		if err := f(w, r); err != nil {
			h.failPage(w, r, nil, err)
		}
	}
}

// failPage answers an error with a page that says what happened and what to do.
func (h *Handler) failPage(w http.ResponseWriter, r *http.Request, c *caller, err error) {
	h.noteFailure(r, err)
	class := fault.ClassOf(err)
	status := fault.RuleFor(class).Status
	w.WriteHeader(status)
	if c == nil {
		f := pages.Frame{Lang: r.Header.Get("Accept-Language"), HomeURL: "/console/", Now: h.Now(), Demo: h.Demo, ManualClock: h.Manual}
		if class == fault.Throttled {
			err = h.Pages.RateLimited(w, pages.RateLimited{Frame: f, Wait: fault.WaitOf(err), BackURL: "/console/sign-in"})
		} else {
			err = h.Pages.ErrorPage(w, pages.ErrorPage{Frame: f, Status: status, Class: string(class), BackURL: "/console/"})
		}
	} else {
		f := h.bare(r, c, "")
		err = h.Pages.ConsoleError(w, pages.ConsoleError{ConsoleFrame: f, Status: status, Class: string(class), BackURL: c.url("/console/")})
	}
	if err != nil {
		web.Log(r.Context(), h.Log, "writing page failed", err)
	}
}

// url keeps the chosen tenant in an address of the console. More is names and values in turn.
func (c *caller) url(path string, more ...string) string {
	q := url.Values{}
	if c.chosen {
		q.Set("tenant", c.tenant.Name)
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (c *caller) caseURL(id, below string, more ...string) string {
	return c.url("/console/cases/"+url.PathEscape(id)+below, more...)
}

// bare is the frame of a console page without what has to be read.
func (h *Handler) bare(r *http.Request, c *caller, at pages.Section) pages.ConsoleFrame {
	f := pages.ConsoleFrame{Frame: pages.Frame{
		Lang: r.Header.Get("Accept-Language"), TenantName: c.tenant.Title, HomeURL: c.url("/console/"), Now: h.Now().In(c.zone),
		Demo: h.Demo, ManualClock: h.Manual, Session: &pages.Session{Name: c.staff.Email, SignOut: pages.Form{Action: "/console/sign-out"}},
	}, Nav: pages.Nav{Current: at}}
	if h.Demo {
		f.MailboxURL = "/dev/mailbox"
	}
	link := func(p registry.Permission, s pages.Section, path string) {
		if c.may(p) {
			f.Nav.Links = append(f.Nav.Links, pages.NavLink{Section: s, URL: c.url(path)})
		}
	}
	link(registry.ReadCases, pages.SectionNow, "/console/")
	link(registry.ReadCases, pages.SectionCases, "/console/cases")
	link(registry.ReadCases, pages.SectionTasks, "/console/tasks")
	link(registry.ReadSystems, pages.SectionSystems, "/console/systems")
	link(registry.ReadSystems, pages.SectionRecipients, "/console/recipients")
	link(registry.ReadCases, pages.SectionHolds, "/console/holds")
	link(registry.ReadCases, pages.SectionNumbers, "/console/numbers")
	link(registry.ReadCases, pages.SectionLaw, "/console/law")
	return f
}

// maxBadge is the highest number of waiting tasks that is counted for the navigation.
const maxBadge = 99

// frame is the frame of a console page, with what waits and what was just done.
func (h *Handler) frame(r *http.Request, c *caller, at pages.Section) (pages.ConsoleFrame, error) {
	f := h.bare(r, c, at)
	if n := pages.Notice(r.URL.Query().Get("done")); slices.Contains(pages.Notices(), n) {
		f.Notice = n
	}
	refs, _, err := h.Cases.PersonTasks(r.Context(), c.tenant.Name, maxBadge, "")
	if err != nil {
		return f, err
	}
	for i := range f.Nav.Links {
		if f.Nav.Links[i].Section == pages.SectionTasks {
			f.Nav.Links[i].Count = len(refs)
		}
	}
	return f, nil
}

// then goes on to a page that says what was done.
func (c *caller) then(w http.ResponseWriter, r *http.Request, path string, n pages.Notice) {
	http.Redirect(w, r, c.url(path, "done", string(n)), http.StatusSeeOther)
}

// shown converts an instant to the tenant's zone; the zero time stays zero.
func (c *caller) shown(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(c.zone)
}

func (h *Handler) due(c *caller, one *casefile.Case) pages.Due {
	return pages.Due{At: c.shown(one.Due.At), Law: strings.TrimSpace(h.lawTitle(one) + " " + one.Law.Assumption), SettledAt: c.shown(one.ClosedAt)}
}

// formErrors turns field errors into those of a form; rename maps names of the API to names of the form.
func formErrors(err error, rename map[string]string) (pages.Errors, bool) {
	fields := web.Fields{}
	if e := asFault(err); e != nil && e.Class == fault.Invalid && e.Field != "" {
		fields.Add(e.Field, e.Text)
	} else if f, ok := err.(web.Fields); ok { //nolint:errorlint // acts return it unwrapped
		fields = f
	}
	var out pages.Errors
	for _, f := range fields {
		name := strings.TrimPrefix(f.Pointer, "/")
		if to, ok := rename[name]; ok {
			name = to
		}
		p := pages.NotAllowed
		switch {
		case strings.Contains(f.Detail, "longer"):
			p = pages.TooLong
		case name == "outcome" || name == "ground" || name == "decision":
			p = pages.NotAChoice
		case strings.Contains(f.Detail, "empty") || name == "reason" || name == "identifier":
			p = pages.Missing
		}
		out = append(out, pages.FieldError{Field: name, Problem: p})
	}
	return out, len(out) > 0
}

func asFault(err error) *fault.Error {
	for err != nil {
		if e, ok := err.(*fault.Error); ok { //nolint:errorlint // the outermost one is wanted
			return e
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return nil
		}
		err = u.Unwrap()
	}
	return nil
}
