package numbers

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Count is the numbers of some requests. Complied, InPart, Denied, Withdrawn, Unverified and Open add up to Received.
//
// What 11 CCR 7102(a)(1) calls "complied with in whole or in part" is Complied and InPart together, and "denied" is Denied and
// Unverified together.
type Count struct {
	Received   int           `json:"received"`
	Complied   int           `json:"complied"`
	InPart     int           `json:"compliedInPart"`
	Denied     int           `json:"denied"`
	Withdrawn  int           `json:"withdrawn"`
	Unverified int           `json:"unverified"`
	Open       int           `json:"open"`
	Late       int           `json:"late"`                 // of any result: answered late, or open past its due instant
	Answered   int           `json:"answered"`             // in substance; MeanDays and MedianDays are over these
	MeanDays   *float64      `json:"meanDays,omitempty"`   // to two decimals; see Row.Days
	MedianDays *float64      `json:"medianDays,omitempty"` // of an even number, half way between the two in the middle
	Bases      map[Basis]int `json:"bases"`                // requests denied in whole or in part, by why; one may count for several
}

// tally adds rows up. Its size does not grow with their number.
type tally struct {
	count Count
	days  map[int]int // answers by days taken
}

func (t *tally) add(r Row, zone *time.Location, now time.Time) {
	c := &t.count
	c.Received++
	switch r.Result {
	case Complied:
		c.Complied++
	case InPart:
		c.InPart++
	case Denied:
		c.Denied++
	case Withdrawn:
		c.Withdrawn++
	case Unverified:
		c.Unverified++
	default:
		c.Open++
	}
	if r.IsLate(now) {
		c.Late++
	}
	if n, ok := r.Days(zone); ok {
		if t.days == nil {
			t.days = map[int]int{}
		}
		c.Answered++
		t.days[n]++
	}
	for _, b := range r.Bases() {
		if c.Bases == nil {
			c.Bases = map[Basis]int{}
		}
		c.Bases[b]++
	}
}

// sum returns the numbers so far.
func (t *tally) sum() Count {
	c := t.count
	c.Bases = map[Basis]int{}
	maps.Copy(c.Bases, t.count.Bases)
	if c.Answered == 0 {
		return c
	}
	total := 0
	for n, times := range t.days {
		total += n * times
	}
	mean := math.Round(float64(total)/float64(c.Answered)*100) / 100
	median := (float64(t.nth((c.Answered-1)/2)) + float64(t.nth(c.Answered/2))) / 2
	c.MeanDays, c.MedianDays = &mean, &median
	return c
}

// nth returns the days that the answer at place i took, counted from 0, quickest first.
func (t *tally) nth(i int) int {
	for _, n := range slices.Sorted(maps.Keys(t.days)) {
		if i -= t.days[n]; i < 0 {
			return n
		}
	}
	return 0
}

// Question says what is counted: the requests received on the days From to To, both included, in the zone; of one law or right when
// they are named. A zero From or To is open.
type Question struct {
	From, To civil.Date
	Law      string
	Right    dsar.Right
	Zone     *time.Location
	Now      time.Time // decides which open requests are late
}

// Asks reports whether the row is among what the question is about.
func (q Question) Asks(r Row) bool {
	day := civil.In(r.ReceivedAt, q.Zone)
	return (q.From.IsZero() || !day.Before(q.From)) && (q.To.IsZero() || !day.After(q.To)) &&
		(q.Law == "" || r.Law == q.Law) && (q.Right == "" || r.Right == q.Right)
}

// Line is the numbers of one law and right. Law is empty for requests that no law was chosen for yet.
type Line struct {
	Law   string     `json:"law"`
	Right dsar.Right `json:"right"`
	Count
}

// Month is the numbers of the requests received in one calendar month.
type Month struct {
	Month string `json:"month"` // YYYY-MM
	Count
}

// Kind is a kind of request as 11 CCR 7102(a)(1) names it. Wire values.
type Kind string

// The kinds.
const (
	Delete  Kind = "delete"
	Correct Kind = "correct"
	Know    Kind = "know" // access and portability: one right in the CCPA
	OptOut  Kind = "opt_out"
	Limit   Kind = "limit"
)

// Kinds lists every kind in the order of 11 CCR 7102(a)(1).
func Kinds() []Kind { return []Kind{Delete, Correct, Know, OptOut, Limit} }

// KindOf returns how 11 CCR 7102 calls a right; ok is false for a right that it does not count.
func KindOf(r dsar.Right) (k Kind, ok bool) {
	switch r {
	case dsar.Erasure:
		return Delete, true
	case dsar.Correction:
		return Correct, true
	case dsar.Access, dsar.Portability:
		return Know, true
	case dsar.OptOut:
		return OptOut, true
	case dsar.LimitSensitive:
		return Limit, true
	default:
		return "", false
	}
}

// California is the law whose numbers 11 CCR 7102 has published.
const California = "us-ca"

// Published is the numbers that 11 CCR 7102(a)(1) asks a business to publish, of one kind of request.
type Published struct {
	Kind       Kind     `json:"kind"`
	Received   int      `json:"received"`
	Complied   int      `json:"complied"` // in whole or in part
	Denied     int      `json:"denied"`   // unverified ones too
	MeanDays   *float64 `json:"meanDays,omitempty"`
	MedianDays *float64 `json:"medianDays,omitempty"`
}

// Report is the answer to a question.
type Report struct {
	Total     Count       `json:"total"`
	Lines     []Line      `json:"lines"`               // by law, then right; those without a request are left out
	Months    []Month     `json:"months"`              // every month from the first with a request to the last
	Published []Published `json:"published,omitempty"` // all kinds, when there is a request under Californian law

	ByStatus map[dsar.Status]int `json:"-"`
	ByRight  map[dsar.Right]int  `json:"-"`
	Statuses map[Standing]int    `json:"-"`
}

// Standing is a right and a status.
type Standing struct {
	Right  dsar.Right
	Status dsar.Status
}

// Summarise answers the question from rows in any order; rows that it is not about are passed over. The error is the first of the rows'.
func Summarise(rows iter.Seq2[Row, error], q Question) (Report, error) {
	var total tally
	lines, months, kinds := map[lineKey]*tally{}, map[string]*tally{}, map[Kind]*tally{}
	out := Report{ByStatus: map[dsar.Status]int{}, ByRight: map[dsar.Right]int{}, Statuses: map[Standing]int{}, Lines: []Line{}, Months: []Month{}}
	for r, err := range rows {
		if err != nil {
			return Report{}, err
		}
		if !q.Asks(r) {
			continue
		}
		day := civil.In(r.ReceivedAt, q.Zone)
		into := []*tally{&total, at(lines, lineKey{r.Law, r.Right}), at(months, day.String()[:7])}
		if k, ok := KindOf(r.Right); ok && r.Law == California {
			into = append(into, at(kinds, k))
		}
		for _, t := range into {
			t.add(r, q.Zone, q.Now)
		}
		out.ByStatus[r.Status]++
		out.ByRight[r.Right]++
		out.Statuses[Standing{r.Right, r.Status}]++
	}
	out.Total = total.sum()
	for _, k := range slices.SortedFunc(maps.Keys(lines), lineKey.compare) {
		out.Lines = append(out.Lines, Line{Law: k.law, Right: k.right, Count: lines[k].sum()})
	}
	out.Months = everyMonth(months)
	if len(kinds) > 0 {
		for _, k := range Kinds() {
			out.Published = append(out.Published, publish(k, at(kinds, k).sum()))
		}
	}
	return out, nil
}

func publish(k Kind, c Count) Published {
	return Published{Kind: k, Received: c.Received, Complied: c.Complied + c.InPart, Denied: c.Denied + c.Unverified, MeanDays: c.MeanDays, MedianDays: c.MedianDays}
}

type lineKey struct {
	law   string
	right dsar.Right
}

// compare puts laws in the order of their names, and rights in the order of the portal.
func (k lineKey) compare(o lineKey) int {
	return cmp.Or(cmp.Compare(k.law, o.law), cmp.Compare(slices.Index(dsar.Rights(), k.right), slices.Index(dsar.Rights(), o.right)))
}

func at[K comparable](m map[K]*tally, k K) *tally {
	t := m[k]
	if t == nil {
		t = &tally{}
		m[k] = t
	}
	return t
}

// everyMonth lists the months from the first to the last without a gap, so that a chart of them is one of time.
func everyMonth(months map[string]*tally) []Month {
	out := []Month{}
	if len(months) == 0 {
		return out
	}
	names := slices.Sorted(maps.Keys(months))
	for day, last := firstOf(names[0]), names[len(names)-1]; ; day = day.AddMonths(1) {
		name := day.String()[:7]
		out = append(out, Month{Month: name, Count: at(months, name).sum()})
		if name >= last {
			return out
		}
	}
}

// firstOf is the first day of a month that this package named.
func firstOf(month string) civil.Date {
	d, _ := civil.Parse(month + "-01")
	return d
}
