package duties

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Codes of grounds that are no list of a pack.
const (
	QuotaUsed     = "quota_used"              // fees: the free requests of the period are used up
	ReasonableFee = "reasonable_fee"          // fees: the law lets a fee be asked for any request
	Effort        = "disproportionate_effort" // the citation is the claimant's
)

// Ground is something that a claim may rest on under the law of a case.
type Ground struct {
	Code     string
	Citation string // empty: the claimant gives it
	Kinds    []casefile.ClaimKind
	Abuse    bool   // the controller bears the burden of proof, and the person is warned before a refusal
	Text     string // the exemption in English, for the team; optional
}

// For reports whether the ground carries a claim of the kind.
func (g Ground) For(k casefile.ClaimKind) bool { return slices.Contains(g.Kinds, k) }

// Grounds lists what a claim may rest on under the law of the case.
func (d *Desk) Grounds(ctx context.Context, c *casefile.Case) ([]Ground, error) {
	l, err := d.law(ctx, c)
	if err != nil {
		return nil, err
	}
	return grounds(l.pack, c), nil
}

func grounds(p policy.Pack, c *casefile.Case) []Ground {
	var out []Ground
	charges := !slices.Contains(p.Fees.NeverFor, c.Right)
	for _, code := range p.Fees.ChargeWhen {
		g := Ground{Code: code, Citation: p.Fees.Basis, Abuse: true}
		if code != "further_copies" {
			g.Kinds = append(g.Kinds, casefile.ClaimRefuse)
		}
		if charges {
			g.Kinds = append(g.Kinds, casefile.ClaimFee)
		}
		if len(g.Kinds) > 0 {
			out = append(out, g)
		}
	}
	fee := []casefile.ClaimKind{casefile.ClaimFee}
	if charges && p.Fees.FreeRequests > 0 {
		out = append(out, Ground{Code: QuotaUsed, Citation: p.Fees.Basis, Kinds: fee})
	}
	if charges && p.Fees.Always {
		out = append(out, Ground{Code: ReasonableFee, Citation: p.Fees.Basis, Kinds: fee})
	}
	refuse := []casefile.ClaimKind{casefile.ClaimRefuse}
	for _, x := range p.Exemptions {
		if len(x.Rights) == 0 || slices.Contains(x.Rights, c.Right) {
			text, _ := x.Text.In("en")
			out = append(out, Ground{Code: x.ID, Citation: x.Basis, Kinds: refuse, Text: text})
		}
	}
	return append(out,
		Ground{Code: Effort, Kinds: []casefile.ClaimKind{casefile.ClaimEffort, casefile.ClaimRefuse}},
		Ground{Code: casefile.OtherGround, Citation: p.Refusal.Period.Basis, Kinds: refuse})
}

// Ground returns the ground with the code for a claim of the kind, as the case's law knows it; without a code the one for a refusal
// in somebody's own words. fault.Invalid when the law knows no such ground.
func (d *Desk) Ground(ctx context.Context, c *casefile.Case, kind casefile.ClaimKind, code string) (Ground, error) {
	all, err := d.Grounds(ctx, c)
	if err != nil {
		return Ground{}, err
	}
	if code == "" && kind == casefile.ClaimRefuse {
		code = casefile.OtherGround
	}
	var known []string
	for _, g := range all {
		if !g.For(kind) {
			continue
		}
		if g.Code == code {
			return g, nil
		}
		known = append(known, g.Code)
	}
	return Ground{}, fault.InvalidField("/ground", "the law knows these grounds: "+strings.Join(known, ", "))
}

// Claiming is what somebody claims.
type Claiming struct {
	Kind       casefile.ClaimKind
	Ground     string
	Citation   string // where the ground has none of its own
	System     string // of effort
	Amount     string // of a fee
	Text       redact.Text
	Objective  redact.Text
	Subjective redact.Text
}

var amount = regexp.MustCompile(`^([A-Z]{3}) ([0-9]{1,7})(\.[0-9]{2})?$`)

// rule is what a citation that somebody typed looks like: it stays in the open part of the case and outlives its content, so it has a
// number, no address and no room for a story.
var rule = regexp.MustCompile(`^[\p{L}§][\p{L} .,;:()§&/'-]{0,60}[0-9][\p{L}0-9 .,;:()§&/'-]{0,59}$|^[0-9][\p{L}0-9 .,;:()§&/'-]{1,119}$`)

// Claim records a claim that waits for somebody else's approval. fault.Invalid when its facts do not carry it: an abuse needs what
// happened, and the first request of a person what she is after too where the law says so (CJEU C-526/24).
func (d *Desk) Claim(ctx context.Context, f *casefile.File, actor string, in Claiming) (*casefile.Claim, error) {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return nil, err
	}
	g, err := d.Ground(ctx, &f.Case, in.Kind, in.Ground)
	if err != nil {
		return nil, err
	}
	k := casefile.Claim{Kind: in.Kind, Ground: g.Code, Citation: g.Citation, Warns: g.Abuse && in.Kind == casefile.ClaimRefuse}
	if k.Citation == "" {
		k.Citation = strings.TrimSpace(in.Citation)
	}
	if g.Citation == "" && !rule.MatchString(k.Citation) {
		return nil, fault.InvalidField("/citation", "cite the rule that this rests on, such as 11 CCR 7001(h): its name and number, and nothing about the person")
	}
	if err := d.facts(ctx, f, l, g, in); err != nil {
		return nil, err
	}
	switch in.Kind {
	case casefile.ClaimFee:
		if err := l.fee(in.Amount); err != nil {
			return nil, err
		}
		if err := mayAsk(&f.Case, l, casefile.AskFee); err != nil {
			return nil, err
		}
		k.Amount = in.Amount
	case casefile.ClaimEffort:
		if !slices.ContainsFunc(f.Tasks, func(t *casefile.Task) bool { return t.System == in.System && t.Status != casefile.TaskDone }) {
			return nil, fault.InvalidField("/system", "nothing is open in this system")
		}
		k.System = in.System
	case casefile.ClaimRefuse:
	}
	return f.Propose(actor, k, casefile.ClaimFacts{Text: in.Text, Objective: in.Objective, Subjective: in.Subjective})
}

// facts holds a claim to what it must be founded on.
func (d *Desk) facts(ctx context.Context, f *casefile.File, l law, g Ground, in Claiming) error {
	if (g.Abuse || in.Kind == casefile.ClaimEffort) && in.Objective.IsZero() {
		return fault.InvalidField("/objective", "say what happened: the controller has to prove it ("+l.pack.Fees.Basis+")")
	}
	if g.Code != QuotaUsed && (!g.Abuse || l.pack.Fees.FirstNeedsIntent == "" || !in.Subjective.IsZero()) {
		return nil
	}
	q, err := d.Quota(ctx, f)
	switch {
	case err != nil:
		return err
	case g.Code == QuotaUsed && !q.Used():
		return fault.InvalidField("/ground", "the free requests of the period are not used up")
	case g.Code != QuotaUsed && q.Earlier == 0:
		return fault.InvalidField("/subjective", "this is the person's first request: it is abusive only when what she is after shows it too ("+l.pack.Fees.FirstNeedsIntent+")")
	}
	return nil
}

// fee holds an amount to the law's limit. Amounts are whole or have two decimals, after their currency (ISO 4217).
func (l law) fee(typed string) error {
	m := amount.FindStringSubmatch(typed)
	if m == nil {
		return fault.InvalidField("/amount", "write the amount with its currency, such as CHF 40.00")
	}
	limit := amount.FindStringSubmatch(l.pack.Fees.MaxAmount)
	if limit == nil || limit[1] != m[1] {
		return nil // the law has no limit, or one in another currency, which a person judges
	}
	asked, err := strconv.ParseFloat(m[2]+m[3], 64)
	if err != nil {
		return fault.InvalidField("/amount", "write the amount with its currency, such as CHF 40.00")
	}
	most, err := strconv.ParseFloat(limit[2]+limit[3], 64)
	if err != nil || asked > most {
		return fault.InvalidField("/amount", "the law allows at most "+l.pack.Fees.MaxAmount+" ("+l.pack.Fees.Basis+")")
	}
	return nil
}

// Warn tells the person of a claim before it is decided, and gives her time to react.
func (d *Desk) Warn(ctx context.Context, f *casefile.File, id, actor string) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	k, err := f.WarnOfClaim(id, actor, f.Now().AddDate(0, 0, l.tenant.Policy.Effective().ReactDays))
	if err != nil {
		return err
	}
	facts, err := f.ClaimFacts(k)
	if err != nil {
		return err
	}
	return d.Letters.Send(ctx, f, letters.ClaimWarning, func(lf correspondence.Facts) {
		lf.Act = letters.Act{Code: k.Ground, Kind: string(k.Kind), Amount: k.Amount}
		lf.Message, lf.Until = facts.Text, lf.Day(k.ReactBy)
	})
}

// Decide approves or declines a claim. An approved fee is announced to the person, who may accept it or withdraw.
func (d *Desk) Decide(ctx context.Context, f *casefile.File, id, actor, decision string, reason redact.Text) error {
	k, err := f.DecideClaim(id, actor, decision, reason)
	if err != nil || decision != casefile.Approve || k.Kind != casefile.ClaimFee {
		return err
	}
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	if err := mayAsk(&f.Case, l, casefile.AskFee); err != nil {
		return err
	}
	facts, err := f.ClaimFacts(k)
	if err != nil {
		return err
	}
	a := casefile.Asking{Kind: casefile.AskFee, Code: k.Ground, Amount: k.Amount}
	if w := l.pack.Fees.AcceptWithin; w != nil {
		period := policy.Period{Value: w.Value, Unit: w.Unit, Kind: policy.Statute, Basis: l.pack.Fees.Basis}
		by, err := statute.After(&f.Case, d.Packs, l.tenant, period, f.Now(), clock.ComplaintWindow)
		if err != nil {
			return err
		}
		a.Until = by.At
	}
	_, err = d.ask(ctx, f, l, actor, a, facts.Text)
	return err
}
