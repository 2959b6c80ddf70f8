package console

import (
	"context"
	"encoding/hex"
	"net/http"
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
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// pace is how long an attempt to sign in takes at least, whatever it finds.
const pace = 150 * time.Millisecond

func (h *Handler) askSignIn(w http.ResponseWriter, r *http.Request) error {
	return h.showSignIn(w, r, pages.ConsoleSignIn{Emergency: r.URL.Query().Get("way") == "password"}, http.StatusOK)
}

func (h *Handler) showSignIn(w http.ResponseWriter, r *http.Request, m pages.ConsoleSignIn, status int) error {
	m.Frame, m.Form = h.outside(r), pages.Form{Action: signInPath}
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		next = r.PostFormValue("next")
	}
	if local(next) {
		m.Form.Hidden = []pages.Hidden{{Name: "next", Value: next}}
	} else {
		next = ""
	}
	m.ByPassword, m.OIDCURL = true, h.elsewhereURL(next)
	if h.SignIn != nil {
		m.OIDC = h.SignIn.Name
		m.Emergency = m.Emergency && h.SignIn.Only
		if m.ByPassword = m.Emergency || !h.SignIn.Only; !m.ByPassword {
			m.EmergencyURL = signInPath + "?way=password"
		}
	}
	w.WriteHeader(status)
	return h.Pages.ConsoleSignIn(w, m)
}

// local reports whether an address to go on to is a page of the console, and nothing that leads elsewhere or does anything.
func local(next string) bool {
	return strings.HasPrefix(next, "/console/") && !strings.HasPrefix(next, "/console/sign-") && !strings.HasPrefix(next, elsewherePath) && len(next) < 500 && !strings.ContainsAny(next, "\\\r\n")
}

func (h *Handler) takeSignIn(w http.ResponseWriter, r *http.Request) error {
	email, password := strings.TrimSpace(r.PostFormValue("email")), redact.NewText(r.PostFormValue("password"))
	if email == "" || password.IsZero() {
		m := pages.ConsoleSignIn{Email: email, Emergency: true}
		for name, missing := range map[string]bool{"email": email == "", "password": password.IsZero()} {
			if missing {
				m.Errors = append(m.Errors, pages.FieldError{Field: name, Problem: pages.Missing})
			}
		}
		slices.SortFunc(m.Errors, func(a, b pages.FieldError) int { return strings.Compare(a.Field, b.Field) })
		return h.showSignIn(w, r, m, http.StatusBadRequest)
	}
	start := time.Now()
	token, err := h.signIn(r.Context(), email, web.ClientAddress(r), password)
	web.Pace(r.Context(), start, pace)
	if fault.Has(err, fault.Unauthenticated) {
		m := pages.ConsoleSignIn{Email: email, Emergency: true, Errors: pages.Errors{{Field: "password", Problem: pages.BadLogin}}}
		return h.showSignIn(w, r, m, http.StatusUnauthorized)
	}
	if err != nil {
		return err
	}
	h.setCookie(w, token)
	next := "/console/"
	if n := r.PostFormValue("next"); local(n) {
		next = n
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// signIn checks address and password and returns a session. fault.Unauthenticated when they do not fit, with the same work
// and words whether or not there is such an account.
func (h *Handler) signIn(ctx context.Context, email, network string, password redact.Text) (string, error) {
	tenants, err := h.Registry.Tenants(ctx)
	if err != nil {
		return "", err
	}
	if len(tenants) == 0 {
		return "", fault.New(fault.Misconfigured, "the installation has no tenant")
	}
	if err := h.countSignIn(ctx, tenants[0].Name, email, network); err != nil {
		return "", err
	}
	staff, err := h.Registry.StaffByEmail(ctx, email)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return "", err
	}
	fits, err := h.Passwords.Fits(ctx, staff.Password, password)
	if err != nil {
		return "", err
	}
	a := act{At: h.Now().UTC().Truncate(time.Millisecond), By: "unknown", Kind: signInFailed, Detail: wayPassword}
	if staff.ID != "" {
		a.By = evidence.Staff(staff.ID)
	}
	if !fits || staff.Disabled || !h.byPassword(staff) {
		if err := h.Cases.Table().Transact(ctx, everywhere(tenants, staff, a)...); err != nil {
			return "", err
		}
		return "", fault.New(fault.Unauthenticated, "the address or the password is wrong")
	}
	if h.SignIn == nil || !h.SignIn.Only {
		return h.openSession(ctx, staff, wayPassword)
	}
	h.Log.WarnContext(ctx, "an administrator signed in by password although staff sign in at the issuer only")
	return h.openSession(ctx, staff, wayGlass)
}

// everywhere are the audit rows of an act in every tenant that the member of staff belongs to; for an unknown one, in the
// first.
func everywhere(tenants []registry.Tenant, staff registry.Staff, a act) []table.Write {
	var rows []table.Write
	for _, t := range tenants[:min(len(tenants), room)] {
		if staff.ID == "" && len(rows) > 0 {
			break
		}
		if belongs(staff.Tenant, t.Name) {
			rows = append(rows, a.row(t.Name))
		}
	}
	return rows
}

// countSignIn counts a try against the address and the network, under keyed hashes.
func (h *Handler) countSignIn(ctx context.Context, tenant, email, network string) error {
	if len(h.Limits.PerAddress)+len(h.Limits.PerNetwork) == 0 {
		return nil
	}
	k, err := h.Cases.Vault().Tenant(ctx, tenant)
	if err != nil {
		return err
	}
	address := subject.Identifier{Kind: subject.Email, Value: redact.NewText(email)}.Normalise().Value.Reveal()
	hash := func(s string) string { return hex.EncodeToString(k.MAC("rate", []byte(s))) }
	return h.Sessions.Allow(ctx,
		session.Count{Key: "staff#a#" + hash(address), Limits: h.Limits.PerAddress},
		session.Count{Key: "staff#n#" + hash(network), Limits: h.Limits.PerNetwork})
}

func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	g, _ := h.grant(r, false) // whoever has no session leaves all the same
	if cookie, err := r.Cookie(cookieName); err == nil {
		if c, err := h.caller(r, false); err == nil {
			if err := h.record(r.Context(), c, act{Kind: signedOut}); err != nil {
				return err
			}
		}
		if err := h.Sessions.End(r.Context(), session.Staff, cookie.Value); err != nil {
			return err
		}
	}
	h.setCookie(w, "")
	if g.Elsewhere && h.SignIn != nil {
		m := pages.ConsoleSignIn{Left: true, LeaveURL: h.SignIn.Issuer.Leave(r.Context(), h.BaseURL+signInPath)}
		return h.showSignIn(w, r, m, http.StatusOK)
	}
	http.Redirect(w, r, signInPath, http.StatusSeeOther)
	return nil
}

// setCookie sets the session cookie, or removes it when token is empty. Lax, so that a link in a digest mail opens; every act
// is a POST, which Lax and the cross-origin check keep to pages of our own.
func (h *Handler) setCookie(w http.ResponseWriter, token string) {
	c := &http.Cookie{
		Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: strings.HasPrefix(h.BaseURL, "https:"),
		SameSite: http.SameSiteLaxMode, MaxAge: int(session.StaffLife.Seconds()),
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
