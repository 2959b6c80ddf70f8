package verification

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Finding is what became of one item. Wire values. A person is never told which detail was wrong.
type Finding string

// The findings.
const (
	Given    Finding = "given"    // typed, not compared yet; a code entered, a declaration signed, a mandate or document accepted
	Matches  Finding = "match"    // the detail is held
	Differs  Finding = "no_match" // details of this kind are held, and this is none of them
	NotHeld  Finding = "not_held" // nothing of this kind is held of this person: it says nothing against her
	Declined Finding = "declined" // she cannot or does not want to
	Rejected Finding = "rejected" // a person looked at it and it did not prove what it should
)

// Findings lists every finding.
func Findings() []Finding { return []Finding{Given, Matches, Differs, NotHeld, Declined, Rejected} }

// Open reports whether the item waits for the person.
func (a Asked) Open() bool { return a.Result == "" }

// Score compares the details that a person gave with those that are held, and returns the items with their results. Every typed detail
// is compared with every held one of its kind in constant time, whatever the others say. Items that are no data points, or were not
// given, stay as they are.
func Score(items []Asked, typed, held []subject.Identifier) []Asked {
	out := slices.Clone(items)
	for n := range out {
		if out[n].What == DataPoint && out[n].Result == Given {
			out[n].Result = score(out[n].Of, typed, held)
		}
	}
	return out
}

func score(kind subject.Kind, typed, held []subject.Identifier) Finding {
	known, match := 0, 0
	for _, t := range typed {
		if t.Kind != kind {
			continue
		}
		want := digestOf(t)
		for _, h := range held {
			if h.Kind != kind {
				continue
			}
			known++
			got := digestOf(h)
			match |= subtle.ConstantTimeCompare(want[:], got[:])
		}
	}
	switch {
	case match == 1:
		return Matches
	case known > 0:
		return Differs
	}
	return NotHeld
}

// digestOf hashes the form in which details are compared: people type them with other spaces, hyphens and capitals than a system
// keeps them, and a telephone number with or without its country.
func digestOf(i subject.Identifier) [sha256.Size]byte {
	v := i.Normalise().Value.Reveal()
	switch i.Kind {
	case subject.Email:
	case subject.Phone:
		v = strings.TrimLeft(v, "+0")
		v = v[max(0, len(v)-subscriber):]
	default:
		v = strings.Map(func(r rune) rune {
			if strings.ContainsRune(" -./_\u00a0", r) {
				return -1
			}
			return r
		}, cases.Fold().String(norm.NFKC.String(v)))
	}
	return sha256.Sum256([]byte(v))
}

// subscriber is how many of the last digits of a telephone number are compared.
const subscriber = 9

// Verdict is what the results amount to.
type Verdict string

// The verdicts.
const (
	Reached    Verdict = "reached"     // act on it
	TryAgain   Verdict = "try_again"   // not reached; something was wrong that may have been mistyped, or something else can be asked
	NotReached Verdict = "not_reached" // fall back, or refuse
)

// MaxTries is how often a person may give details. What she gave is compared as a whole: a stranger who reads her mail has so many
// guesses for all of them together.
const MaxTries = 3

// Judge says whether the requirement is reached by items with their results. tries is how often details were given.
func Judge(need Requirement, items []Asked, tries int) Verdict {
	points, wrong, declined, declared := 1, 0, false, !need.Declaration
	_, more := unasked(items, need.Details)
	for _, a := range items {
		switch {
		case a.What == DataPoint && a.Result == Matches:
			points++
		case a.What == DataPoint && a.Result == Differs:
			wrong++
		case a.What == DataPoint && a.Result == NotHeld && more:
			wrong++ // of this kind nothing is held; another can be asked for
		case a.What == Declaration && a.Result == Given:
			declared = true
		}
		declined = declined || a.Result == Declined
	}
	switch {
	case points >= need.Points && declared:
		return Reached
	case need.Short && wrong == 0 && declared && !declined:
		return Reached // whatever could be compared agrees; a person decides beside it
	case declined || wrong == 0 || tries >= MaxTries:
		return NotReached
	}
	return TryAgain
}

// Again returns the items with those of details opened again that did not match; what is not held is replaced by a kind that was not
// asked for yet, where there is one.
func Again(need Requirement, items []Asked) []Asked {
	out := slices.Clone(items)
	for n := range out {
		a := &out[n]
		if a.What != DataPoint || a.Result == Matches || a.Result == Declined {
			continue
		}
		if a.Result == NotHeld {
			if k, ok := unasked(out, need.Details); ok {
				a.Of = k
			}
		}
		a.Result = ""
	}
	return out
}

func unasked(items []Asked, details []subject.Kind) (subject.Kind, bool) {
	for _, k := range details {
		if !slices.ContainsFunc(items, func(a Asked) bool { return a.Of == k }) {
			return k, true
		}
	}
	return "", false
}

// Lower returns the requirement of the tier that need falls back to, given what was proved: the same items, fewer of which must match.
// ok is false when there is none, or when it is not reached either.
func Lower(need Requirement, pack policy.Pack, items []Asked) (Requirement, bool) {
	for id, n := need.FallsBackTo, 0; id != "" && n < maxTiers; n++ {
		t, ok := tierOf(pack, id)
		if !ok {
			break
		}
		low := need
		low.From, low.Tier, low.Points, low.Declaration, low.FallsBackTo, low.Basis, low.Level = need.Tier, t.ID, max(1, t.Points), t.Declaration, t.FallsBackTo, t.Basis, levelOf(t)
		if t.Scope != "" {
			low.Scope = t.Scope
		}
		if Judge(low, items, MaxTries) == Reached {
			return low, true
		}
		id = t.FallsBackTo
	}
	return need, false
}
