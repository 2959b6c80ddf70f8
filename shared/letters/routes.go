package letters

import (
	"strings"

	"github.com/habeas-dsar/habeas/shared/policy"
)

// complaint says where to turn, in the order in which the law wants it tried: the controller again, the authority, a court.
func (b *builder) complaint() {
	b.heading(b.say("complaint"))
	ways := b.facts.Pack.Complaint
	if b.demands(policy.StateAppeal) || b.kind.refuses() {
		b.appeal(b.facts.Pack.Appeal)
	}
	b.route("internal", ways.Internal, policy.StateInternalComplaint)
	if own := oneLine(b.facts.Authority); own != "" {
		b.paragraph(own)
		b.states(policy.StateComplaint)
	} else {
		b.route("authority", ways.Authority, policy.StateComplaint)
	}
	b.route("court", ways.Court, policy.StateCourt)
}

// route says one way to complain in the words of the pack, or, where the pack does not speak the language, in a sentence of the
// language's own made from the name and the ways to reach it.
func (b *builder) route(which string, r *policy.Route, made policy.Statement) {
	if r == nil {
		return
	}
	text, missing := r.Text.In(b.language())
	if missing {
		text = b.say("route."+which, "Name", r.Name, "Contact", b.facts.Tenant.Contact)
		for _, way := range [][2]string{{"phone", r.Phone}, {"email", r.Email}, {"post", r.Post}} {
			if way[1] != "" {
				text += " " + b.say("route."+way[0], "Value", way[1])
			}
		}
	}
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	b.paragraph(text)
	b.states(made)
	b.window(r.Window)
	if r.URL == "" {
		return
	}
	label := r.Name
	if !b.isEnglish() {
		label = b.say("link.complaint")
	}
	b.link(label, r.URL)
}

// window says until when a way of complaint is open.
func (b *builder) window(p *policy.Period) {
	if p == nil {
		return
	}
	b.paragraph(b.say("route.window", "Amount", b.amount(p.Amount())))
	b.states(policy.StateRecourseTime)
}

// appeal says how to have the controller look again through somebody else, by when, and by when the answer comes.
func (b *builder) appeal(a *policy.Appeal) {
	if a == nil {
		return
	}
	b.paragraph(b.say("appeal.how", "Contact", b.facts.Tenant.Contact))
	b.states(policy.StateAppeal)
	if a.Window == nil {
		b.paragraph(b.say("appeal.reasonable"))
	}
	b.window(a.Window)
	b.paragraph(b.say("appeal.decision", "Amount", b.amount(a.Decision.Amount())))
	b.request("appeal")
}
