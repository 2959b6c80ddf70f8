package clock

import "slices"

// Short returns the one or two steps that decide a date, for whoever wants to know why in a sentence: how long the time is, and what
// moved its end last. Steps without codes, of older cases, have none.
func Short(steps []Step) []Step {
	length := last(steps, "period", "period_hours", "period_own", "period_own_hours", "period_published", "period_at_once", "extended", "extended_hours", "extended_open", "window", "window_own")
	moved := last(steps, "restarted", "restarted_open", "restarted_dropped", "waits_add", "extended_past", "rolled_weekend", "rolled_holiday", "rolled_closed")
	var out []Step
	for _, i := range []int{min(length, moved), max(length, moved)} {
		if i >= 0 {
			out = append(out, steps[i])
		}
	}
	return out
}

// last returns the index of the last step that has one of the codes; -1 when none has.
func last(steps []Step, codes ...string) int {
	for i, s := range slices.Backward(steps) {
		if slices.Contains(codes, s.Code) {
			return i
		}
	}
	return -1
}
