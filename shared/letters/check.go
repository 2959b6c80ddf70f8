package letters

import (
	"net/url"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// need is a fact and whether it is there.
type need struct {
	pointer string
	there   bool
}

func check(kind Kind, f Facts) error {
	if !kind.Valid() {
		return fault.New(fault.Invalid, "there is no such letter")
	}
	for _, n := range append(common(f), needs(kind, f)...) {
		if !n.there {
			return fault.InvalidField(n.pointer, "letter "+string(kind)+" lacks a fact")
		}
	}
	return nil
}

func common(f Facts) []need {
	_, isReference := dsar.CleanReference(f.Reference)
	return []need{
		{"/tenant/title", f.Tenant.Title != ""},
		{"/tenant/controller", f.Tenant.Controller != ""},
		{"/tenant/contact", f.Tenant.Contact != ""},
		{"/reference", isReference},
		{"/right", f.Right.Valid()},
		{"/pack", f.Pack.ID != ""},
		{"/portalUrl", webAddress(f.PortalURL)},
	}
}

// needs lists the facts that the letter cannot do without.
func needs(kind Kind, f Facts) []need {
	link := need{"/link", webAddress(f.Link.Reveal())}
	code := need{"/code", len(f.Code.Reveal()) == 8 && strings.Trim(f.Code.Reveal(), "0123456789") == ""}
	validFor := need{"/validFor", f.ValidFor > 0}
	due, steps := need{"/due", !f.Due.IsZero()}, need{"/dueSteps", len(f.DueSteps) > 0}
	on, until := need{"/on", !f.On.IsZero()}, need{"/until", !f.Until.IsZero()}
	systems := need{"/systems", len(f.Systems) > 0 && validSystems(f.Systems)}
	reasons := need{"/reasons", len(f.Reasons) > 0 && !slices.ContainsFunc(f.Reasons, Reason.isZero)}
	message := need{"/message", strings.TrimSpace(f.Message.Reveal()) != ""}
	switch kind {
	case OwnerTask, OwnerReminder, OwnerPassed, VendorTask, VendorReminder:
		return ownerNeeds(kind, f)
	case RecipientNotice, RecipientReminder:
		return recipientNeeds(kind, f)
	case TeamReminder, TeamOverdue:
		return teamNeeds(f)
	case QuestionIdentity, QuestionClarification, FeeNotice, ClaimWarning, AppealReceived, AppealDecided, AppealExtended, ComplaintReceived, ComplaintDecided, ShortAnswer, RequestGranted, StatementKept:
		return actNeeds(kind, f)
	case ProveAgain:
		return []need{{"/tries", f.Tries > 0}, {"/verifyBy", !f.VerifyBy.IsZero()}}
	case Code, CodeAgain:
		return []need{code, link, validFor}
	case DownloadCode:
		return []need{code, validFor}
	case Acknowledgement:
		return []need{{"/receivedOn", !f.ReceivedOn.IsZero()}, due, steps}
	case ResponseReady:
		return []need{{"/right", f.Right.Discloses()}, systems, link, until}
	case NothingHeld:
		nothing := !slices.ContainsFunc(f.Systems, func(s System) bool { return s.Outcome != dsar.NothingHeld })
		return []need{{"/systems", nothing && validSystems(f.Systems)}}
	case Done:
		kept := slices.ContainsFunc(f.Systems, func(s System) bool { return s.Outcome == dsar.Retained })
		// GDPR Art. 12(4): who keeps something that was to be erased says why.
		return []need{systems, {"/reasons", !kept || reasons.there}}
	case NotIdentifiable, Refused:
		return []need{reasons}
	case Withdrawn:
		return []need{on, {"/systems", validSystems(f.Systems)}}
	case Expired:
		return []need{on}
	case Locked:
		return []need{{"/tries", f.Tries > 0}}
	case Duplicate:
		_, other := dsar.CleanReference(f.Other)
		return []need{{"/other", other}, due}
	case Extension:
		reason := f.Pack.Extension != nil && slices.Contains(f.Pack.Extension.Reasons, f.ExtensionReason)
		return []need{due, steps, {"/firstDue", !f.FirstDue.IsZero() && f.FirstDue.Before(f.Due)}, {"/extensionReason", reason}}
	case CannotDetermine:
		return []need{systems}
	case Message:
		return []need{message}
	case RestrictionEnds:
		return []need{on, reasons}
	case NewLink, Grace:
		return []need{link, until}
	}
	return nil
}

func validSystems(systems []System) bool {
	return !slices.ContainsFunc(systems, func(s System) bool { return s.Title == "" || !s.Outcome.Valid() || s.Records < 0 })
}

// webAddress keeps anything but a page out of a link.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
