package portal

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/session"
)

// cookieName is the cookie of a data subject's session, bound to the tenant's path.
const cookieName = "habeas_request"

type handler func(w http.ResponseWriter, r *http.Request) error

type sessionHandler func(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error

// Route is one route with who may use it, for the table that tests walk.
type Route struct {
	Pattern string
	Session bool // needs a data subject's session
	serve   http.HandlerFunc
}

// Routes returns every route of the portal and the public API.
func (h *Handler) Routes() []Route {
	page := func(p string, f handler) Route { return Route{p, false, h.open(f, h.failPage)} }
	mine := func(p string, f sessionHandler) Route { return Route{p, true, h.open(h.byCookie(f), h.failPage)} }
	call := func(p string, f handler) Route { return Route{p, false, h.open(f, failCall)} }
	own := func(p string, f sessionHandler) Route { return Route{p, true, h.open(h.byToken(f), failCall)} }
	const t, ref = "/t/{tenant}/", "/t/{tenant}/requests/{reference}"
	const api = "/t/{tenant}/api/v1/requests"
	routes := []Route{
		page("GET "+t+"{$}", h.start), page("GET "+t+"request", h.askRight), page("POST "+t+"request", h.advance),
		page("GET "+t+"find", h.askReference), page("POST "+t+"find", h.findReference), page("POST "+t+"signout", h.signOut),
		page("GET "+ref+"/sent", h.sent), page("GET "+ref+"/return", h.askReturn), page("POST "+ref+"/resend", h.resend),
		page("GET "+ref+"/code", h.askCode), page("POST "+ref+"/code", h.takeCode),
		page("GET "+ref+"/confirm", h.askConfirm), page("POST "+ref+"/confirm", h.takeConfirm),
		mine("GET "+ref, h.request), mine("GET "+ref+"/withdraw", h.askWithdraw), mine("POST "+ref+"/withdraw", h.takeWithdraw),
		mine("POST "+ref+"/messages", h.takeMessage), mine("GET "+ref+"/evidence", h.evidence),
		mine("GET "+ref+"/download", h.takeDownload), mine("POST "+ref+"/download", h.takeDownload),
		mine("GET "+ref+"/prove", h.askProve),
		{"POST " + ref + "/prove", true, h.opened(maxDocument+web.MaxBody, h.byCookie(h.takeProve), h.failPage)},
		own("POST "+api+"/{reference}/proof", h.apiProof),
		page("GET "+ref+"/cancel", h.askCancel), page("POST "+ref+"/cancel", h.takeCancel),
		page("GET "+t+"download/{token}", h.askDownload), page("POST "+t+"download/{token}", h.takeVolume),
		call("GET "+t+"api/v1/signal", h.apiSignal),
		call("POST "+api, h.apiSubmit), call("POST "+api+"/{reference}/verification", h.apiVerify),
		call("POST "+api+"/{reference}/code", h.apiReissue),
		own("GET "+api+"/{reference}", h.apiStatus), own("POST "+api+"/{reference}/withdrawal", h.apiWithdraw),
		own("POST "+api+"/{reference}/messages", h.apiMessage), own("POST "+api+"/{reference}/package", h.apiPackage),
		own("GET "+api+"/{reference}/evidence", h.apiEvidence),
	}
	routes = append(routes, h.dutyRoutes(mine, own)...)
	known := http.NewServeMux()
	for _, r := range routes {
		known.Handle(r.Pattern, http.NotFoundHandler())
	}
	nowhere := func(w http.ResponseWriter, r *http.Request) error {
		if allow := methods(known, r); len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			return errMethod
		}
		return fault.New(fault.NotFound, "there is no such page")
	}
	return append(routes, page(t, nowhere), call(t+"api/", nowhere))
}

var errMethod = fault.New(fault.NotFound, "this address takes other methods")

// methods returns what may be done with the address of the request.
func methods(known *http.ServeMux, r *http.Request) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := *r
		other.Method = m
		if _, pattern := known.Handler(&other); pattern != "" {
			out = append(out, m)
		}
	}
	return out
}

// Register adds the routes to a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	for _, r := range h.Routes() {
		mux.HandleFunc(r.Pattern, r.serve)
	}
}

// open checks that the tenant exists and bounds the body before f runs; fail answers its error.
func (h *Handler) open(f handler, fail func(http.ResponseWriter, *http.Request, error)) http.HandlerFunc {
	return h.opened(web.MaxBody, f, fail)
}

// opened is open with a bound of its own for the body.
func (h *Handler) opened(limit int64, f handler, fail func(http.ResponseWriter, *http.Request, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		_, err := h.Registry.Tenant(r.Context(), r.PathValue("tenant"))
		if err == nil {
			err = f(w, r)
		}
		if err == nil {
			return
		}
		if rule := fault.RuleFor(fault.ClassOf(err)); rule.Status >= 500 {
			web.Log(r.Context(), h.Log, "portal request failed", err)
		}
		fail(w, r, err)
	}
}

// byToken serves a call with the session of its bearer token.
func (h *Handler) byToken(f sessionHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		g, file, err := h.grant(r.Context(), r.PathValue("tenant"), r.PathValue("reference"), web.Bearer(r))
		if err != nil {
			return err
		}
		return f(w, r, g, file)
	}
}

// byCookie serves a page with the session of its cookie; without one it asks for a code.
func (h *Handler) byCookie(f sessionHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		token := ""
		if c, err := r.Cookie(cookieName); err == nil {
			token = c.Value
		}
		g, file, err := h.grant(r.Context(), r.PathValue("tenant"), r.PathValue("reference"), token)
		if fault.Has(err, fault.Unauthenticated) {
			return h.sessionEnded(w, r)
		}
		if err != nil {
			return err
		}
		return f(w, r, g, file)
	}
}

func (h *Handler) sessionEnded(w http.ResponseWriter, r *http.Request) error {
	ref, ok := dsar.CleanReference(r.PathValue("reference"))
	if !ok {
		return fault.New(fault.NotFound, "this is no reference")
	}
	return h.sessionEndedOf(w, r, ref)
}

// sessionEndedOf asks for a new code for the request.
func (h *Handler) sessionEndedOf(w http.ResponseWriter, r *http.Request, ref string) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusUnauthorized)
	return h.Pages.PortalSessionEnded(w, pages.PortalSessionEnded{
		Frame: f, Reference: ref, Resend: pages.Form{Action: requestPath(r, ref) + "/resend"}, ReturnURL: f.HomeURL + "find",
	})
}

func failCall(w http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, errMethod) {
		web.WriteMethodNotAllowed(w)
		return
	}
	web.WriteProblem(w, err)
}

// failPage answers an error with a page that says what happened and what to do.
func (h *Handler) failPage(w http.ResponseWriter, r *http.Request, err error) {
	class := fault.ClassOf(err)
	rule := fault.RuleFor(class)
	f, ferr := h.frame(r)
	if ferr != nil {
		f = pages.Frame{Lang: r.Header.Get("Accept-Language"), Now: h.Cases.Now(), Demo: h.Demo, ManualClock: h.Manual}
		if fault.Has(ferr, fault.NotFound) {
			w.WriteHeader(http.StatusNotFound)
			h.write(w, r, h.Pages.Landing(w, pages.Landing{Frame: f, Unknown: true}))
			return
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	web.RetryAfter(w, err)
	if errors.Is(err, errMethod) {
		rule.Status = http.StatusMethodNotAllowed
	}
	w.WriteHeader(rule.Status)
	if class == fault.Throttled {
		h.write(w, r, h.Pages.RateLimited(w, pages.RateLimited{Frame: f, Wait: fault.WaitOf(err), BackURL: f.HomeURL}))
		return
	}
	h.write(w, r, h.Pages.ErrorPage(w, pages.ErrorPage{Frame: f, Status: rule.Status, Class: string(class), BackURL: f.HomeURL}))
}

func (h *Handler) write(_ http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		web.Log(r.Context(), h.Log, "writing page failed", err)
	}
}

// frame is what every page of the tenant carries.
func (h *Handler) frame(r *http.Request) (pages.Frame, error) {
	t, err := h.Registry.Tenant(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return pages.Frame{}, err
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return pages.Frame{}, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	f := pages.Frame{
		Lang: r.Header.Get("Accept-Language"), TenantName: t.Title, HomeURL: tenantPath(r), Now: h.Cases.Now().In(zone),
		Demo: h.Demo, ManualClock: h.Manual, Contact: pages.Contact{Email: t.Contact},
	}
	if h.Demo {
		f.MailboxURL = "/dev/mailbox"
	}
	return f, nil
}

// framed returns the frame and the reference of the path in its stored form.
func (h *Handler) framed(r *http.Request) (pages.Frame, string, error) {
	f, err := h.frame(r)
	if err != nil {
		return f, "", err
	}
	ref, ok := dsar.CleanReference(r.PathValue("reference"))
	if !ok {
		return f, "", fault.New(fault.NotFound, "this is no reference")
	}
	return f, ref, nil
}

func (h *Handler) signedIn(r *http.Request, file *casefile.File) (pages.Frame, error) {
	f, err := h.frame(r)
	f.Session = &pages.Session{Name: file.Case.Reference, SignOut: pages.Form{Action: f.HomeURL + "signout"}}
	return f, err
}

func tenantPath(r *http.Request) string { return "/t/" + url.PathEscape(r.PathValue("tenant")) + "/" }

func requestPath(r *http.Request, reference string) string {
	return tenantPath(r) + "requests/" + url.PathEscape(reference)
}

// setCookie sets the session cookie, or removes it when token is empty.
func (h *Handler) setCookie(w http.ResponseWriter, r *http.Request, token string) {
	c := &http.Cookie{
		Name: cookieName, Value: token, Path: tenantPath(r), HttpOnly: true, Secure: strings.HasPrefix(h.BaseURL, "https:"),
		SameSite: http.SameSiteLaxMode, MaxAge: int(h.Desk.Rules.SessionLife.Seconds()),
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// firstLanguage returns the first language of an Accept-Language header, or "" when it names none that a case can keep.
func firstLanguage(header string) string {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return ""
	}
	base, script, region := tags[0].Raw()
	tag, err := language.Compose(base, script, region)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}

// volumeParam reads the volume from a form or from JSON ({"volume": 2}); empty when none is named.
func volumeParam(w http.ResponseWriter, r *http.Request) (string, error) {
	mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // no media type at all is a form's business
	if mt != "application/json" {
		return r.PostFormValue("volume"), nil
	}
	var in struct {
		Volume json.Number `json:"volume"`
	}
	if err := web.ReadJSON(w, r, &in); err != nil {
		return "", err
	}
	return in.Volume.String(), nil
}

// volumeNumber is volumeParam as a number; 1 when none is named.
func volumeNumber(w http.ResponseWriter, r *http.Request) (int, error) {
	s, err := volumeParam(w, r)
	if err != nil || s == "" {
		return 1, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fault.InvalidField("/volume", "a volume is a number from 1")
	}
	return n, nil
}

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
