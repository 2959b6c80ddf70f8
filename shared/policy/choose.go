package policy

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// fallback is the law that stands in where no pack fits: the strictest that is widely known.
const fallback ID = "eu"

// Where is what the law of a request depends on.
type Where struct {
	Residence  Place      // of the person; an empty country is unknown
	RegionText string     // region of the residence as the person wrote it: ISO 3166-2 with or without the country, or its English name
	Seat       Place      // of the controller; an empty country is unknown
	On         civil.Date // day of receipt, which decides what is in force; zero: no law is too new or too old
	Right      dsar.Right // asked for: which law is the strictest may depend on it; empty: none in particular
	Scope      []ID       // laws that the controller works under; empty: all
	Allowed    func(Pack) bool
}

// Choice is the law of a request.
type Choice struct {
	Pack Pack    // governs: what a letter calls the law, which rights there are
	Also []Other // apply beside it; the earliest date of all governs
	// Assumption says in words, for the person, what had to be assumed; empty when nothing was. It names the law and never repeats
	// what the person wrote. Doubt is its code.
	Assumption string
	Doubt      Doubt
}

// Other is a law that applies beside the governing one.
type Other struct {
	Pack Pack
	Why  string // for the privacy team, with the citation
}

// Doubt is why a law had to be assumed. Stable codes.
type Doubt string

// The doubts. NoDoubt is that of a choice that is sure.
const (
	NoDoubt           Doubt = ""
	CountryUnknown    Doubt = "country_unknown"
	CountryUnrecorded Doubt = "country_unrecorded" // no pack is about the country
	RegionUnknown     Doubt = "region_unknown"     // the law depends on it
	RegionUnrecorded  Doubt = "region_unrecorded"  // no pack is about the region, and none about the whole country
	NotInForce        Doubt = "not_in_force"       // the law of the place starts later, or has ended
	OutOfScope        Doubt = "out_of_scope"       // the controller says that it does not work under the law of the place
	Unconfirmed       Doubt = "unconfirmed"        // the law of the place is not Allowed: a draft
)

// Doubts lists every doubt.
func Doubts() []Doubt {
	return []Doubt{CountryUnknown, CountryUnrecorded, RegionUnknown, RegionUnrecorded, NotInForce, OutOfScope, Unconfirmed}
}

// because is the first half of the assumption.
var because = map[Doubt]string{
	CountryUnknown:    "We do not know in which country you live",
	CountryUnrecorded: "We have not yet recorded the law of the country you live in",
	RegionUnknown:     "The law depends on the state or region you live in, which we do not know",
	RegionUnrecorded:  "We have not yet recorded the law of the state or region you live in",
	NotInForce:        "The data protection law of the place where you live was not in force when you wrote to us",
	OutOfScope:        "The law of the place where you live is none of those that this company works under",
	Unconfirmed:       "We have not yet confirmed how we read the law of the place where you live",
}

// Choose returns the law of a request: that of the person's residence, its region's before its country's, and beside it that of
// the controller's seat where it reaches whoever a controller there serves. Only laws in force on the day, in scope and allowed
// count. Where the law of the residence is not known, the strictest of those that may apply governs: the one that grants the
// right and gives the least time. Those are the laws of the country's regions when only the region is missing, else those of the
// scope, else that of the European Union; that of the seat always. Choose always finds a law.
func (s *Set) Choose(w Where) Choice {
	home := Place{Country: country(w.Residence.Country)}
	home.Region = region(home.Country, cmp.Or(w.RegionText, w.Residence.Region))
	local, doubt, may := s.residence(w, home)
	seat, sits := s.seat(w)
	out := Choice{Pack: local, Doubt: doubt}
	if doubt != NoDoubt {
		if sits {
			may = append(may, seat)
		}
		out.Pack = strictest(may, w, seat.ID)
		out.Assumption = because[doubt] + ", so we apply this law: " + out.Pack.Short + " (" + out.Pack.Name + "). This is an assumption, and you can tell us if it is wrong."
	}
	out.Also = s.Beside(w, out.Pack.ID)
	return out
}

// Beside returns the laws that apply beside the governing one, whichever that is.
func (s *Set) Beside(w Where, governing ID) []Other {
	seat, sits := s.seat(w)
	if !sits || seat.ID == governing {
		return nil
	}
	return []Other{{Pack: seat, Why: "The company sits in its territory, and it binds companies there wherever the person lives (" + seat.Reach.Basis + ")."}}
}

// residence returns the law of the place where the person lives, or why it is not known and which laws it may be.
func (s *Set) residence(w Where, home Place) (local Pack, doubt Doubt, may []Pack) {
	if home.Country == "" {
		return Pack{}, CountryUnknown, s.standIns(w)
	}
	ofRegion, ofCountry, regional := s.at(home)
	doubt = CountryUnrecorded
	for _, p := range []*Pack{ofRegion, ofCountry} {
		if p == nil {
			continue
		}
		switch {
		case !w.inForce(*p):
			doubt = NotInForce
		case !w.inScope(*p):
			doubt = OutOfScope
		case !w.allowed(*p):
			return Pack{}, Unconfirmed, s.standIns(w)
		case home.Region == "" && len(w.usable(regional)) > 0: // a law of a region may go before it
			return Pack{}, RegionUnknown, append(w.usable(regional), *p)
		default:
			return *p, NoDoubt, nil
		}
	}
	if ofRegion == nil && ofCountry == nil && len(regional) > 0 {
		if home.Region == "" {
			return Pack{}, RegionUnknown, cmpOr(w.usable(regional), s.standIns(w))
		}
		// A name that no pack knows may be that of a region without a law, or a known one spelt in another way.
		return Pack{}, RegionUnrecorded, append(s.standIns(w), w.usable(regional)...)
	}
	return Pack{}, doubt, s.standIns(w)
}

// seat returns the law that applies because of where the controller sits, if there is one.
func (s *Set) seat(w Where) (Pack, bool) {
	at := Place{Country: country(w.Seat.Country)}
	at.Region = region(at.Country, w.Seat.Region)
	ofRegion, ofCountry, _ := s.at(at)
	for _, p := range []*Pack{ofRegion, ofCountry} {
		if p != nil && p.Reach.Establishment && w.usable([]Pack{*p}) != nil {
			return *p, true
		}
	}
	return Pack{}, false
}

// at returns the packs of the place's region and of its country, and those of every region of the country, usable or not.
func (s *Set) at(place Place) (ofRegion, ofCountry *Pack, regional []Pack) {
	for _, head := range s.Index() {
		for _, t := range head.Territory {
			if t.Country != place.Country {
				continue
			}
			p := s.current[head.ID].read()
			switch {
			case t.Region == "":
				ofCountry = &p
			default:
				if place.Region != "" && (t.Region == place.Region || fold(t.RegionName) == place.Region) {
					ofRegion = &p
				}
				regional = append(regional, p)
			}
		}
	}
	return ofRegion, ofCountry, regional
}

// standIns returns the laws that may apply to somebody of whose place nothing is known. There is always one.
func (s *Set) standIns(w Where) []Pack {
	var scope []Pack
	for _, id := range w.Scope {
		if p, ok := s.current[id]; ok {
			scope = append(scope, p.read())
		}
	}
	return cmpOr(w.usable(scope), []Pack{s.current[fallback].read()})
}

// usable returns the packs that may govern the request; nil when there is none.
func (w Where) usable(packs []Pack) []Pack {
	var out []Pack
	for _, p := range packs {
		if w.inForce(p) && w.inScope(p) && w.allowed(p) {
			out = append(out, p)
		}
	}
	return out
}

func (w Where) inForce(p Pack) bool { return w.On.IsZero() || p.InForce(w.On) }
func (w Where) inScope(p Pack) bool { return len(w.Scope) == 0 || slices.Contains(w.Scope, p.ID) }
func (w Where) allowed(p Pack) bool { return w.Allowed == nil || w.Allowed(p) }

// strictest returns the pack that asks most of the controller. Among equals the law of the seat goes first, which applies whatever
// the residence is; then the law that wants receipt confirmed, the one with more rights, the European Union's.
func strictest(packs []Pack, w Where, seat ID) Pack {
	key := func(p Pack) []int {
		level := map[Level]int{Full: 0, Partial: 1, None: 2}
		granted := 0
		for _, r := range dsar.Rights() {
			granted += 2 - level[p.levelOn(r, w.On)]
		}
		asked := 0
		if w.Right != "" {
			asked = level[p.levelOn(w.Right, w.On)]
		}
		return []int{asked, length(p.RuleIn(w.Right, Circumstances{On: w.On}).Response), truth(p.ID != seat), truth(!p.Acknowledge.Required), -granted, truth(p.ID != fallback)}
	}
	return slices.MinFunc(packs, func(a, b Pack) int {
		return cmp.Or(slices.Compare(key(a), key(b)), strings.Compare(string(a.ID), string(b.ID)))
	})
}

// levelOn is RightLevelOn, and RightLevel on no day in particular.
func (p Pack) levelOn(r dsar.Right, on civil.Date) Level {
	if on.IsZero() {
		return p.RightLevel(r)
	}
	return p.RightLevelOn(r, on)
}

// length compares periods that are counted in different units: hours, as they come on average.
func length(p Period) int {
	switch p.Unit {
	case Hours:
		return p.Value
	case BusinessDays:
		return p.Value * 24 * 7 / 5
	case CalendarMonths:
		return p.Value * 8766 / 12 // a year of 365.25 days
	default:
		return p.Value * 24
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cmpOr returns the first list that is not empty.
func cmpOr(lists ...[]Pack) []Pack {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}
	return nil
}

// country returns the code of ISO 3166-1 for what people write in its place.
func country(s string) string {
	switch c := fold(s); c {
	case "UK":
		return "GB" // ISO 3166-1 reserves UK for the United Kingdom
	case "EL":
		return "GR" // what the European Union itself writes
	default:
		return c
	}
}

// region returns the code without its country, or the name, as fold does.
func region(country, s string) string { return strings.TrimPrefix(fold(s), country+"-") }

// fold makes spellings of one name the same: upper case, no marks, one blank between words.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
