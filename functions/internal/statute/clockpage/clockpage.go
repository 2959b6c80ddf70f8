// Package clockpage shows the statutory clock of a case on pages: what was stored when the deadlines were computed, and nothing that is
// computed anew.
package clockpage

import (
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Of returns the clock of the case as pages draw it, in the zone. set names the laws when there are several.
func Of(c *casefile.Case, set *policy.Set, zone *time.Location) pages.Clock {
	in := shown(zone)
	k := pages.Clock{ReceivedAt: in(c.ReceivedAt), DueAt: in(c.Due.At), SettledAt: in(c.ClosedAt)}
	if c.Extension != nil {
		k.DueAt, k.ExtendedTo = in(c.Due.First), in(c.Due.At)
		if k.DueAt.IsZero() {
			k.DueAt = in(c.Due.Notice) // a case of before the first date was kept: its notice was due then
		}
	}
	for _, q := range c.Questions {
		// What moves no date stands nowhere still.
		if q.NotPause != "" || !moves(c.Due.Steps, q, zone) {
			continue
		}
		to := q.Answered
		if to.IsZero() {
			to = q.Dropped
		}
		k.Stops = append(k.Stops, pages.Stop{From: in(q.At), To: in(to)})
	}
	k.Laws = laws(c, set, in)
	return k
}

// ForTeam is Of with every other date of the law, and the tenant's own.
func ForTeam(c *casefile.Case, set *policy.Set, zone *time.Location) pages.Clock {
	k, in := Of(c, set, zone), shown(zone)
	for _, t := range []pages.Tick{
		{Kind: "acknowledge", At: c.Due.Ack},
		{Kind: "simple", At: c.Due.Simple},
		{Kind: "notice", At: c.Due.Notice},
		{Kind: "refuse", At: c.Due.RefuseBy},
		{Kind: "execute", At: c.Due.Execute},
		{Kind: "target", At: c.Due.Target},
	} {
		if !t.At.IsZero() {
			k.Ticks = append(k.Ticks, pages.Tick{Kind: t.Kind, At: in(t.At)})
		}
	}
	return k
}

// Because says in one or two sentences why the date of the case is what it is; nothing for a case of before steps had codes.
func Because(c *casefile.Case) []string {
	var all []clock.Step
	for _, s := range c.Due.Steps {
		all = append(all, clock.Step{Text: s.Text, Code: s.Code})
	}
	var out []string
	for _, s := range clock.Short(all) {
		out = append(out, s.Text)
	}
	return out
}

// moves reports whether a step of the reason says that the time waited for the answer to the question.
func moves(steps []casefile.DueStep, q casefile.Question, zone *time.Location) bool {
	for _, s := range steps {
		switch s.Code {
		case "waited", "waited_open", "waited_dropped", "restarted", "restarted_open", "restarted_dropped":
			if len(s.Args) > 1 && s.Args[0].Value == q.Kind && s.Args[1].Value == q.At.In(zone).Format(time.DateOnly) {
				return true
			}
		}
	}
	return false
}

// laws returns the line of each law of the case, the one of the person's residence first.
func laws(c *casefile.Case, set *policy.Set, in func(time.Time) time.Time) []pages.LawLine {
	own := c.Due.Own
	if own == nil {
		return nil
	}
	lines := []pages.LawLine{{Law: short(set, c.Law.Pack, c.Law.Version), DueAt: in(own.At), Steps: pageSteps(own.Steps), Governs: c.Due.Law == c.Law.Pack}}
	for _, a := range c.Law.Also {
		lines = append(lines, pages.LawLine{Law: short(set, a.Pack, a.Version), Why: a.Why, DueAt: in(a.DueAt), Steps: pageSteps(a.Steps), Governs: c.Due.Law == a.Pack})
	}
	return lines
}

// OtherLaws names the laws that apply to the case beside the one that governs.
func OtherLaws(c *casefile.Case, set *policy.Set) []string {
	var out []string
	for _, a := range c.Law.Also {
		out = append(out, short(set, a.Pack, a.Version))
	}
	return out
}

// short returns the short name of a law, and its id when the version is not here.
func short(set *policy.Set, id, version string) string {
	p, err := set.At(policy.ID(id), policy.Version(version))
	if err != nil {
		return id
	}
	return p.Short
}

func pageSteps(steps []casefile.DueStep) []pages.Step {
	var out []pages.Step
	for _, s := range steps {
		out = append(out, pages.Step{Text: s.Text, Citation: s.Citation})
	}
	return out
}

func shown(zone *time.Location) func(time.Time) time.Time {
	return func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.In(zone)
	}
}
