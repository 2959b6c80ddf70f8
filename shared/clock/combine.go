package clock

import (
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// LawInput is one law that applies to a request, with the input under it.
type LawInput struct {
	Law string // what a sentence calls it: "GDPR"
	Input
}

// Combined is what several laws at once ask for: the earliest of each deadline, and what each law alone sets.
type Combined struct {
	Deadlines
	Governs int         // index in Laws of the law whose date Due is
	Laws    []Deadlines // of each input, in order
}

// Combine computes a request under several laws at once. The earliest date governs, deadline by deadline; among equal dates the
// law that comes first. The first law is the one that the extension was made under: it must hold there, as for Compute. Under
// every other law an extension counts where that law has it for the very reason and was told in time, and where not a step says
// so. An extension never helps more than the strictest law allows. fault.Invalid as for Compute, and when there is no law.
func Combine(inputs []LawInput) (Combined, error) {
	if len(inputs) == 0 {
		return Combined{}, fault.New(fault.Invalid, "a deadline needs a law")
	}
	var out Combined
	for i, in := range inputs {
		in.forgiving = i > 0
		d, err := Compute(in.Input)
		if err != nil {
			return Combined{}, fmt.Errorf("computing deadlines of one of several laws: %w", err)
		}
		out.Laws = append(out.Laws, d)
		if d.Due.At.Before(out.Laws[out.Governs].Due.At) {
			out.Governs = i
		}
	}
	out.Deadlines = out.Laws[out.Governs]
	for _, d := range out.Laws {
		out.Deadlines = out.orEarlier(d)
	}
	if len(inputs) > 1 {
		s := steps(slices.Clone(out.Due.Steps))
		s.add("", "earliest", inputs[out.Governs].Law, out.Due.Date)
		out.Due.Steps = s
	}
	return out, nil
}
