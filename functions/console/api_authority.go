package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

// authorityRoutes are the register of requests of authorities, as calls and as pages.
func (h *Handler) authorityRoutes() []Route {
	const api, page = " /api/v1/authority-requests", " /console/authority-requests"
	const take = " /console/take-authority-request"
	return []Route{
		h.callRoute("GET"+api, registry.ReadCases, h.apiAuthorities),
		h.callRoute("POST"+api, registry.HandleCases, h.apiTakeAuthority),
		h.callRoute("GET"+api+"/register", registry.ReadCases, h.apiAuthorityRegister),
		h.callRoute("GET"+api+"/{id}", registry.ReadCases, h.apiAuthority),
		h.callRoute("POST"+api+"/{id}/review", registry.DecideCases, h.apiReviewAuthority),
		h.callRoute("POST"+api+"/{id}/disclosure", registry.HandleCases, h.apiDiscloseAuthority),
		h.callRoute("POST"+api+"/{id}/closure", registry.HandleCases, h.apiCloseAuthority),
		h.page("GET"+page, registry.ReadCases, h.pageAuthorities),
		h.page("GET"+page+"/register", registry.ReadCases, h.apiAuthorityRegister),
		h.page("GET"+page+"/{id}", registry.ReadCases, h.pageAuthority),
		h.page("POST"+page+"/{id}", registry.RevealData, h.revealAuthority),
		h.page("POST"+page+"/{id}/review", registry.DecideCases, h.takeAuthorityReview),
		h.page("POST"+page+"/{id}/disclosure", registry.HandleCases, h.takeAuthorityDisclosure),
		h.page("POST"+page+"/{id}/closure", registry.HandleCases, h.takeAuthorityClosure),
		h.page("GET"+take, registry.HandleCases, h.askAuthority),
		h.page("POST"+take, registry.HandleCases, h.takeAuthority),
	}
}

// authorityView is a request as staff see it; its words take a look that is recorded.
type authorityView struct {
	ID         string              `json:"id"`
	State      authority.State     `json:"state"`
	Kind       authority.Kind      `json:"kind"`
	Country    string              `json:"country"`
	Based      bool                `json:"based"`
	Gag        bool                `json:"gag"`
	ReceivedAt time.Time           `json:"receivedAt"`
	ReceivedBy string              `json:"receivedBy"`
	DueOn      string              `json:"dueOn,omitempty"`
	Review     *authorityReview    `json:"review,omitempty"`
	Disclosed  *authorityDisclosed `json:"disclosed,omitempty"`
	Closed     *authorityClosed    `json:"closed,omitempty"`
	Words      *authorityWords     `json:"words,omitempty"`
}

type authorityReview struct {
	Decision authority.Decision `json:"decision"`
	By       string             `json:"by"`
	At       time.Time          `json:"at"`
}

type authorityDisclosed struct {
	Records int       `json:"records"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

type authorityClosed struct {
	Whom   authority.Whom `json:"whom,omitempty"`
	ToldAt time.Time      `json:"toldAt,omitzero"`
	By     string         `json:"by"`
	At     time.Time      `json:"at"`
}

// authorityWords are what is sealed of a request, in the open.
type authorityWords struct {
	Authority  string `json:"authority"`
	LegalBasis string `json:"legalBasis,omitempty"`
	Scope      string `json:"scope"`
	GagBasis   string `json:"gagBasis,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Citation   string `json:"citation,omitempty"`
	What       string `json:"what,omitempty"`
	Note       string `json:"note,omitempty"`
}

func viewOfAuthority(q authority.Request) authorityView {
	v := authorityView{
		ID: q.ID, State: q.State, Kind: q.Kind, Country: q.Country, Based: q.Based, Gag: q.Gag, ReceivedAt: q.ReceivedAt, ReceivedBy: q.ReceivedBy, DueOn: q.DueOn,
	}
	if r := q.Review; r != nil {
		v.Review = &authorityReview{r.Decision, r.By, r.At}
	}
	if d := q.Disclosed; d != nil {
		v.Disclosed = &authorityDisclosed{d.Records, d.By, d.At}
	}
	if e := q.Ending; e != nil {
		v.Closed = &authorityClosed{e.Whom, e.ToldAt, e.By, e.At}
	}
	return v
}

// openAuthority shows what is sealed of a request; the look is recorded before.
func (h *Handler) openAuthority(ctx context.Context, c *caller, q authority.Request) (*authorityWords, error) {
	if err := h.record(ctx, c, act{Kind: authorityRevealed, Target: q.ID}); err != nil {
		return nil, err
	}
	d, err := h.Authorities.Details(ctx, q)
	if err != nil {
		return nil, err
	}
	return &authorityWords{
		d.Authority.Reveal(), d.LegalBasis.Reveal(), d.Scope.Reveal(), d.GagBasis.Reveal(), d.Reason.Reveal(), d.Citation.Reveal(), d.What.Reveal(), d.Note.Reveal(),
	}, nil
}

// apiAuthorities lists the register, the newest request first.
func (h *Handler) apiAuthorities(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit, state := readLimit(r.URL.Query(), &bad), authority.State(r.URL.Query().Get("state"))
	if state != "" && !slices.Contains(authority.States(), state) {
		bad.Add("/state", "there is no such state")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.Authorities.List(r.Context(), c.tenant.Name, state, limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := []authorityView{}
	for _, q := range list {
		out = append(out, viewOfAuthority(q))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"requests": out, "next": next})
	return nil
}

// apiAuthority answers with one request. Its words come with reveal=true, for callers who may see them.
func (h *Handler) apiAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	q, err := h.Authorities.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	v := viewOfAuthority(q)
	if r.URL.Query().Get("reveal") == "true" && c.may(registry.RevealData) {
		if v.Words, err = h.openAuthority(r.Context(), c, q); err != nil {
			return err
		}
	}
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

// apiAuthorityRegister is the register as CSV, the newest request first: dates and codes, nothing that is sealed.
func (h *Handler) apiAuthorityRegister(w http.ResponseWriter, r *http.Request, c *caller) error {
	var out bytes.Buffer
	rows := csv.NewWriter(&out)
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(c.zone).Format(time.DateOnly)
	}
	_ = rows.Write([]string{"id", "received", "due", "kind", "country", "legal_basis", "gag", "state", "decision", "decided", "disclosed", "records", "told", "told_whom", "closed"}) // Error tells
	for cursor := ""; ; {
		list, next, err := h.Authorities.List(r.Context(), c.tenant.Name, "", table.MaxPage, cursor)
		if err != nil {
			return err
		}
		for _, q := range list {
			var rev authority.Review
			var dis authority.Disclosure
			var end authority.Ending
			records := ""
			if q.Review != nil {
				rev = *q.Review
			}
			if q.Disclosed != nil {
				dis, records = *q.Disclosed, strconv.Itoa(q.Disclosed.Records)
			}
			if q.Ending != nil {
				end = *q.Ending
			}
			_ = rows.Write([]string{
				q.ID, day(q.ReceivedAt), q.DueOn, string(q.Kind), q.Country, strconv.FormatBool(q.Based), strconv.FormatBool(q.Gag), string(q.State), string(rev.Decision), day(rev.At), day(dis.At),
				records, day(end.ToldAt), string(end.Whom), day(end.At),
			}) // Error tells
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	rows.Flush()
	if err := rows.Error(); err != nil {
		return fmt.Errorf("writing the register: %w", err)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="authority-requests.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(out.Bytes()) // the connection may be gone
	return nil
}

// authorityBody is a request as it is taken in.
type authorityBody struct {
	Authority  string         `json:"authority"`
	Country    string         `json:"country"`
	Kind       authority.Kind `json:"kind"`
	LegalBasis string         `json:"legalBasis"`
	Scope      string         `json:"scope"`
	Gag        bool           `json:"gag"`
	GagBasis   string         `json:"gagBasis"`
	ReceivedAt string         `json:"receivedAt"` // an instant, or a day in the tenant's zone; empty = now
	DueOn      string         `json:"dueOn"`
}

// readAuthority turns what was sent into a request. The store checks what is in it.
func (h *Handler) readAuthority(c *caller, in authorityBody) (q authority.Request, said authority.Words, err error) {
	now := h.Now()
	q = authority.Request{
		Tenant: c.tenant.Name, ID: dsar.NewID(), Kind: in.Kind, Country: strings.TrimSpace(in.Country), Gag: in.Gag, DueOn: strings.TrimSpace(in.DueOn), ReceivedBy: c.actor(),
	}
	if q.ReceivedAt, err = c.instant("/receivedAt", strings.TrimSpace(in.ReceivedAt), now); err != nil {
		return q, said, err
	}
	if said.Authority, err = words("/authority", in.Authority); err != nil {
		return q, said, err
	}
	if said.LegalBasis, err = words("/legalBasis", in.LegalBasis); err != nil {
		return q, said, err
	}
	if said.Scope, err = words("/scope", in.Scope); err != nil {
		return q, said, err
	}
	said.GagBasis, err = words("/gagBasis", in.GagBasis)
	return q, said, err
}

// recordAuthority puts a request on the register.
func (h *Handler) recordAuthority(ctx context.Context, c *caller, in authorityBody) (reply, string, error) {
	q, said, err := h.readAuthority(c, in)
	if err != nil {
		return reply{}, "", err
	}
	ans, more, err := h.authorityAnswer(c, http.StatusCreated, act{Kind: authorityTaken, Target: q.ID, Detail: string(q.Kind)}, q.ID, authority.Received)
	if err != nil {
		return reply{}, "", err
	}
	_, err = h.Authorities.Take(ctx, q, said, more...)
	return ans, q.ID, err
}

// authorityAnswer is the answer to a step of a request, with the rows that are written with it.
func (h *Handler) authorityAnswer(c *caller, status int, a act, id string, next authority.State) (reply, []table.Write, error) {
	ans, err := newReply(status, map[string]string{"id": id, "state": string(next)})
	if err != nil {
		return ans, nil, err
	}
	more, err := h.remember(c, ans)
	return ans, append(more, h.by(c, a)), err
}

func (h *Handler) apiTakeAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in authorityBody
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	ans, _, err := h.recordAuthority(r.Context(), c, in)
	if err != nil {
		return err
	}
	ans.write(w)
	return nil
}

// authorityVerdict is a review as it was sent.
type authorityVerdict struct {
	Decision authority.Decision `json:"decision"`
	Reason   string             `json:"reason"`
	Citation string             `json:"citation"`
}

// authorityHandover is a disclosure as it was sent.
type authorityHandover struct {
	What    string `json:"what"`
	Records int    `json:"records"`
}

// authorityClosing is an end as it was sent.
type authorityClosing struct {
	Whom   authority.Whom `json:"whom"`
	ToldAt string         `json:"toldAt"` // an instant, or a day in the tenant's zone
	Note   string         `json:"note"`
}

// onAuthority reads what was sent, takes the step with it and answers.
func onAuthority[T any](w http.ResponseWriter, r *http.Request, c *caller, do func(context.Context, *caller, string, T) (reply, error)) error {
	var in T
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	ans, err := do(r.Context(), c, r.PathValue("id"), in)
	if err != nil {
		return err
	}
	ans.write(w)
	return nil
}

func (h *Handler) apiReviewAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return onAuthority(w, r, c, h.reviewAuthority)
}

func (h *Handler) reviewAuthority(ctx context.Context, c *caller, id string, in authorityVerdict) (reply, error) {
	why, err := words("/reason", in.Reason)
	if err != nil {
		return reply{}, err
	}
	law, err := words("/citation", in.Citation)
	if err != nil {
		return reply{}, err
	}
	next := authority.Approved
	if in.Decision == authority.Reject {
		next = authority.Rejected
	}
	ans, more, err := h.authorityAnswer(c, http.StatusOK, act{Kind: authorityReviewed, Target: id, Detail: string(in.Decision)}, id, next)
	if err != nil {
		return reply{}, err
	}
	_, err = h.Authorities.Review(ctx, c.tenant.Name, id, authority.Verdict{Decision: in.Decision, By: c.actor(), Reason: why, Citation: law}, more...)
	return ans, err
}

func (h *Handler) apiDiscloseAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return onAuthority(w, r, c, h.discloseAuthority)
}

func (h *Handler) discloseAuthority(ctx context.Context, c *caller, id string, in authorityHandover) (reply, error) {
	what, err := words("/what", in.What)
	if err != nil {
		return reply{}, err
	}
	ans, more, err := h.authorityAnswer(c, http.StatusOK, act{Kind: authorityDisclosedTo, Target: id}, id, authority.Disclosed)
	if err != nil {
		return reply{}, err
	}
	_, err = h.Authorities.Disclose(ctx, c.tenant.Name, id, authority.Handover{By: c.actor(), What: what, Records: in.Records}, more...)
	return ans, err
}

func (h *Handler) apiCloseAuthority(w http.ResponseWriter, r *http.Request, c *caller) error {
	return onAuthority(w, r, c, h.closeAuthority)
}

func (h *Handler) closeAuthority(ctx context.Context, c *caller, id string, in authorityClosing) (reply, error) {
	note, err := words("/note", in.Note)
	if err != nil {
		return reply{}, err
	}
	end := authority.Closing{By: c.actor(), Whom: in.Whom, Note: note}
	if in.ToldAt != "" {
		if end.ToldAt, err = c.instant("/toldAt", in.ToldAt, h.Now()); err != nil {
			return reply{}, err
		}
	}
	ans, more, err := h.authorityAnswer(c, http.StatusOK, act{Kind: authorityClosedBy, Target: id, Detail: string(in.Whom)}, id, authority.Closed)
	if err != nil {
		return reply{}, err
	}
	_, err = h.Authorities.Close(ctx, c.tenant.Name, id, end, more...)
	return ans, err
}
