package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Bounds of a list.
const (
	defaultLimit = 50
	maxLimit     = 200
	maxScan      = 2000 // lines read for one page; a filter that matches little gives short pages
	maxFound     = 200  // cases of one identifier
)

// The orders of a list of cases.
const (
	byDue      = "due"
	byReceived = "received"
)

// query selects cases of one tenant.
type query struct {
	statuses   []dsar.Status // empty = all
	right      dsar.Right
	dueBefore  time.Time
	q          redact.Text // a reference or an exact identifier
	sort       string
	descending bool
	after      string // position in the order
	limit      int
}

// cursor is where a list goes on. A position means the same however the page size or the index changes in between.
type cursor struct {
	Sort     string `json:"s"`
	Position string `json:"p"`
}

func (c cursor) encode() string {
	raw, _ := json.Marshal(c) // two strings: cannot fail
	return base64.RawURLEncoding.EncodeToString(raw)
}

func decodeCursor(s string) (cursor, bool) {
	var c cursor
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(s) > 400 || json.Unmarshal(raw, &c) != nil || c.Position == "" {
		return c, false
	}
	return c, !strings.ContainsFunc(c.Position, func(r rune) bool { return r < ' ' || r > '~' })
}

func order(q query) string {
	if q.descending {
		return "-" + q.sort
	}
	return q.sort
}

// readQuery reads the parameters of a list of cases. Without sort the newest request comes first. The error is web.Fields.
func readQuery(v url.Values, zone *time.Location) (query, error) {
	var bad web.Fields
	q := query{right: dsar.Right(v.Get("right")), q: redact.NewText(strings.TrimSpace(v.Get("q"))), limit: readLimit(v, &bad)}
	for _, list := range v["status"] {
		for s := range strings.SplitSeq(list, ",") {
			switch st := dsar.Status(strings.TrimSpace(s)); {
			case st == "":
			case !st.Valid():
				bad.Add("/status", "there is no such status")
			case !slices.Contains(q.statuses, st):
				q.statuses = append(q.statuses, st)
			}
		}
	}
	if q.right != "" && !q.right.Valid() {
		bad.Add("/right", "there is no such right")
	}
	if len(q.q.Reveal()) > 320 {
		bad.Add("/q", "this is longer than 320 characters")
	}
	if s := v.Get("dueBefore"); s != "" {
		var err error
		if q.dueBefore, err = readInstant(s, zone); err != nil {
			bad.Add("/dueBefore", "want an instant (RFC 3339) or a date such as 2027-01-31")
		}
	}
	q.sort, q.descending = strings.CutPrefix(cmp.Or(v.Get("sort"), "-"+byReceived), "-")
	if q.sort != byDue && q.sort != byReceived {
		bad.Add("/sort", "sort by due or received, descending with - before it")
	}
	if s := v.Get("cursor"); s != "" {
		c, ok := decodeCursor(s)
		if q.after = c.Position; !ok || c.Sort != order(q) {
			bad.Add("/cursor", "this cursor belongs to another list")
		}
	}
	return q, bad.Err()
}

func readLimit(v url.Values, bad *web.Fields) int {
	s := v.Get("limit")
	if s == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		bad.Add("/limit", "want a number from 1 to 200")
		return defaultLimit
	}
	return n
}

// readInstant reads an instant; a bare date is its first moment in the zone.
func readInstant(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.ParseInLocation(time.DateOnly, s, zone)
}

func (q query) matches(c casefile.Case) bool {
	return (len(q.statuses) == 0 || slices.Contains(q.statuses, c.Status)) && (q.right == "" || q.right == c.Right) &&
		(q.dueBefore.IsZero() || (!c.Due.At.IsZero() && c.Due.At.Before(q.dueBefore)))
}

// cases returns a page of the tenant's cases and the cursor of the next one; empty exactly when there is no more.
func (h *Handler) cases(ctx context.Context, c *caller, q query) (rows []casefile.Case, next string, err error) {
	if !q.q.IsZero() {
		return h.find(ctx, c, q)
	}
	streams := []dsar.Status{""} // every status, in order of receipt
	if q.sort == byDue {
		if streams = q.statuses; len(streams) == 0 {
			streams = dsar.Statuses()
		}
	}
	seen := map[string]bool{}
	var last, reached string // positions of the last row kept and of the last line read
	for scanned := 0; scanned < maxScan; {
		lines, err := h.merge(ctx, c.tenant.Name, q, streams, cmp.Or(reached, q.after))
		if err != nil {
			return nil, "", err
		}
		if len(lines) == 0 {
			return rows, "", nil
		}
		scanned += len(lines)
		for _, l := range lines {
			reached = l.Position
			one, err := h.Cases.Case(ctx, c.tenant.Name, l.CaseID)
			if fault.Has(err, fault.NotFound) || (err == nil && (seen[l.CaseID] || !q.matches(one))) {
				continue // disposed of, or the index still shows what it was
			}
			if err != nil {
				return nil, "", err
			}
			if len(rows) == q.limit {
				return rows, cursor{order(q), last}.encode(), nil
			}
			seen[l.CaseID], last = true, l.Position
			rows = append(rows, one)
		}
	}
	return rows, cursor{order(q), reached}.encode(), nil
}

// merge returns the next lines of several lists in one order.
func (h *Handler) merge(ctx context.Context, tenant string, q query, streams []dsar.Status, after string) ([]casefile.Listed, error) {
	var all []casefile.Listed
	n := q.limit + 1
	for _, s := range streams {
		lines, err := h.Cases.Seek(ctx, casefile.Seek{
			Tenant: tenant, Status: s, DueBefore: q.dueBefore, Descending: q.descending, After: after, Limit: n,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortFunc(all, func(a, b casefile.Listed) int {
		if q.descending {
			a, b = b, a
		}
		return strings.Compare(a.Position, b.Position)
	})
	return all[:min(n, len(all))], nil
}

// find looks up a reference or an exact identifier. Whether somebody has made a request is personal data: searching by
// identifier asks for reveal_data.
func (h *Handler) find(ctx context.Context, c *caller, q query) (rows []casefile.Case, next string, err error) {
	var ids []string
	if ref, ok := dsar.CleanReference(q.q.Reveal()); ok {
		id, err := h.Cases.ByReference(ctx, c.tenant.Name, ref)
		if err == nil {
			ids = append(ids, id)
		} else if !fault.Has(err, fault.NotFound) {
			return nil, "", err
		}
	}
	if len(ids) == 0 {
		if ids, err = h.byIdentifier(ctx, c, q.q); err != nil {
			return nil, "", err
		}
	}
	place := func(x casefile.Case) string {
		at := x.ReceivedAt
		if q.sort == byDue {
			at = x.Due.At
		}
		return at.UTC().Format("2006-01-02T15:04:05.000Z") + "#" + x.ID
	}
	for _, id := range ids {
		one, err := h.Cases.Case(ctx, c.tenant.Name, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if p := place(one); q.matches(one) && (q.after == "" || (p > q.after) != q.descending && p != q.after) {
			rows = append(rows, one)
		}
	}
	slices.SortFunc(rows, func(a, b casefile.Case) int {
		if q.descending {
			a, b = b, a
		}
		return strings.Compare(place(a), place(b))
	})
	if len(rows) > q.limit {
		rows = rows[:q.limit]
		next = cursor{order(q), place(rows[q.limit-1])}.encode()
	}
	return rows, next, nil
}

// byIdentifier tries the value as every kind that the tenant's systems know.
func (h *Handler) byIdentifier(ctx context.Context, c *caller, value redact.Text) ([]string, error) {
	if err := c.allow(registry.RevealData); err != nil {
		return nil, err
	}
	kinds := []subject.Kind{subject.Email, subject.Phone, subject.CustomerID}
	systems, err := h.Registry.Systems(ctx, c.tenant.Name)
	if err != nil {
		return nil, err
	}
	for _, s := range systems {
		for _, k := range s.Identifiers {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	var ids []string
	for _, k := range kinds {
		i, err := subject.New(k, value.Reveal())
		if err != nil {
			continue // it cannot be one of this kind
		}
		found, err := h.Cases.ByIdentifier(ctx, c.tenant.Name, i, maxFound)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}
