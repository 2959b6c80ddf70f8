package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

func TestEveryClassHasOneRow(t *testing.T) {
	seen := map[fault.Class]bool{}
	for _, r := range fault.Rules() {
		if seen[r.Class] || !r.Class.Valid() || r.Status < 400 || r.Title == "" {
			t.Errorf("bad row %+v", r)
		}
		seen[r.Class] = true
	}
	if len(seen) != 9 {
		t.Errorf("got %d classes, want 9", len(seen))
	}
	if fault.Class("").Valid() || fault.Class("other").Valid() {
		t.Error("an unknown class is valid")
	}
}

func TestClassSurvivesWrapping(t *testing.T) {
	base := fault.New(fault.Throttled, "too many codes").After(time.Minute)
	err := fmt.Errorf("sending code: %w", base)
	if fault.ClassOf(err) != fault.Throttled || fault.WaitOf(err) != time.Minute {
		t.Errorf("got %s %s", fault.ClassOf(err), fault.WaitOf(err))
	}
	if !errors.Is(err, fault.New(fault.Throttled, "")) || errors.Is(err, fault.New(fault.Conflict, "")) {
		t.Error("errors.Is does not go by class")
	}
	outer := fault.Wrap(fault.Misconfigured, err, "reaching system")
	if fault.ClassOf(outer) != fault.Misconfigured {
		t.Error("the outermost class must win")
	}
	if fault.ClassOf(context.DeadlineExceeded) != fault.Unavailable || fault.ClassOf(errors.New("x")) != fault.Internal || fault.ClassOf(nil) != "" {
		t.Error("unclassified errors")
	}
	if fault.Wrap(fault.Internal, nil, "x") != nil {
		t.Error("wrapping nil")
	}
}
