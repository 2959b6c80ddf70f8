package letters

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// The letters to recipients of data (GDPR Art. 19). Neither names the person: who it is about stands behind the link.
const (
	RecipientNotice   Kind = "recipient_notice"   // Told, Link, Until
	RecipientReminder Kind = "recipient_reminder" // as RecipientNotice, and On: the day of the first letter
)

// RecipientKinds lists them.
func RecipientKinds() []Kind { return []Kind{RecipientNotice, RecipientReminder} }

func (k Kind) toRecipient() bool { return slices.Contains(RecipientKinds(), k) }

// changes are what a recipient can be told of, in the order in which a letter says it.
func changes() []dsar.Outcome { return []dsar.Outcome{dsar.Erased, dsar.Corrected, dsar.Restricted} }

func recipientNeeds(kind Kind, f Facts) []need {
	told := len(f.Told) > 0 && !slices.ContainsFunc(f.Told, func(o dsar.Outcome) bool { return !slices.Contains(changes(), o) })
	all := []need{{"/told", told}, {"/link", webAddress(f.Link.Reveal())}, {"/until", !f.Until.IsZero()}}
	if kind == RecipientReminder {
		all = append(all, need{"/on", !f.On.IsZero()})
	}
	return all
}

// recipient writes the body: what happened, who it is about, what to do, and how to confirm it.
func (b *builder) recipient() {
	f := b.facts
	if b.kind == RecipientReminder {
		b.paragraph(b.own("intro", "Day", b.day(f.On)))
	}
	b.paragraph(b.say("recipient.who", "Controller", f.Tenant.Controller))
	var list part
	for _, o := range changes() {
		if slices.Contains(f.Told, o) {
			list.Items = append(list.Items, item{Text: b.say("recipient.what." + string(o))})
		}
	}
	b.parts = append(b.parts, list)
	b.paragraph(b.say("recipient.law", "Law", b.law()))
	b.link(b.say("link.notice"), f.Link.Reveal())
	b.paragraph(b.say("recipient.page"))
	b.paragraph(b.say("recipient.until", "Day", b.day(f.Until), "Contact", f.Tenant.Contact))
}
