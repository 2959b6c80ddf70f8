package letters

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// The letters to those who are responsible for a system. None of them names the person: who it is about stands behind the link.
const (
	OwnerTask      Kind = "owner_task"      // Task, Link, Until
	OwnerReminder  Kind = "owner_reminder"  // Task, Link, Until, On: the day of the first letter
	OwnerPassed    Kind = "owner_passed"    // Task with To: somebody else has it now
	VendorTask     Kind = "vendor_task"     // as OwnerTask, from controller to processor
	VendorReminder Kind = "vendor_reminder" // as OwnerReminder
)

// OwnerKinds lists them.
func OwnerKinds() []Kind {
	return []Kind{OwnerTask, OwnerReminder, OwnerPassed, VendorTask, VendorReminder}
}

// Task is what the owner of a system is asked to do.
type Task struct {
	System string      // as people of the tenant call it
	Action dsar.Action // ReadOut, Correct, Erase or Restrict
	Passed bool        // somebody who was asked before named this address
	To     redact.Text // who has the task now
}

// toVendor reports whether the letter goes to somebody outside the controller, and is formal.
func (k Kind) toVendor() bool { return k == VendorTask || k == VendorReminder }

func ownerNeeds(kind Kind, f Facts) []need {
	act := slices.Contains([]dsar.Action{dsar.ReadOut, dsar.Correct, dsar.Erase, dsar.Restrict}, f.Task.Action)
	all := []need{{"/task/system", f.Task.System != ""}, {"/task/action", act}}
	if kind == OwnerPassed {
		return append(all, need{"/task/to", !f.Task.To.IsZero()})
	}
	all = append(all, need{"/link", webAddress(f.Link.Reveal())}, need{"/until", !f.Until.IsZero()})
	if kind == OwnerReminder || kind == VendorReminder {
		all = append(all, need{"/on", !f.On.IsZero()})
	}
	return all
}

// owner writes the body of a letter to somebody of the controller's own people, vendor that to somebody outside.
func (b *builder) owner() {
	f := b.facts
	system := oneLine(f.Task.System)
	if b.kind == OwnerPassed {
		b.paragraph(b.own("intro", "System", system, "To", oneLine(f.Task.To.Reveal())))
		b.paragraph(b.own("effect", "Contact", f.Tenant.Contact))
		return
	}
	if b.kind == OwnerReminder {
		b.paragraph(b.own("intro", "Day", b.day(f.On)))
	}
	b.paragraph(b.say("owner.what."+string(f.Task.Action), "System", system))
	if f.Task.Passed {
		b.paragraph(b.say("owner.passed"))
	}
	b.link(b.say("link.task"), f.Link.Reveal())
	b.paragraph(b.say("owner.page"))
	b.paragraph(b.say("owner.until", "Day", b.day(f.Until), "System", system))
	b.paragraph(b.say("owner.others", "System", system))
}

func (b *builder) vendor() {
	f := b.facts
	system := oneLine(f.Task.System)
	if b.kind == VendorReminder {
		b.paragraph(b.own("intro", "Day", b.day(f.On)))
	}
	b.paragraph(b.say("vendor.role", "Controller", f.Tenant.Controller, "System", system, "Law", b.law()))
	b.paragraph(b.say("vendor.what." + string(f.Task.Action)))
	if f.Task.Passed {
		b.paragraph(b.say("owner.passed"))
	}
	b.paragraph(b.say("vendor.until", "Day", b.day(f.Until)))
	b.link(b.say("link.answer_here"), f.Link.Reveal())
	b.paragraph(b.say("owner.page"))
	b.paragraph(b.say("vendor.by_mail", "Reference", f.Reference))
}
