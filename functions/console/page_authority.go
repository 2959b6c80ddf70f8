package console

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/registry"
)

const authorities = "/console/authority-requests"

func authorityPath(id string) string { return authorities + "/" + url.PathEscape(id) }

// authorityRow is a request as a page shows it.
func (h *Handler) authorityRow(c *caller, q authority.Request) pages.AuthorityRow {
	row := pages.AuthorityRow{
		URL: c.url(authorityPath(q.ID)), State: string(q.State), Kind: string(q.Kind), Country: q.Country, ReceivedAt: c.shown(q.ReceivedAt), DueOn: q.DueOn,
		Overdue: q.DueOn != "" && (q.State == authority.Received || q.State == authority.Approved) && overdue(q.DueOn, h.today(c)),
	}
	if q.Review != nil {
		row.Decision = string(q.Review.Decision)
	}
	return row
}

func (h *Handler) pageAuthorities(w http.ResponseWriter, r *http.Request, c *caller) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	cursor := r.URL.Query().Get("cursor")
	list, next, err := h.Authorities.List(r.Context(), c.tenant.Name, "", maxLimit, cursor)
	if err != nil {
		return err
	}
	m := pages.ConsoleAuthorities{ConsoleFrame: fr, CSVURL: c.url(authorities + "/register"), BackURL: c.url("/console/holds")}
	for _, q := range list {
		m.Rows = append(m.Rows, h.authorityRow(c, q))
	}
	if c.may(registry.HandleCases) {
		m.TakeURL = c.url("/console/take-authority-request")
	}
	if next != "" {
		m.Paging.Next = c.url(authorities, "cursor", next)
	}
	if cursor != "" {
		m.Paging.First = c.url(authorities)
	}
	return h.Pages.ConsoleAuthorities(w, m)
}

func (h *Handler) askAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showTakeAuthority(w, r, c, pages.ConsoleTakeAuthority{})
}

func (h *Handler) showTakeAuthority(w http.ResponseWriter, r *http.Request, c *caller, m pages.ConsoleTakeAuthority) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	m.ConsoleFrame, m.Form, m.BackURL = fr, pages.Form{Action: c.url("/console/take-authority-request")}, c.url(authorities)
	return h.bad(w, m.Errors, func() error { return h.Pages.ConsoleTakeAuthority(w, m) })
}

func (h *Handler) takeAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	m := pages.ConsoleTakeAuthority{
		Authority: v("authority"), Country: strings.ToUpper(v("country")), Kind: v("kind"), LegalBasis: v("legalBasis"), Scope: v("scope"), Gag: v("gag") == "yes",
		GagBasis: v("gagBasis"), ReceivedAt: v("receivedAt"), DueOn: v("dueOn"),
	}
	_, id, err := h.recordAuthority(r.Context(), c, authorityBody{
		Authority: m.Authority, Country: m.Country, Kind: authority.Kind(m.Kind), LegalBasis: m.LegalBasis, Scope: m.Scope, Gag: m.Gag, GagBasis: m.GagBasis,
		ReceivedAt: m.ReceivedAt, DueOn: m.DueOn,
	})
	if errs, ok := authorityErrors(r, err); ok {
		m.Errors = errs
		return h.showTakeAuthority(w, r, c, m)
	}
	if err != nil {
		return err
	}
	c.then(w, r, authorityPath(id), pages.NoticeAuthority)
	return nil
}

// authorityErrors is formErrors with an empty field told from a wrong one.
func authorityErrors(r *http.Request, err error) (pages.Errors, bool) {
	errs, ok := formErrors(err, nil)
	for i, e := range errs {
		switch {
		case e.Problem == pages.TooLong:
		case e.Field == "kind" || e.Field == "decision" || e.Field == "whom":
			errs[i].Problem = pages.NotAChoice
		case strings.TrimSpace(r.PostFormValue(e.Field)) == "":
			errs[i].Problem = pages.Missing
		case e.Field == "receivedAt" || e.Field == "dueOn" || e.Field == "toldAt":
			errs[i].Problem = pages.NotADate
		}
	}
	return errs, ok
}

func (h *Handler) pageAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showAuthority(w, r, c, false, nil)
}

func (h *Handler) revealAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showAuthority(w, r, c, true, nil)
}

func (h *Handler) showAuthority(w http.ResponseWriter, r *http.Request, c *caller, shown bool, errs pages.Errors) error {
	q, err := h.Authorities.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	v := r.PostFormValue
	m := pages.ConsoleAuthority{
		ConsoleFrame: fr, Row: h.authorityRow(c, q), Based: q.Based, Gag: q.Gag, ReceivedBy: cmp.Or(names[q.ReceivedBy], q.ReceivedBy), Errors: errs, BackURL: c.url(authorities),
		Decision: v("decision"), Reason: v("reason"), Citation: v("citation"), What: v("what"), Records: v("records"), Whom: v("whom"), Day: v("toldAt"), Note: v("note"),
	}
	if x := q.Review; x != nil {
		m.ReviewedBy, m.ReviewedAt = cmp.Or(names[x.By], x.By), c.shown(x.At)
	}
	if x := q.Disclosed; x != nil {
		m.DisclosedBy, m.DisclosedAt, m.DisclosedRecords = cmp.Or(names[x.By], x.By), c.shown(x.At), x.Records
	}
	if x := q.Ending; x != nil {
		m.ClosedBy, m.ClosedAt, m.Told, m.ToldAt = cmp.Or(names[x.By], x.By), c.shown(x.At), string(x.Whom), c.shown(x.ToldAt)
	}
	switch {
	case shown:
		d, err := h.openAuthority(r.Context(), c, q)
		if err != nil {
			return err
		}
		m.Details = (*pages.AuthorityDetails)(d)
	case c.may(registry.RevealData):
		m.RevealForm = pages.Form{Action: c.url(authorityPath(q.ID))}
	}
	c.offer(&m, q)
	return h.bad(w, errs, func() error { return h.Pages.ConsoleAuthority(w, m) })
}

// offer adds the next acts that the caller may take on a request.
func (c *caller) offer(m *pages.ConsoleAuthority, q authority.Request) {
	form := func(below string) pages.Form { return pages.Form{Action: c.url(authorityPath(q.ID) + below)} }
	if m.Own = q.State == authority.Received && q.ReceivedBy == c.actor(); m.Own {
		return
	}
	if q.State == authority.Received {
		if c.mayDecide() {
			m.ReviewForm = form("/review")
		}
		return
	}
	if q.State == authority.Closed || !c.may(registry.HandleCases) {
		return
	}
	if q.State == authority.Approved {
		m.DiscloseForm = form("/disclosure")
	}
	m.Close = form("/closure")
}

// takeAuthorityReview shows what a review means before it counts, and takes it once that is confirmed.
func (h *Handler) takeAuthorityReview(w http.ResponseWriter, r *http.Request, c *caller) error {
	q, err := h.Authorities.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	in := authorityVerdict{Decision: authority.Decision(r.PostFormValue("decision")), Reason: r.PostFormValue("reason"), Citation: r.PostFormValue("citation")}
	if q.State == authority.Received && q.ReceivedBy != c.actor() {
		var errs pages.Errors
		missing := func(field, typed string) {
			if strings.TrimSpace(typed) == "" {
				errs = append(errs, pages.FieldError{Field: field, Problem: pages.Missing})
			}
		}
		if missing("reason", in.Reason); q.Doubtful() && in.Decision != authority.Reject {
			missing("citation", in.Citation)
		}
		if len(errs) > 0 {
			return h.showAuthority(w, r, c, false, errs)
		}
		if r.PostFormValue("confirmed") != "yes" && known(authority.Decisions(), in.Decision) != "" {
			return h.confirmAuthority(w, r, c, q, in)
		}
	}
	_, err = h.reviewAuthority(r.Context(), c, q.ID, in)
	return h.afterAuthority(w, r, c, err)
}

func (h *Handler) confirmAuthority(w http.ResponseWriter, r *http.Request, c *caller, q authority.Request, in authorityVerdict) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	at := authorityPath(q.ID)
	return h.Pages.ConsoleAuthorityConfirm(w, pages.ConsoleAuthorityConfirm{
		ConsoleFrame: fr, Decision: string(in.Decision), Reason: in.Reason, Citation: in.Citation, Doubtful: q.Doubtful(), BackURL: c.url(at),
		Form: pages.Form{Action: c.url(at + "/review"), Hidden: []pages.Hidden{
			{Name: "decision", Value: string(in.Decision)}, {Name: "reason", Value: in.Reason}, {Name: "citation", Value: in.Citation}, {Name: "confirmed", Value: "yes"},
		}},
	})
}

func (h *Handler) takeAuthorityDisclosure(w http.ResponseWriter, r *http.Request, c *caller) error {
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("records")))
	if err != nil {
		n = -1 // the register says that this is no number of records
	}
	_, err = h.discloseAuthority(r.Context(), c, r.PathValue("id"), authorityHandover{What: r.PostFormValue("what"), Records: n})
	return h.afterAuthority(w, r, c, err)
}

func (h *Handler) takeAuthorityClosure(w http.ResponseWriter, r *http.Request, c *caller) error {
	_, err := h.closeAuthority(r.Context(), c, r.PathValue("id"), authorityClosing{
		Whom: authority.Whom(r.PostFormValue("whom")), ToldAt: strings.TrimSpace(r.PostFormValue("toldAt")), Note: r.PostFormValue("note"),
	})
	return h.afterAuthority(w, r, c, err)
}

// afterAuthority goes back to the request: with what was done, or with what is wrong with the form.
func (h *Handler) afterAuthority(w http.ResponseWriter, r *http.Request, c *caller, err error) error {
	if errs, ok := authorityErrors(r, err); ok {
		return h.showAuthority(w, r, c, false, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, authorityPath(r.PathValue("id")), pages.NoticeAuthority)
	return nil
}
