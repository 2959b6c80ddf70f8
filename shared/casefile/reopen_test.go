package casefile_test

import (
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

// TestReopeningHandsOutNothingNew: a package that was refused stays out of reach when an appeal opens the case anew; one that the person
// was given stays within it until the new answer is there.
func TestReopeningHandsOutNothingNew(t *testing.T) {
	for name, given := range map[string]bool{"refused": false, "given": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.refused()
			f := r.load(c)
			f.Case.Package = &casefile.Package{ExpiresAt: f.Now().Add(time.Hour)}
			if f.Case.Answered = given; given {
				f.Case.Status, f.Case.Refusal = dsar.Fulfilled, nil
			}
			if got := f.Case.Download() != nil; got != given {
				t.Fatalf("while it is closed the package is within reach: %t", got)
			}
			r.ok(f.Reopen(evidence.Staff("03-reviewer"), "appeal granted", nil))
			if got := f.Case.Download() != nil; got != given {
				t.Errorf("while it is looked at anew the package is within reach: %t", got)
			}
		})
	}
}
