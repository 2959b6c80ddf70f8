package console

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/table"
)

// The addresses of signing in elsewhere. Callback is what an issuer has on file, behind the address of the installation.
const (
	elsewherePath = "/console/oidc"
	Callback      = elsewherePath + "/callback"
	signInPath    = "/console/sign-in"
)

// problem is why somebody who came back is not signed in. By is the member of staff meant, if one is.
type problem struct {
	kind pages.SignInProblem
	by   registry.Staff
}

// leaveForIssuer sends a browser to the issuer. What the attempt hangs on stays in a cookie, and its hash in a row that works
// once.
func (h *Handler) leaveForIssuer(w http.ResponseWriter, r *http.Request) error {
	if err := h.elsewhere(r); err != nil {
		return err
	}
	tenants, err := h.Registry.Tenants(r.Context())
	if err != nil {
		return err
	}
	if err := h.countStart(r.Context(), tenants, web.ClientAddress(r)); err != nil {
		return err
	}
	browser := signin.NewBrowser()
	state, row, err := h.Sessions.Prepare(session.Grant{Kind: session.SignIn, Browser: signin.Bind(browser), ExpiresAt: h.Now().Add(signin.Life)})
	if err != nil {
		return err
	}
	a := signin.Attempt{State: redact.NewText(state), Browser: browser}
	to, err := h.SignIn.Issuer.Begin(r.Context(), a, h.BaseURL+Callback)
	if err != nil {
		return h.refuseSignIn(w, r, err, signin.Identity{}, problem{})
	}
	if err := h.Cases.Table().Transact(r.Context(), row); err != nil {
		return err
	}
	next := r.URL.Query().Get("next")
	if !local(next) {
		next = ""
	}
	h.keepAttempt(w, browser.Reveal()+"."+base64.RawURLEncoding.EncodeToString([]byte(next)))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// elsewhere refuses where staff do not sign in elsewhere, and where another page loads ours as something else than a page.
func (h *Handler) elsewhere(r *http.Request) error {
	if h.SignIn == nil {
		return fault.New(fault.NotFound, "there is no such page")
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" && dest != "document" {
		return fault.New(fault.Forbidden, "signing in is a page, not a part of one")
	}
	return nil
}

// returnFromIssuer takes a browser back. Coming from elsewhere by GET, it proves with its cookie that it is the one that left.
func (h *Handler) returnFromIssuer(w http.ResponseWriter, r *http.Request) error {
	if err := h.elsewhere(r); err != nil {
		return err
	}
	a, next := h.attempt(r)
	g, err := h.Sessions.Get(r.Context(), session.SignIn, a.State.Reveal())
	if err == nil && !a.Bound(g.Browser) {
		err = fault.New(fault.Unauthenticated, "the sign-in was begun in another browser")
	}
	if err == nil {
		h.keepAttempt(w, "")
		err = h.Cases.Table().Transact(r.Context(), g.Use())
	}
	if fault.Has(err, fault.Unauthenticated) || fault.Has(err, fault.Conflict) {
		if _, err := h.caller(r, false); err == nil { // the page was loaded again
			http.Redirect(w, r, "/console/", http.StatusSeeOther)
			return nil
		}
		return h.refuseSignIn(w, r, nil, signin.Identity{}, problem{kind: pages.SignInStale})
	}
	if err != nil {
		return err
	}
	id, err := h.identify(r, a)
	if err != nil {
		return h.refuseSignIn(w, r, err, id, problem{})
	}
	token, why, err := h.admit(r.Context(), id)
	if err != nil {
		return err
	}
	if why.kind != "" {
		return h.refuseSignIn(w, r, nil, id, why)
	}
	h.setCookie(w, token)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// identify asks the issuer who came back.
func (h *Handler) identify(r *http.Request, a signin.Attempt) (signin.Identity, error) {
	q := r.URL.Query()
	// An answer that names another issuer was meant for a client of that one (RFC 9207, 2.4).
	if iss := q.Get("iss"); iss != "" && iss != h.SignIn.Issuer.ID() {
		return signin.Identity{}, fault.New(fault.Unauthenticated, "the answer comes from another issuer")
	}
	if q.Get("error") != "" {
		return signin.Identity{}, errDeclined
	}
	return h.SignIn.Issuer.Finish(r.Context(), a, h.BaseURL+Callback, q.Get("code"))
}

// errDeclined says that the issuer did not sign somebody in. What it says about why is not shown: anybody can write it into an
// address.
var errDeclined = fault.New(fault.Unauthenticated, "the issuer did not sign anybody in")

// admit opens a session for the member of staff whose account at the issuer it is.
func (h *Handler) admit(ctx context.Context, id signin.Identity) (token string, why problem, err error) {
	staff, err := h.Registry.StaffBySubject(ctx, id.Issuer, id.Subject)
	if fault.Has(err, fault.NotFound) {
		staff, why, err = h.firstTime(ctx, id)
	}
	if err != nil || why.kind != "" {
		return "", why, err
	}
	if staff.Disabled {
		return "", problem{pages.SignInClosed, staff}, nil
	}
	token, err = h.openSession(ctx, staff, wayIssuer)
	return token, problem{}, err
}

// firstTime ties an account that comes for the first time to the member of staff with the address that the issuer vouches for.
func (h *Handler) firstTime(ctx context.Context, id signin.Identity) (registry.Staff, problem, error) {
	if id.Email.IsZero() {
		return registry.Staff{}, problem{kind: pages.SignInUnverified}, nil
	}
	staff, err := h.Registry.StaffByEmail(ctx, id.Email.Reveal())
	switch {
	case fault.Has(err, fault.NotFound):
		return registry.Staff{}, problem{kind: pages.SignInUnknown}, nil
	case err != nil:
		return registry.Staff{}, problem{}, err
	case staff.Disabled:
		return staff, problem{pages.SignInClosed, staff}, nil
	}
	tie, err := registry.TieStaff(staff, id.Issuer, id.Subject)
	if err == nil {
		var tenants []registry.Tenant
		if tenants, err = h.Registry.Tenants(ctx); err != nil {
			return registry.Staff{}, problem{}, err
		}
		a := act{At: h.Now().UTC().Truncate(time.Millisecond), By: evidence.Staff(staff.ID), Kind: staffTied}
		err = h.Cases.Table().Transact(ctx, append(everywhere(tenants, staff, a), tie...)...)
	}
	if fault.Has(err, fault.Conflict) {
		// Tied already: to this account, by the same person in another window, or to another one.
		if staff, err = h.Registry.StaffBySubject(ctx, id.Issuer, id.Subject); fault.Has(err, fault.NotFound) {
			staff, err = h.Registry.StaffByEmail(ctx, id.Email.Reveal())
			return staff, problem{pages.SignInTaken, staff}, err
		}
	}
	return staff, problem{}, err
}

// Ways of signing in, as the audit names them.
const (
	wayPassword = "password"
	wayIssuer   = "oidc"
	wayGlass    = "break_glass"
)

// openSession opens a session and records it everywhere.
func (h *Handler) openSession(ctx context.Context, staff registry.Staff, way string) (string, error) {
	tenants, err := h.Registry.Tenants(ctx)
	if err != nil {
		return "", err
	}
	a := act{At: h.Now().UTC().Truncate(time.Millisecond), By: evidence.Staff(staff.ID), Kind: signedIn, Detail: way}
	token, row, err := h.Sessions.Prepare(session.Grant{
		Kind: session.Staff, StaffID: staff.ID, Tenant: staff.Tenant, ExpiresAt: h.Now().Add(session.StaffLife), Elsewhere: way == wayIssuer,
	})
	if err != nil {
		return "", err
	}
	return token, h.Cases.Table().Transact(ctx, append(everywhere(tenants, staff, a), row)...)
}

// refuseSignIn says why somebody is not signed in: for why, or for what the issuer's err means. Who was proved by the issuer and is refused by us is recorded.
func (h *Handler) refuseSignIn(w http.ResponseWriter, r *http.Request, err error, id signin.Identity, why problem) error {
	status := http.StatusForbidden
	switch class := fault.ClassOf(err); {
	case why.kind == pages.SignInStale:
		status = http.StatusBadRequest
	case err == nil:
	case errors.Is(err, errDeclined):
		why.kind = pages.SignInDeclined
	case class == fault.Unauthenticated:
		why.kind, status = pages.SignInDoubt, http.StatusUnauthorized
	case class == fault.Forbidden:
		why.kind = pages.SignInWeak
	case class == fault.Unavailable:
		why.kind, status = pages.SignInDown, http.StatusServiceUnavailable
	case class == fault.Misconfigured:
		why.kind, status = pages.SignInSetup, http.StatusBadGateway
	default:
		return err
	}
	if err != nil {
		web.Log(r.Context(), h.Log, "signing in at the issuer failed", err)
	}
	if !id.Subject.IsZero() {
		if err := h.noteRefusal(r.Context(), id, why); err != nil {
			return err
		}
	}
	m := pages.ConsoleSignInProblem{Frame: h.outside(r), Problem: why.kind, Place: h.SignIn.Name, AgainURL: signInPath}
	if slices.Contains([]pages.SignInProblem{pages.SignInUnknown, pages.SignInUnverified, pages.SignInTaken}, why.kind) {
		m.Account = id.Subject.Reveal()
	}
	w.WriteHeader(status)
	return h.Pages.ConsoleSignInProblem(w, m)
}

func (h *Handler) noteRefusal(ctx context.Context, id signin.Identity, why problem) error {
	tenants, err := h.Registry.Tenants(ctx)
	if err != nil {
		return err
	}
	if why.by.ID == "" { // too weak a sign-in may still be somebody's
		if why.by, err = h.Registry.StaffBySubject(ctx, id.Issuer, id.Subject); err != nil && !fault.Has(err, fault.NotFound) {
			return err
		}
	}
	a := act{At: h.Now().UTC().Truncate(time.Millisecond), By: "unknown", Kind: signInFailed, Detail: wayIssuer + "_" + string(why.kind)}
	if why.by.ID != "" {
		a.By = evidence.Staff(why.by.ID)
	}
	return h.Cases.Table().Transact(ctx, everywhere(tenants, why.by, a)...)
}

// outside is the frame of a page for somebody who is not signed in.
func (h *Handler) outside(r *http.Request) pages.Frame {
	f := pages.Frame{Lang: r.Header.Get("Accept-Language"), Now: h.Now(), Demo: h.Demo, ManualClock: h.Manual}
	if h.Demo {
		f.MailboxURL = "/dev/mailbox"
	}
	return f
}

// countStart counts a sign-in that leaves for the issuer against the network, under a keyed hash.
func (h *Handler) countStart(ctx context.Context, tenants []registry.Tenant, network string) error {
	if len(tenants) == 0 {
		return fault.New(fault.Misconfigured, "the installation has no tenant")
	}
	if len(h.Limits.Starts) == 0 {
		return nil
	}
	k, err := h.Cases.Vault().Tenant(ctx, tenants[0].Name)
	if err != nil {
		return err
	}
	return h.Sessions.Allow(ctx, session.Count{Key: "staff#o#" + hex.EncodeToString(k.MAC("rate", []byte(network))), Limits: h.Limits.Starts})
}

// attemptCookie is the cookie of a sign-in on its way. The prefix keeps neighbours below the same domain from setting it.
func (h *Handler) attemptCookie() string {
	if strings.HasPrefix(h.BaseURL, "https:") {
		return "__Host-habeas_sign_in"
	}
	return "habeas_sign_in"
}

// keepAttempt sets the cookie of an attempt, or removes it when value is empty. Lax, because the browser comes back from
// elsewhere.
func (h *Handler) keepAttempt(w http.ResponseWriter, value string) {
	c := &http.Cookie{
		Name: h.attemptCookie(), Value: value, Path: "/", HttpOnly: true, Secure: strings.HasPrefix(h.BaseURL, "https:"),
		SameSite: http.SameSiteLaxMode, MaxAge: int(signin.Life.Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// attempt reads what came back: the state from the address, the rest from the cookie, with the page to go on to.
func (h *Handler) attempt(r *http.Request) (a signin.Attempt, next string) {
	a.State, next = redact.NewText(r.URL.Query().Get("state")), "/console/"
	c, err := r.Cookie(h.attemptCookie())
	if err != nil {
		return a, next
	}
	browser, rest, _ := strings.Cut(c.Value, ".")
	a.Browser = redact.NewText(browser)
	if to, err := base64.RawURLEncoding.DecodeString(rest); err == nil && local(string(to)) {
		next = string(to)
	}
	return a, next
}

// elsewhereURL leads to the issuer and from there on to next.
func (h *Handler) elsewhereURL(next string) string {
	if h.SignIn == nil {
		return ""
	}
	if next == "" {
		return elsewherePath
	}
	return elsewherePath + "?" + url.Values{"next": {next}}.Encode()
}

// byPassword reports whether the password of a member of staff is in force.
func (h *Handler) byPassword(m registry.Staff) bool {
	return h.SignIn == nil || !h.SignIn.Only || m.BreakGlass && slices.Contains(m.Roles, registry.Admin)
}

// room is what a transaction has for the rows of an audit beside the three that may be committed with them.
const room = table.MaxTransactionItems - 3
