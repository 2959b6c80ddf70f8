package letters

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// builder collects the parts of one letter.
type builder struct {
	*words
	kind  Kind
	facts Facts
	parts []part
}

// own says a message of this letter: its key is "<kind>.<name>".
func (b *builder) own(name string, pairs ...any) string {
	return b.say(string(b.kind)+"."+name, pairs...)
}

func (b *builder) paragraph(text string) { b.parts = append(b.parts, part{Paragraph: text}) }
func (b *builder) heading(text string)   { b.parts = append(b.parts, part{Heading: text}) }
func (b *builder) link(label, url string) {
	b.parts = append(b.parts, part{Label: label, URL: url, Colon: b.typeset(" :")})
}

// states notes that the newest part says what the law wants said.
func (b *builder) states(all ...policy.Statement) {
	last := &b.parts[len(b.parts)-1]
	last.states = append(last.states, all...)
}

// write builds the letter: greeting, body, where to complain, who writes.
func (b *builder) write() {
	greeting := b.say("greeting")
	if b.kind.toVendor() || b.kind.toRecipient() {
		greeting = b.say("greeting_formal")
	}
	if name := oneLine(b.facts.Name.Reveal()); b.kind.afterVerification() && name != "" {
		greeting = b.say("greeting_name", "Name", name)
	}
	b.paragraph(greeting)
	b.body()
	b.added(string(b.kind) + ".extra")
	if b.kind.complains() {
		b.complaint()
	}
	b.added("signature")
	b.parts = append(b.parts, part{Small: []string{
		b.facts.Tenant.Controller,
		b.say("footer.reference", "Reference", b.facts.Reference),
		b.say("footer.contact", "Contact", b.facts.Tenant.Contact),
	}})
}

func (b *builder) body() {
	switch b.kind {
	case OwnerTask, OwnerReminder, OwnerPassed:
		b.owner()
	case VendorTask, VendorReminder:
		b.vendor()
	case RecipientNotice, RecipientReminder:
		b.recipient()
	case TeamReminder, TeamOverdue:
		b.team()
	case QuestionIdentity, QuestionClarification, FeeNotice, ClaimWarning, AppealReceived, AppealDecided, AppealExtended, ComplaintReceived, ComplaintDecided, ShortAnswer, RequestGranted, StatementKept:
		b.act()
	case Code, CodeAgain, DownloadCode:
		b.code()
	case ProveAgain:
		b.proveAgain()
	case Acknowledgement:
		b.acknowledgement()
	case ResponseReady:
		b.responseReady()
	case NothingHeld:
		b.nothingHeld()
	case Done:
		b.done()
	case NotIdentifiable, Refused:
		b.refusal()
	case Withdrawn:
		b.withdrawn()
	case Expired, Locked, Duplicate:
		b.shortNotice()
	case Extension:
		b.extension()
	case CannotDetermine, Message:
		b.fromTheTeam()
	case RestrictionEnds:
		b.restrictionEnds()
	case Grace:
		b.grace()
	case NewLink:
		b.paragraph(b.own("intro"))
		b.download()
	default: // nothing more to do for the others
	}
}

// right returns the right as the object of a sentence: "a copy of your data".
func (b *builder) right() string { return b.say("right." + string(b.facts.Right)) }

func (b *builder) minutes() string {
	return b.count("minutes", max(1, int(b.facts.ValidFor.Minutes())))
}

// request offers the page of the request.
func (b *builder) request(label string) { b.link(b.say("link."+label), b.facts.PortalURL) }

func (b *builder) code() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right(), "Tenant", f.Tenant.Title))
	digits := f.Code.Reveal()
	b.parts = append(b.parts, part{Code: digits[:4] + " " + digits[4:]})
	if b.kind == DownloadCode {
		b.paragraph(b.own("life", "Minutes", b.minutes()))
		b.paragraph(b.own("stranger"))
		return
	}
	b.paragraph(b.say("code.how"))
	b.link(b.say("link.confirm"), f.Link.Reveal())
	b.paragraph(b.say("code.life", "Minutes", b.minutes()))
	b.paragraph(b.say("code.why"))
	if f.VerifyBy.IsZero() {
		b.paragraph(b.say("code.stranger"))
	} else {
		b.paragraph(b.say("code.stranger_until", "Day", b.day(f.VerifyBy)))
	}
}

func (b *builder) acknowledgement() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right(), "Day", b.day(f.ReceivedOn)))
	b.heading(b.own("when"))
	b.paragraph(b.own("due", "Day", b.day(f.Due)))
	b.states(policy.StateDue)
	b.steps()
	b.paragraph(b.own("law", "Law", b.law()))
	b.assumption()
	if f.Pack.RightLevel(f.Right) == policy.None {
		b.paragraph(b.own("not_granted"))
	}
	b.heading(b.own("next"))
	list := part{Numbered: true}
	for _, step := range []string{"next_1", "next_2", "next_3", "next_4"} {
		list.Items = append(list.Items, item{Text: b.own(step)})
	}
	b.parts = append(b.parts, list)
	b.states(policy.StateHandling)
	b.heading(b.own("change"))
	b.paragraph(b.own("withdraw"))
	b.request("request")
}

// assumption says what had to be assumed about the law.
func (b *builder) assumption() {
	switch f := b.facts; {
	case f.Doubt != policy.NoDoubt:
		b.paragraph(b.say("doubt."+string(f.Doubt), "Law", b.short()))
	case f.Assumption != "":
		b.fellBack = b.fellBack || !b.isEnglish() // a case from before doubts had codes
		b.paragraph(f.Assumption)
	}
}

// list says what each system said.
func (b *builder) list(systems []System) {
	var list part
	for _, s := range systems {
		what := b.count("outcome."+string(s.Outcome), s.Records)
		if s.Outcome == dsar.Found && s.Records == 0 && s.Files > 0 {
			what = b.count("outcome.files", s.Files)
		}
		list.Items = append(list.Items, item{Text: b.say("system", "System", s.Title, "Outcome", what)})
	}
	b.parts = append(b.parts, list)
}

func (b *builder) responseReady() {
	f := b.facts
	asked, found, open := map[string]bool{}, 0, false // a system may have a line for what was found and one for what is missing
	for _, s := range f.Systems {
		asked[s.Title] = true
		if s.Outcome == dsar.Found {
			found++
		}
		open = open || !s.Outcome.Complete()
	}
	b.paragraph(b.own("intro", "Right", b.right()))
	b.paragraph(b.count("response_ready.found", len(asked), "Found", b.number(found)))
	b.list(f.Systems)
	if open {
		b.paragraph(b.own("open"))
		b.paragraph(b.say(b.goesOn()))
	}
	b.categoriesOnly()
	b.heading(b.own("get"))
	b.download()
	if f.Volumes > 1 {
		b.paragraph(b.count("response_ready.volumes", f.Volumes))
	}
	b.paragraph(b.own("inside"))
}

// grace says when an erasure begins and how to call it off.
func (b *builder) grace() {
	b.paragraph(b.own("intro", "Right", b.right(), "Day", b.day(b.facts.Until)))
	b.paragraph(b.own("lasting"))
	b.heading(b.own("change"))
	b.paragraph(b.own("cancel"))
	b.link(b.say("link.cancel"), b.facts.Link.Reveal())
	b.paragraph(b.own("nothing"))
	b.request("request")
}

// download offers the data.
func (b *builder) download() {
	b.link(b.say("link.download"), b.facts.Link.Reveal())
	b.paragraph(b.say("download.how"))
	b.paragraph(b.say("download.until", "Day", b.day(b.facts.Until)))
}

func (b *builder) nothingHeld() {
	b.paragraph(b.own("intro", "Right", b.right()))
	if len(b.facts.Systems) > 0 {
		b.paragraph(b.own("asked"))
		b.list(b.facts.Systems)
	}
	b.paragraph(b.own("kept"))
	b.paragraph(b.own("other_details"))
	b.request("request")
}

func (b *builder) done() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right()))
	b.list(f.Systems)
	if slices.ContainsFunc(f.Systems, func(s System) bool { return !s.Outcome.Complete() }) {
		b.paragraph(b.own("open"))
		b.paragraph(b.say(b.goesOn()))
	}
	if len(f.Reasons) > 0 {
		b.heading(b.own("why"))
		b.reasons()
	}
	b.told()
	b.request("request")
}

// told names the recipients who were told of the change, where the law wants them named.
func (b *builder) told() {
	if !b.demands(policy.StateRecipients) {
		return
	}
	if len(b.facts.Recipients) == 0 {
		b.paragraph(b.say("recipients.none"))
		b.states(policy.StateRecipients)
		return
	}
	b.paragraph(b.say("recipients.told"))
	var list part
	for _, name := range b.facts.Recipients {
		list.Items = append(list.Items, item{Text: oneLine(name)})
	}
	b.parts = append(b.parts, list)
	b.states(policy.StateRecipients)
}

// goesOn names the sentence about what is still open: it promises only what is going to happen.
func (b *builder) goesOn() string {
	if b.facts.GoesOn {
		return "open.goes_on"
	}
	return "open.ends"
}

// reasons lists them, the law after the words.
func (b *builder) reasons() {
	var list part
	cited := true
	for _, r := range b.facts.Reasons {
		text := oneLine(r.Text.Reveal())
		if r.Code != "" {
			text = b.say("reason."+string(r.Code), "Of", oneLine(r.Of))
		}
		list.Items = append(list.Items, item{Text: text, Note: b.cite(r.Citation)})
		cited = cited && r.Citation != ""
	}
	if len(list.Items) == 0 {
		return
	}
	b.parts = append(b.parts, list)
	b.states(policy.StateReasons)
	if cited {
		b.states(policy.StateStatutoryException)
	}
}

// refusal serves every letter that says no: what, why in words with the law after, what now.
func (b *builder) refusal() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right()))
	b.heading(b.own("why"))
	b.reasons()
	if b.demands(policy.StateOptOut) && webAddress(f.OptOutURL) {
		b.paragraph(b.say("opt_out"))
		b.link(b.say("link.opt_out"), f.OptOutURL)
		b.states(policy.StateOptOut)
	}
	if b.demands(policy.StateAssistance) {
		b.paragraph(b.say("assistance", "Contact", f.Tenant.Contact))
		b.states(policy.StateAssistance)
	}
	b.heading(b.say("now"))
	b.paragraph(b.own("now"))
	b.request("request")
}

func (b *builder) withdrawn() {
	b.paragraph(b.own("intro", "Right", b.right(), "Day", b.day(b.facts.On)))
	var changed []System
	for _, s := range b.facts.Systems {
		if slices.Contains([]dsar.Outcome{dsar.Erased, dsar.Corrected, dsar.Restricted}, s.Outcome) {
			changed = append(changed, s)
		}
	}
	if len(changed) > 0 {
		b.paragraph(b.own("done"))
		b.list(changed)
	} else {
		b.paragraph(b.own("nothing_done"))
	}
	b.paragraph(b.own("again"))
}

// shortNotice is a letter of two or three paragraphs and a link.
func (b *builder) shortNotice() {
	f := b.facts
	var facts []any
	switch b.kind {
	case Expired:
		facts = []any{"Day", b.day(f.On)}
	case Duplicate:
		facts = []any{"Day", b.day(f.Due), "Other", f.Other}
	case Locked:
		facts = []any{"Tries", b.count("tries", f.Tries)}
	default: // the other letters of this form need no further facts
	}
	facts = append(facts, "Right", b.right())
	b.paragraph(b.own("intro", facts...))
	b.paragraph(b.own("effect", facts...))
	b.paragraph(b.own("now", facts...))
	b.request("request")
}

func (b *builder) extension() {
	f := b.facts
	b.paragraph(b.own("intro", "Right", b.right(), "First", b.day(f.FirstDue), "Day", b.day(f.Due)))
	b.states(policy.StateDue)
	b.heading(b.own("why"))
	b.paragraph(b.say("extension.reason." + f.ExtensionReason))
	b.states(policy.StateReasons)
	b.reasons()
	b.steps()
	b.paragraph(b.own("earlier"))
	b.request("request")
}

func (b *builder) fromTheTeam() {
	b.paragraph(b.own("intro", "Right", b.right(), "Tenant", b.facts.Tenant.Title))
	if b.kind == CannotDetermine {
		var list part
		for _, s := range b.facts.Systems {
			list.Items = append(list.Items, item{Text: s.Title})
		}
		b.parts = append(b.parts, list)
		b.paragraph(b.own("effect"))
		b.paragraph(b.own("now"))
	}
	if quote := paragraphs(b.facts.Message.Reveal()); len(quote) > 0 {
		b.parts = append(b.parts, part{Quote: quote})
	}
	b.request("answer")
}
