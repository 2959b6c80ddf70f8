package verification

import (
	"slices"
	"time"
)

// Limit allows Max events in any stretch of time Per.
type Limit struct {
	Max int
	Per time.Duration
}

// Limits are how often codes may be sent and tried. Each list holds for one address or one network address (IP); every
// limit of a list must allow an event. Empty lists allow everything.
type Limits struct {
	CodesPerAddress []Limit // against mail bombing somebody
	CodesPerIP      []Limit // against mail bombing many
	TriesPerIP      []Limit // against guessing over many requests
}

// DefaultLimits returns the limits of an installation that sets none. They leave room for a person who mistypes, waits, and
// asks again, and for an office behind one network address.
func DefaultLimits() Limits {
	return Limits{
		CodesPerAddress: []Limit{{3, 10 * time.Minute}, {5, time.Hour}, {10, 24 * time.Hour}},
		CodesPerIP:      []Limit{{20, time.Hour}, {60, 24 * time.Hour}},
		TriesPerIP:      []Limit{{60, time.Hour}},
	}
}

// Window is the recent events of one address or network address, oldest first: a sliding window as data. The caller keeps
// it under a keyed hash of the address and lets it expire after the longest Per.
type Window struct {
	Times []time.Time `json:"times"`
}

// Take asks whether one more event is allowed now. If so, next has it and wait is zero; if not, next is w without what is
// too old, and wait says how long to wait until it would be allowed. Times ahead of now (clocks differ) count as now.
func (w Window) Take(now time.Time, limits []Limit) (next Window, wait time.Duration) {
	var longest time.Duration
	for _, l := range limits {
		longest = max(longest, l.Per)
	}
	for _, t := range w.Times {
		if now.Sub(t) < longest {
			next.Times = append(next.Times, t)
		}
	}
	slices.SortFunc(next.Times, time.Time.Compare)
	for _, l := range limits {
		wait = max(wait, next.wait(now, l))
	}
	if wait == 0 && len(limits) > 0 {
		next.Times = append(next.Times, now)
	}
	return next, wait
}

// wait returns how long until the limit allows one more event.
func (w Window) wait(now time.Time, l Limit) time.Duration {
	if l.Max <= 0 {
		return l.Per
	}
	if len(w.Times) < l.Max {
		return 0
	}
	// The event that must have left the window before one more fits in.
	oldest := w.Times[len(w.Times)-l.Max]
	return max(0, l.Per-max(0, now.Sub(oldest)))
}
