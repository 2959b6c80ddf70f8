package portal

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/statute/clockpage"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
)

func (h *Handler) request(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
	return h.showRequest(w, r, f, "", nil)
}

func (h *Handler) showRequest(w http.ResponseWriter, r *http.Request, f *casefile.File, text string, errs pages.Errors) error {
	v, err := h.view(r, f)
	if err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	c := f.Case
	refusal, err := f.Reason(c.Refusal)
	if err != nil {
		return err
	}
	complaint, err := h.complaint(r, c)
	if err != nil {
		return err
	}
	zone := fr.Now.Location()
	at := requestPath(r, c.Reference)
	m := pages.PortalRequest{
		Frame: fr, Reference: c.Reference, Right: c.Right, Status: c.Status, Why: why(v.JoinedTo, refusal),
		Due:   pages.Due{At: inZone(c.Due.At, zone), Law: h.law(c), SettledAt: inZone(c.ClosedAt, zone)},
		Clock: clockpage.Of(&c, h.Packs, zone), Because: clockpage.Because(&c), OtherLaws: clockpage.OtherLaws(&c, h.Packs),
		Systems: progress.Pages(v.Systems), MessageForm: pages.Form{Action: at + "/messages"}, MessageText: text, Errors: errs,
		ReceiptURL: at + "/evidence", Complaint: complaint,
	}
	for i := range m.Systems {
		s := &m.Systems[i]
		s.Since, s.AskedAt, s.AnswerBy = inZone(s.Since, zone), inZone(s.AskedAt, zone), inZone(s.AnswerBy, zone)
	}
	if c.Withdrawal != nil && c.Stopping() {
		m.Status, m.MessageForm = dsar.Withdrawn, pages.Form{} // it ends before the next step, which may be under way
	}
	if m.Status == dsar.Withdrawn || m.Status == dsar.Expired {
		m.Over = true
		m.Systems = slices.DeleteFunc(m.Systems, func(s pages.SystemProgress) bool { return s.Outcome == "" })
	}
	phased(&m, f, v, at)
	if openItem(f) != nil {
		m.ProveURL = at + "/prove"
	}
	if len(errs) > 0 {
		m.StatementText = r.PostFormValue("statement")
	}
	told(&m, v, zone)
	showDuties(&m, v.dutiesView, at, zone)
	if c.Open() && !c.Answered && !c.Stopping() {
		m.WithdrawURL = at + "/withdraw"
	}
	if p, _, err := h.packageOf(r.Context(), f); err == nil {
		m.Package = &pages.Package{Ready: true, URL: at + "/download", Records: int(p.Records), ExpiresAt: p.ExpiresAt.In(zone), Volumes: volumes(p)}
	}
	return h.Pages.PortalRequest(w, m)
}

// told adds what was said: why the date is what it is, to whom word went, the conversation.
func told(m *pages.PortalRequest, v statusView, zone *time.Location) {
	for _, s := range v.Explanation {
		m.Steps = append(m.Steps, pages.Step{Text: s.Text, Citation: s.Citation})
	}
	for _, rec := range v.Recipients {
		m.Recipients = append(m.Recipients, rec.page)
	}
	for _, msg := range v.Messages {
		from := pages.FromTeam
		if msg.From == "subject" {
			from = pages.FromSubject
		}
		m.Messages = append(m.Messages, pages.Message{From: from, At: msg.At.In(zone), Text: msg.Text, Statement: msg.Statement})
	}
}

func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}

func volumes(p casefile.Package) []pages.Volume {
	var out []pages.Volume
	for n, v := range p.Volumes {
		out = append(out, pages.Volume{Number: n + 1, Bytes: v.Bytes})
	}
	return out
}

// law names the law of the case in words, with its assumption when there is one.
func (h *Handler) law(c casefile.Case) string {
	pack, err := h.Packs.At(policy.ID(c.Law.Pack), policy.Version(c.Law.Version))
	if err != nil {
		return ""
	}
	if c.Law.Assumption == "" {
		return pack.Law
	}
	return pack.Law + ". " + c.Law.Assumption
}

// complaint says where to turn under the law of the case; none before the law is known. What the tenant says of its
// authority stands in place of the pack's words.
func (h *Handler) complaint(r *http.Request, c casefile.Case) ([]pages.Complaint, error) {
	pack, err := h.Packs.At(policy.ID(c.Law.Pack), policy.Version(c.Law.Version))
	if fault.Has(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tenant, err := h.Registry.Tenant(r.Context(), c.Tenant)
	if err != nil {
		return nil, err
	}
	var out []pages.Complaint
	add := func(route *policy.Route) {
		if route != nil {
			text, _ := route.Text.In(h.Pages.Language(r.Header.Get("Accept-Language")))
			out = append(out, pages.Complaint{Text: text, Name: route.Name, URL: route.URL})
		}
	}
	add(pack.Complaint.Internal)
	if own := tenant.Facts.Authority; own != "" {
		out = append(out, pages.Complaint{Text: own})
	} else {
		add(pack.Complaint.Authority)
	}
	add(pack.Complaint.Court)
	return out, nil
}

func why(joined string, refusal redact.Text) string {
	if joined != "" {
		return "This request was joined to your request " + joined + ". One answer serves both."
	}
	return refusal.Reveal() // to the person it was given to
}

func (h *Handler) askWithdraw(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	at := requestPath(r, f.Case.Reference)
	return h.Pages.PortalWithdraw(w, pages.PortalWithdraw{
		Frame: fr, Form: pages.Form{Action: at + "/withdraw"}, Reference: f.Case.Reference, Right: f.Case.Right, BackURL: at,
	})
}

func (h *Handler) takeWithdraw(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	var reason redact.Text
	if s := strings.TrimSpace(r.PostFormValue("reason")); s != "" {
		var err error
		if reason, err = intake.Message("/reason", s); err != nil {
			return err
		}
	}
	if err := h.withdraw(r.Context(), g, reason); err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	return h.Pages.PortalWithdrawn(w, pages.PortalWithdrawn{Frame: fr, Reference: f.Case.Reference, StartURL: fr.HomeURL})
}

func (h *Handler) takeMessage(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	if r.PostFormValue("kind") == "statement" {
		return h.takeStatement(w, r, g, f)
	}
	typed := r.PostFormValue("text")
	text, err := intake.Message("/text", typed)
	if err != nil {
		problem := pages.NotAllowed
		if strings.TrimSpace(typed) == "" {
			problem = pages.Missing
		} else if len(typed) > 4000 {
			problem = pages.TooLong
		}
		w.WriteHeader(http.StatusBadRequest)
		return h.showRequest(w, r, f, typed, pages.Errors{{Field: "text", Problem: problem}})
	}
	if err := h.say(r.Context(), g, text); err != nil {
		return err
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	return h.Pages.PortalMessageSent(w, pages.PortalMessageSent{Frame: fr, Reference: f.Case.Reference, RequestURL: requestPath(r, f.Case.Reference)})
}

// takeDownload makes the single-use link. An older session is asked for a fresh code first.
func (h *Handler) takeDownload(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	token, err := h.link(r.Context(), g, f)
	if fault.Has(err, fault.Unauthenticated) {
		fr, err := h.signedIn(r, f)
		if err != nil {
			return err
		}
		at := requestPath(r, f.Case.Reference)
		w.WriteHeader(http.StatusUnauthorized)
		return h.Pages.PortalSessionEnded(w, pages.PortalSessionEnded{Frame: fr, Stale: true, Reference: f.Case.Reference, Resend: pages.Form{Action: at + "/resend"}})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, tenantPath(r)+"download/"+token, http.StatusSeeOther)
	return nil
}

// askDownload shows what a link leads to. It changes nothing: mail scanners and previews look at links too.
func (h *Handler) askDownload(w http.ResponseWriter, r *http.Request) error {
	if n, err := strconv.Atoi(r.URL.Query().Get("volume")); err == nil && h.HandOvers.Open() {
		if done, err := h.lookAtDelivery(w, r, n); done || err != nil {
			return err
		}
	}
	g, err := h.download(r)
	if fault.Has(err, fault.Unauthenticated) {
		return h.gone(w, r, pages.GoneUsed)
	}
	if err != nil {
		return err
	}
	c, err := h.Cases.Case(r.Context(), g.Tenant, g.CaseID)
	if err != nil {
		return err
	}
	if held, err := h.holds(r, g); err != nil || !held {
		if err != nil {
			return err
		}
		return h.sessionEndedOf(w, r, c.Reference)
	}
	pack := c.Download()
	if pack == nil {
		return h.gone(w, r, pages.GoneExpired)
	}
	fr, err := h.frame(r)
	if err != nil {
		return err
	}
	left := map[int]bool{}
	for _, n := range g.Left {
		left[n] = true
	}
	m := pages.PortalDownload{
		Frame: fr, Form: pages.Form{Action: r.URL.Path}, Reference: c.Reference, Records: int(pack.Records),
		ExpiresAt: g.ExpiresAt.In(fr.Now.Location()), RequestURL: requestPath(r, c.Reference),
	}
	for _, v := range volumes(*pack) {
		if left[v.Number] {
			m.Volumes = append(m.Volumes, v)
		}
	}
	if c.Plan != nil {
		m.Systems = len(c.Plan.Systems)
	}
	return h.Pages.PortalDownload(w, m)
}

func (h *Handler) download(r *http.Request) (session.Grant, error) {
	g, err := h.Sessions.Get(r.Context(), session.Download, r.PathValue("token"))
	if err == nil && g.Tenant != r.PathValue("tenant") {
		return g, fault.New(fault.Unauthenticated, "this link belongs elsewhere")
	}
	return g, err
}

// holds reports whether the caller has the session of the request that the link was made for. A link by itself opens
// nothing, so that it can be forwarded or lie in a history without harm.
func (h *Handler) holds(r *http.Request, g session.Grant) (bool, error) {
	token := web.Bearer(r)
	if c, err := r.Cookie(cookieName); err == nil && token == "" {
		token = c.Value
	}
	s, err := h.Sessions.Get(r.Context(), session.Subject, token)
	if fault.Has(err, fault.Unauthenticated) {
		return false, nil
	}
	if err != nil || s.Tenant != g.Tenant {
		return false, err
	}
	if s.CaseID == g.CaseID {
		return true, nil
	}
	c, err := h.Cases.Case(r.Context(), s.Tenant, s.CaseID)
	if fault.Has(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && c.MergedInto == g.CaseID, err // the answer of a joined request is that of the older one
}

// askProof answers somebody who holds a link without its session: a code goes to the verified address, and nothing else
// happens.
func (h *Handler) askProof(w http.ResponseWriter, r *http.Request, g session.Grant) error {
	c, err := h.Cases.Case(r.Context(), g.Tenant, g.CaseID)
	if err != nil {
		return err
	}
	if err := h.reissue(r.Context(), g.Tenant, c.Reference, web.ClientAddress(r)); err != nil {
		return err
	}
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && mt == "application/json" {
		web.WriteProblem(w, fault.New(fault.Unauthenticated, "a link opens with the session of its request only; a code was sent to the verified address"))
		return nil
	}
	fr, err := h.frame(r)
	if err != nil {
		return err
	}
	at := requestPath(r, c.Reference)
	w.WriteHeader(http.StatusUnauthorized)
	return h.Pages.PortalCode(w, pages.PortalCode{
		Frame: fr, Reason: pages.CodeDownload, Reference: c.Reference, Known: true, StartURL: fr.HomeURL,
		Form: pages.Form{Action: at + "/code"}, Resend: pages.Form{Action: at + "/resend"},
	})
}

// takeVolume hands out one volume, once.
func (h *Handler) takeVolume(w http.ResponseWriter, r *http.Request) error {
	if h.HandOvers.Open() {
		return h.deliver(w, r)
	}
	g, err := h.download(r)
	if fault.Has(err, fault.Unauthenticated) {
		return h.gone(w, r, pages.GoneUsed)
	}
	if err != nil {
		return err
	}
	if held, err := h.holds(r, g); err != nil || !held {
		if err != nil {
			return err
		}
		return h.askProof(w, r, g)
	}
	n, err := volumeNumber(w, r)
	if err != nil {
		return err
	}
	v, body, err := h.volume(r.Context(), g, n)
	if fault.Has(err, fault.NotFound) || fault.Has(err, fault.Conflict) {
		return h.gone(w, r, pages.GoneUsed)
	}
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	head := w.Header()
	head.Set("Content-Type", "application/zip")
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": v.Name}))
	head.Set("Content-Length", strconv.FormatInt(v.Bytes, 10))
	head.Set("Cache-Control", "no-store")
	if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil && !isUnsupported(err) {
		return fmt.Errorf("preparing download: %w", err)
	}
	if _, err := io.Copy(w, body); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: only a broken connection tells that it is not whole
	}
	return nil
}

func (h *Handler) evidence(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	return h.apiEvidence(w, r, g, f)
}

func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	if c, err := r.Cookie(cookieName); err == nil {
		if err := h.Sessions.End(r.Context(), session.Subject, c.Value); err != nil {
			return err
		}
	}
	h.setCookie(w, r, "")
	http.Redirect(w, r, tenantPath(r), http.StatusSeeOther)
	return nil
}
