package clock

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// What After counts for. Windows are the person's; the others bind the controller.
const (
	Execution            = "execution"             // carrying out what was granted, from the grant
	AppealWindow         = "appeal_window"         // until when the person may appeal, from the decision
	AppealAcknowledge    = "appeal_acknowledge"    // confirming the appeal, from its arrival
	AppealDecision       = "appeal_decision"       // deciding it, from its arrival
	ComplaintWindow      = "complaint_window"      // until when the person may go to the authority, from the decision
	ComplaintAcknowledge = "complaint_acknowledge" // confirming a complaint to the controller, from its arrival
	ComplaintDecision    = "complaint_decision"    // deciding it, from its arrival
	ConsentStop          = "consent_stop"          // ending what the withdrawn consent allowed, from the withdrawal
	RecipientNotice      = "recipient_notice"      // telling recipients, from the change of the data
)

// Whats lists what After counts for.
func Whats() []string {
	return []string{Execution, AppealWindow, AppealAcknowledge, AppealDecision, ComplaintWindow, ComplaintAcknowledge, ComplaintDecision, ConsentStop, RecipientNotice}
}

// PeriodOf returns the period that the law sets for one of the constants above; the zero period when it sets none. known is false
// for any other text.
func PeriodOf(p policy.Pack, r dsar.Right, what string) (out policy.Period, known bool) {
	var found *policy.Period
	switch what {
	case Execution, RecipientNotice:
		found = p.Duty(what, r)
	case AppealWindow, AppealAcknowledge, AppealDecision:
		if a := p.Appeal; a != nil {
			found = map[string]*policy.Period{AppealWindow: a.Window, AppealAcknowledge: a.Acknowledge, AppealDecision: &a.Decision}[what]
		}
	case ComplaintWindow:
		if p.Complaint.Authority != nil {
			found = p.Complaint.Authority.Window
		}
	case ComplaintAcknowledge:
		if found = p.Complaint.Acknowledge; found == nil {
			found = p.Duty("complaint_acknowledgement", r) // where packs had it before complaints had clocks
		}
	case ComplaintDecision:
		found = p.Complaint.Decide
	case ConsentStop:
		if p.Consent != nil {
			found = p.Consent.StopWithin
		}
	default:
		return policy.Period{}, false
	}
	if found == nil {
		return policy.Period{}, true
	}
	return *found, true
}

// Setting is what a period that is no answer depends on beside its start.
type Setting struct {
	Zone     *time.Location // of the tenant; needed
	Calendar policy.Calendar
	Roll     policy.Roll   // of the law; only a window of the person moves off a day on which nobody works
	Extended policy.Amount // the whole period once it is extended; zero: it is not
	Told     time.Time     // when the person was told of the extension
	Cautious bool          // as in Input; a window of the person is never shortened by it
}

// After returns by when something other than the answer is due: the period p counted from the instant of its start event. what is
// one of the constants above. A period without a unit sets none, and the deadline is zero. Deadlines of the controller are not
// rolled: the earlier date is the safe one. A window of the person is, as far as the law rolls: the later date is.
func After(p policy.Period, from time.Time, in Setting, what string) Deadline {
	if p.Unit == "" {
		return Deadline{}
	}
	window := what == AppealWindow || what == ComplaintWindow
	r := &run{period: p, zone: in.Zone, cal: in.Calendar, start: from, plain: in.Cautious && !window}
	if r.plain {
		r.cal = weekends(in.Calendar)
	}
	var s steps
	s.add("", started(what, p.StartEvent), civil.In(from, in.Zone), in.Zone)
	switch {
	case in.Extended != policy.Amount{}:
		r.period.Value, r.period.Unit = in.Extended.Value, in.Extended.Unit
		granted{event: Event{At: in.Told}, holds: true}.step(&s, r, p.Basis)
	case window && p.Unit != policy.Hours && p.Kind == policy.Policy:
		s.add(p.Basis, "window_own", p.Amount(), r.uncounted())
	case window && p.Unit != policy.Hours:
		s.add(p.Basis, "window", p.Amount(), r.uncounted())
	default:
		r.periodStep(&s, p.Basis, false)
	}
	r.arithmeticSteps(&s)
	return r.finish(&s, in.Roll, window)
}

// started is the code of the step that says what the time runs from.
func started(what string, e policy.StartEvent) string {
	switch what {
	case Execution:
		e = policy.OnGrant
	case AppealWindow, ComplaintWindow:
		e = policy.OnDecision
	case AppealAcknowledge, AppealDecision:
		e = policy.OnAppeal
	case ComplaintAcknowledge, ComplaintDecision:
		e = policy.OnComplaint
	case RecipientNotice:
		e = policy.OnChange
	}
	switch e {
	case policy.OnVerification, policy.OnFee, policy.OnGrant, policy.OnDecision, policy.OnAppeal, policy.OnComplaint, policy.OnChange:
		return "started_" + string(e)
	default:
		return "received"
	}
}
