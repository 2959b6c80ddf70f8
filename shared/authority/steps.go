package authority

import (
	"context"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Take stores a new request, in one transaction with more. Tenant, ID, Kind, Country, Gag, ReceivedAt, DueOn and ReceivedBy are the
// caller's; the rest is set here. fault.Invalid names the field that is wrong, fault.Conflict says that the id is taken.
func (s *Store) Take(ctx context.Context, r Request, w Words, more ...table.Write) (Request, error) {
	now := s.instant()
	if err := check(r, w, now); err != nil {
		return Request{}, err
	}
	r.State, r.Based, r.ReceivedAt = Received, !w.LegalBasis.IsZero(), r.ReceivedAt.UTC().Truncate(time.Millisecond)
	r.Review, r.Disclosed, r.Ending, r.Version = nil, nil, nil, table.Absent
	var err error
	r.Sealed, err = s.seal(ctx, r.Tenant, r.ID, docRequest, sealed{
		Authority: w.Authority.Reveal(), LegalBasis: w.LegalBasis.Reveal(), Scope: w.Scope.Reveal(), GagBasis: w.GagBasis.Reveal(),
	})
	if err != nil {
		return Request{}, err
	}
	f := facts{Kind: r.Kind, Country: r.Country, Based: &r.Based, Gag: &r.Gag}
	return r, s.put(ctx, r, now, entryReceived, r.ReceivedBy, f, r.Sealed, more)
}

// country fits ISO 3166-1 alpha-2; whether a state has the code is for whoever reads it.
var country = regexp.MustCompile(`^[A-Z]{2}$`)

func check(r Request, w Words, now time.Time) error {
	bad := fault.InvalidField
	_, dueErr := time.Parse(time.DateOnly, r.DueOn)
	switch {
	case uuid.Validate(r.ID) != nil || len(r.ID) != 36:
		return bad("/id", "this is no id of a request")
	case w.Authority.IsZero():
		return bad("/authority", "say which authority asks")
	case !country.MatchString(r.Country):
		return bad("/country", "write the country as two capital letters, for example DE")
	case !slices.Contains(Kinds(), r.Kind):
		return bad("/kind", "a request is binding or voluntary")
	case w.Scope.IsZero():
		return bad("/scope", "say whose data it wants, and which")
	case r.Gag && w.GagBasis.IsZero():
		return bad("/gagBasis", "cite what forbids to tell the person")
	case !r.Gag && !w.GagBasis.IsZero():
		return bad("/gag", "a citation of what forbids to tell belongs to a request that must be kept secret")
	case r.ReceivedAt.IsZero() || r.ReceivedAt.After(now):
		return bad("/receivedAt", "a request was received before now")
	case r.DueOn != "" && dueErr != nil:
		return bad("/dueOn", "write the day as 2027-01-31")
	}
	return short(
		field{"/authority", w.Authority, MaxName}, field{"/legalBasis", w.LegalBasis, MaxCitation}, field{"/scope", w.Scope, MaxText},
		field{"/gagBasis", w.GagBasis, MaxCitation},
	)
}

type field struct {
	pointer string
	text    redact.Text
	most    int
}

func short(all ...field) error {
	for _, f := range all {
		if utf8.RuneCountInString(f.text.Reveal()) > f.most {
			return fault.InvalidField(f.pointer, "this is longer than it may be")
		}
	}
	return nil
}

// Review decides on a request that nobody decided on, in one transaction with more. fault.Forbidden for whoever took it in: two people
// look at each request. fault.Conflict when it is decided, and when a doubtful request would be answered without a reason and a
// citation; fault.Invalid for another missing reason.
func (s *Store) Review(ctx context.Context, tenant, id string, v Verdict, more ...table.Write) (Request, error) {
	r, err := s.Get(ctx, tenant, id)
	if err != nil {
		return Request{}, err
	}
	answered := v.Decision != Reject
	switch {
	case !slices.Contains(Decisions(), v.Decision):
		return Request{}, fault.InvalidField("/decision", "decide approve, reject or narrow")
	case r.State != Received:
		return Request{}, fault.New(fault.Conflict, "this request is decided")
	case v.By == r.ReceivedBy:
		return Request{}, fault.New(fault.Forbidden, "somebody else than who took the request in reviews it")
	case answered && r.Doubtful() && (v.Reason.IsZero() || v.Citation.IsZero()):
		return Request{}, fault.New(fault.Conflict, "a request that is not binding, or names no legal basis, is rejected unless you say why and cite what allows to answer it")
	case v.Reason.IsZero():
		return Request{}, fault.InvalidField("/reason", "say why; it must not be empty")
	}
	if err := short(field{"/reason", v.Reason, MaxText}, field{"/citation", v.Citation, MaxCitation}); err != nil {
		return Request{}, err
	}
	doc, err := s.seal(ctx, tenant, id, docReview, sealed{Reason: v.Reason.Reveal(), Citation: v.Citation.Reveal()})
	if err != nil {
		return Request{}, err
	}
	r.Review = &Review{Decision: v.Decision, By: v.By, At: s.instant(), Sealed: doc}
	if r.State = Rejected; answered {
		r.State = Approved
	}
	return r, s.put(ctx, r, r.Review.At, entryReviewed, v.By, facts{Decision: v.Decision}, doc, more)
}

// Disclose records that a member of staff handed over what was approved, in one transaction with more. fault.Conflict when the request
// is not approved, or the disclosure is on record.
func (s *Store) Disclose(ctx context.Context, tenant, id string, h Handover, more ...table.Write) (Request, error) {
	r, err := s.Get(ctx, tenant, id)
	switch {
	case err != nil:
		return Request{}, err
	case r.State != Approved:
		return Request{}, fault.New(fault.Conflict, "only what was approved may be disclosed, and once")
	case h.What.IsZero():
		return Request{}, fault.InvalidField("/what", "say what was disclosed; it must not be empty")
	case h.Records < 0:
		return Request{}, fault.InvalidField("/records", "want a whole number, 0 or above")
	}
	if err := short(field{"/what", h.What, MaxText}); err != nil {
		return Request{}, err
	}
	doc, err := s.seal(ctx, tenant, id, docDisclosure, sealed{What: h.What.Reveal()})
	if err != nil {
		return Request{}, err
	}
	r.State, r.Disclosed = Disclosed, &Disclosure{Records: h.Records, By: h.By, At: s.instant(), Sealed: doc}
	return r, s.put(ctx, r, r.Disclosed.At, entryDisclosed, h.By, facts{Records: &h.Records}, doc, more)
}

// Close ends a request that was reviewed, in one transaction with more. After a disclosure the person or the controller is told unless a
// gag stands; whoever is told in spite of a gag is told because it ended, which the note says. Where nothing was disclosed nobody has to
// be told, and without a gag the note says why nobody was. fault.Conflict before the review and after the end.
func (s *Store) Close(ctx context.Context, tenant, id string, c Closing, more ...table.Write) (Request, error) {
	r, err := s.Get(ctx, tenant, id)
	if err != nil {
		return Request{}, err
	}
	now := s.instant()
	if err := closable(r, c, now); err != nil {
		return Request{}, err
	}
	doc, err := s.seal(ctx, tenant, id, docClosing, sealed{Note: c.Note.Reveal()})
	if err != nil {
		return Request{}, err
	}
	r.State, r.Ending = Closed, &Ending{Whom: c.Whom, ToldAt: c.ToldAt.UTC().Truncate(time.Millisecond), By: c.By, At: now, Sealed: doc}
	return r, s.put(ctx, r, now, entryClosed, c.By, facts{Told: c.Whom, Gag: &r.Gag}, doc, more)
}

func closable(r Request, c Closing, now time.Time) error {
	bad := fault.InvalidField
	told := c.Whom != ""
	switch {
	case r.State == Received:
		return fault.New(fault.Conflict, "this request waits for its review")
	case r.State == Closed:
		return fault.New(fault.Conflict, "this request is closed")
	case told && !slices.Contains(Whoms(), c.Whom):
		return bad("/whom", "say subject or controller, or leave it out when nobody was told")
	case told == c.ToldAt.IsZero():
		return bad("/toldAt", "say when somebody was told, and whom")
	case told && (c.ToldAt.After(now) || c.ToldAt.Before(r.ReceivedAt)):
		return bad("/toldAt", "somebody was told after the request came and before now")
	case !told && !r.Gag && r.Disclosed != nil:
		return bad("/whom", "tell the person first: nothing forbids it")
	case told && r.Gag && c.Note.IsZero():
		return bad("/note", "say why what forbade to tell holds no more; it must not be empty")
	case !told && !r.Gag && c.Note.IsZero():
		return bad("/note", "say why nobody was told; it must not be empty")
	}
	return short(field{"/note", c.Note, MaxText})
}
