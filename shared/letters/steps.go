package letters

import (
	"strings"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// steps explains the date. A step of a case from before steps had codes is English.
func (b *builder) steps() {
	b.paragraph(b.say("due.why"))
	list := part{Numbered: true}
	for _, s := range b.facts.DueSteps {
		it := item{Text: b.step(s), Note: b.cite(s.Citation)}
		if strings.Contains(s.Code, "_own") && !b.isEnglish() {
			it.Note = "" // where the law sets no time, the note says so in English, and the sentence has said it
		}
		list.Items = append(list.Items, it)
	}
	b.parts = append(b.parts, list)
}

// step says one sentence of the clock.
func (b *builder) step(s clock.Step) string {
	key := "step." + s.Code
	if s.Code == "" || !b.has(key) {
		b.fellBack = b.fellBack || !b.isEnglish()
		return s.Text
	}
	var pairs []any
	for _, a := range s.Args {
		pairs = append(pairs, strings.ToUpper(a.Name[:1])+a.Name[1:], b.arg(a))
	}
	return b.say(key, pairs...)
}

// arg writes the value of an argument as the language has it.
func (b *builder) arg(a clock.Arg) string {
	switch a.Kind {
	case clock.DateArg:
		return b.day(a.Date())
	case clock.AmountArg:
		return b.amount(a.Amount())
	case clock.EventArg:
		return b.say("asked." + a.Value)
	case clock.TimeArg:
		at := a.Time()
		return b.say("date.time", "Time", at.Format("15:04:05"), "Day", b.day(civil.In(at, at.Location())))
	default:
		return a.Value
	}
}

// amount writes "1 month", "10 working days", "72 hours".
func (b *builder) amount(a policy.Amount) string {
	return b.count("amount."+string(a.Unit), a.Value)
}

func (b *builder) isEnglish() bool { return b.language() == "en" }
