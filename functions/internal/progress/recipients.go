package progress

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Informed says whether a recipient was told of what changed. Wire values of the contract.
type Informed string

// The values; empty when there was nothing to tell.
const (
	Told             Informed = "told"
	NotYet           Informed = "not_yet"
	CouldNot         Informed = "could_not"
	Impossible       Informed = casefile.Impossible
	Disproportionate Informed = casefile.Disproportionate
)

// Recipient is a third party to which data is disclosed, and whether it was told (GDPR Art. 15(1)(c), 19).
type Recipient struct {
	Name     string // in the registry
	Title    string
	Country  string
	Purpose  string
	Informed Informed
	At       time.Time        // when it was told, or excused
	Why      string           // why not, or what is not known, in words
	Notice   *casefile.Notice // nil when there was nothing to tell
}

// Recipients lists the recipients of the tenant in order of name, and those of the case that are no longer registered.
func Recipients(ctx context.Context, f *casefile.File, registered []registry.Recipient) ([]Recipient, error) {
	notices, err := f.Notices(ctx)
	if err != nil {
		return nil, err
	}
	told := map[string]*casefile.Notice{}
	for _, n := range notices {
		told[n.Recipient] = n
	}
	out := make([]Recipient, 0, len(registered))
	add := func(r Recipient) error {
		r.Notice = told[r.Name]
		delete(told, r.Name)
		out = append(out, r)
		return out[len(out)-1].explain(f)
	}
	for _, r := range registered {
		if err := add(Recipient{Name: r.Name, Title: r.Title, Country: r.Country, Purpose: r.Purpose}); err != nil {
			return nil, err
		}
	}
	for _, n := range notices {
		if told[n.Recipient] != nil {
			if err := add(Recipient{Name: n.Recipient, Title: n.Recipient}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// explain says how far the notice is. The reason of an exception is in the words of whoever decided it.
func (r *Recipient) explain(f *casefile.File) error {
	n := r.Notice
	if n == nil {
		return nil
	}
	switch n.Status {
	case casefile.NoticeSent, casefile.NoticeAcknowledged:
		r.Informed, r.At = Told, n.SentAt
	case casefile.NoticeUnknown:
		r.Informed, r.At, r.Why = Told, n.ClaimedAt, "It was sent; whether it arrived is not known."
	case casefile.NoticeFailed:
		r.Informed, r.Why = CouldNot, "It could not be reached so far. Somebody looks after it."
	case casefile.NoticeWaived:
		why, err := f.Reason(n.Waiver)
		if err != nil {
			return err
		}
		r.Informed, r.At, r.Why = Informed(n.Waiver.Decision), n.EndedAt, why.Reveal()
	default:
		r.Informed = NotYet
		if n.Fault != "" {
			r.Why = "It could not be reached yet. It is tried again."
		}
	}
	return nil
}

// Page is how pages show the recipient, with instants in the zone.
func (r Recipient) Page(zone *time.Location) pages.Recipient {
	p := pages.Recipient{Name: r.Title, Purpose: r.Purpose, State: pages.TellNotNeeded, Why: r.Why}
	if !r.At.IsZero() {
		p.At = r.At.In(zone)
	}
	if r.Notice != nil {
		p.State = Tell(r.Notice)
	}
	return p
}

// Tell is how far a notice is, as pages show it.
func Tell(n *casefile.Notice) pages.TellState {
	switch n.Status {
	case casefile.NoticeSent:
		return pages.TellDone
	case casefile.NoticeAcknowledged:
		return pages.TellConfirmed
	case casefile.NoticeUnknown:
		return pages.TellUnknown
	case casefile.NoticeFailed:
		return pages.TellFailed
	case casefile.NoticeWaived:
		if n.Waiver.Decision == casefile.Disproportionate {
			return pages.TellDisproportionate
		}
		return pages.TellImpossible
	case casefile.NoticeOpen, casefile.NoticeClaimed:
	}
	return pages.TellPending
}

// NoticeFault says in words for staff what kept a notice from arriving; empty for none.
func NoticeFault(class fault.Class) string {
	switch class {
	case "":
		return ""
	case fault.Misconfigured:
		return "What is registered does not reach it: the address, its secret, or an identifier that it knows people by is missing or refused."
	case fault.Invalid:
		return "Its mail server refuses the address."
	case fault.Throttled, fault.Unavailable:
		return "It did not answer, or answered with a failure of its own."
	default:
		return "Something went wrong on our side."
	}
}
