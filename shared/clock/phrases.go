package clock

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// ArgKind says what the value of an argument is, and so how a letter in another language writes it.
type ArgKind string

// The kinds of arguments, each with the form of its value.
const (
	DateArg   ArgKind = "date"   // 2027-03-01
	AmountArg ArgKind = "amount" // 10 business_days: number, space, policy.Unit
	EventArg  ArgKind = "event"  // what was asked for: identity, clarification or fee (policy.StopEvent)
	ZoneArg   ArgKind = "zone"   // IANA name: Europe/Berlin
	TimeArg   ArgKind = "time"   // RFC 3339 with the offset of the zone, so that the clock on the wall can be read off it
	TextArg   ArgKind = "text"   // written as it is: a number, the short name of a law, the title of a calendar
)

// Arg is one value in a step. Value is text in the form that Kind names, so that every store keeps it as it is.
type Arg struct {
	Name  string  `json:"name"`
	Kind  ArgKind `json:"kind"`
	Value string  `json:"value"`
}

// Date returns the value of a DateArg; the zero date when it is none.
func (a Arg) Date() civil.Date {
	d, err := civil.Parse(a.Value)
	if err != nil || a.Kind != DateArg {
		return civil.Date{}
	}
	return d
}

// Amount returns the value of an AmountArg; the zero amount when it is none.
func (a Arg) Amount() policy.Amount {
	value, unit, _ := strings.Cut(a.Value, " ")
	n, err := strconv.Atoi(value)
	if err != nil || a.Kind != AmountArg {
		return policy.Amount{}
	}
	return policy.Amount{Value: n, Unit: policy.Unit(unit)}
}

// Time returns the value of a TimeArg with its offset; the zero time when it is none.
func (a Arg) Time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, a.Value)
	if err != nil || a.Kind != TimeArg {
		return time.Time{}
	}
	return t
}

// words returns the value as an English sentence has it.
func (a Arg) words() string {
	switch a.Kind {
	case DateArg:
		return a.Date().Words()
	case AmountArg:
		return InWords(a.Amount())
	case EventArg:
		return thing(policy.StopEvent(a.Value))
	case TimeArg:
		return a.Time().Format("15:04:05 on Monday 2 January 2006")
	default:
		return a.Value
	}
}

// value returns the argument of a Go value; its kind follows from the type.
func value(name string, v any) Arg {
	switch v := v.(type) {
	case civil.Date:
		return Arg{name, DateArg, v.String()}
	case policy.Amount:
		return Arg{name, AmountArg, strconv.Itoa(v.Value) + " " + string(v.Unit)}
	case policy.StopEvent:
		return Arg{name, EventArg, string(v)}
	case *time.Location:
		return Arg{name, ZoneArg, v.String()}
	case time.Time:
		return Arg{name, TimeArg, v.Format(time.RFC3339Nano)}
	case string:
		return Arg{name, TextArg, v}
	default:
		return Arg{Name: name}
	}
}

// StepCode is one sentence that a step may be: its code, the names and kinds of its arguments in order, and the English words
// with an argument's name in braces where its value stands. Codes are stable wire values.
type StepCode struct {
	Code    string
	Args    []Arg // without values
	English string
}

// StepCodes lists every sentence, so that letters can have each in every language.
func StepCodes() []StepCode {
	out := make([]StepCode, 0, len(phrases))
	for _, p := range phrases {
		out = append(out, StepCode{p.code, p.args(), p.english})
	}
	return out
}

// args returns the arguments in the order in which the English words name them.
func (p phrase) args() []Arg {
	var out []Arg
	for _, part := range strings.Split(p.english, "{")[1:] {
		name, _, _ := strings.Cut(part, "}")
		out = append(out, Arg{Name: name, Kind: argKinds[name]})
	}
	return out
}

// sentence returns the step of a code with the values in the order of the code's arguments.
func sentence(citation, code string, values ...any) Step {
	i := slices.IndexFunc(phrases, func(p phrase) bool { return p.code == code })
	s := Step{Code: code, Text: phrases[i].english, Citation: citation}
	for n, a := range phrases[i].args() {
		a = value(a.Name, values[n])
		s.Args = append(s.Args, a)
		s.Text = strings.Replace(s.Text, "{"+a.Name+"}", a.words(), 1)
	}
	return s
}

// argKinds says of which kind an argument of the name is, in every sentence.
var argKinds = map[string]ArgKind{
	"date": DateArg, "asked": DateArg, "start": DateArg, "until": DateArg, "told": DateArg, "answered": DateArg, "rolled": DateArg,
	"amount": AmountArg, "event": EventArg, "zone": ZoneArg, "time": TimeArg, "day": TextArg, "law": TextArg, "calendar": TextArg,
}

type phrase struct{ code, english string }

// phrases is the catalogue of sentences, in the order in which a reason may have them.
var phrases = []phrase{
	// What the time runs from.
	{"received", "The request arrived on {date} (time zone {zone})."},
	{"started_verification", "We had the proof of identity on {date} (time zone {zone})."},
	{"started_fee", "We had the fee on {date} (time zone {zone})."},
	{"started_grant", "We told you on {date} that we grant the request (time zone {zone})."},
	{"started_decision", "We told you of the decision on {date} (time zone {zone})."},
	{"started_appeal", "The appeal arrived on {date} (time zone {zone})."},
	{"started_complaint", "The complaint arrived on {date} (time zone {zone})."},
	{"started_change", "The data was changed on {date} (time zone {zone})."},
	{"restarted", "We asked for {event} on {asked}. The time runs from {start}, when we had the answer."},
	{"restarted_open", "We asked for {event} on {asked} and have no answer yet. The time runs from the day of the answer; this date is as if it were {start}."},
	{"restarted_dropped", "We asked for {event} on {asked}. The time runs from {start}, when we no longer needed it."},

	// How long it is.
	{"processor", "Somebody who processes data for us must act too, and the law gives more time for that."},
	{"period", "The law gives us {amount} from that day: until {until}."},
	{"period_hours", "The law gives us {amount} from that moment."},
	{"period_own", "The law sets no time; we allow ourselves {amount} from that day: until {until}."},
	{"period_own_hours", "The law sets no time; we allow ourselves {amount} from that moment."},
	{"period_published", "The law has us publish our own time. It is {amount} from that day: until {until}."},
	{"period_at_once", "This is to be done at once, so on that day: {until}."},
	{"window", "The law gives you {amount} from that day: until {until}."},
	{"window_own", "The law sets no time; we give you {amount} from that day: until {until}."},
	{"target", "Apart from the law, we want to be done {amount} before that: by {until}."},
	{"extended", "On {told} we told you that we need longer. Counted from the first day, the whole time is {amount}: until {until}."},
	{"extended_hours", "On {told} we told you that we need longer. Counted from the first moment, the whole time is {amount}."},
	{"extended_open", "On {told} we told you that we need longer and by when we answer: until {until}."},
	{"extended_past", "On {told} we told you that we need until {until}. What we asked for since gives us longer than that."},
	{"extension_unknown", "On {told} we told you that we need longer. This law has no extension for the request, so the date stays."},
	{"extension_reason", "On {told} we told you that we need longer. The reason is none that this law knows, so the date stays."},
	{"extension_late", "On {told} we told you that we need longer, when this law no longer allowed that. The date stays."},
	{"month_end", "That month has no day {day}, so its last day counts."},
	{"cautious_day", "Read strictly, the law counts the first day too. To be safe we take one day less: until {until}."},
	{"working_days", "Working days are counted by this calendar: {calendar}."},
	{"weekends_only", "To be safe we count every day but the weekend as a working day."},
	{"calendar_ends", "For some of these days the calendar has no public holidays yet, so only weekends are left out. The date may turn out earlier than it must be."},

	// What questions did to it.
	{"question_late", "We asked for {event} on {asked}, when the date had passed. That does not move it."},
	{"question_belated", "We asked for {event} on {asked}, later than we should have. That does not move the date."},
	{"question_unpaid", "We asked for {event} on {asked}. We may wait for it, and the date stays."},
	{"question_no_effect", "We asked for {event} on {asked}. That does not move the date."},
	{"question_cautious", "We asked for {event} on {asked}. Only guidance says that this moves the date, so to be safe it stays."},
	{"waited", "We waited for {event}, asked for on {asked}, which came on {answered}."},
	{"waited_open", "We waited for {event}, asked for on {asked}, which had not come by {until}."},
	{"waited_dropped", "We waited for {event}, asked for on {asked}, until we no longer needed it on {until}."},
	{"waits_add", "That adds {amount}: until {until}."},
	{"waits_add_hours", "That time does not count."},

	// Where it ends.
	{"rolled_weekend", "{until} is not a working day, so the date moves to the next working day, {rolled}."},
	{"rolled_holiday", "{until} is a public holiday, so the date moves to the next working day, {rolled}."},
	{"rolled_closed", "{until} is in a time of the year that the law leaves out, so the date moves to the next working day, {rolled}."},
	{"not_rolled", "{until} is not a working day. To be safe we do not move the date."},
	{"ends", "The last moment is the end of {date} in {zone}."},
	{"ends_at", "The last moment is {time} in {zone}."},
	{"earliest", "Several laws apply. The earliest date is that of {law}: {date}."},
}

func thing(e policy.StopEvent) string {
	switch e {
	case policy.IdentityRequested:
		return "proof of identity"
	case policy.FeeRequested:
		return "a fee"
	default:
		return "more detail"
	}
}

// InWords returns an amount in English words: "1 month", "10 business days", "72 hours".
func InWords(a policy.Amount) string {
	name := map[policy.Unit]string{policy.CalendarDays: "day", policy.BusinessDays: "business day", policy.CalendarMonths: "month", policy.Hours: "hour"}[a.Unit]
	if a.Value != 1 {
		name += "s"
	}
	return strconv.Itoa(a.Value) + " " + name
}
