package subject_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func TestNew(t *testing.T) {
	for _, tc := range []struct {
		kind  subject.Kind
		value string
		ok    bool
	}{
		{subject.Email, "ann@example.com", true},
		{subject.Email, " Ann+tag@Example.com ", true},
		{subject.Email, "jürgen@exämple.test", true},
		{subject.Email, "ann@localhost", false},
		{subject.Email, "Ann <ann@example.com>", false},
		{subject.Email, "ann@example.com\nBcc: x@example.com", false},
		{subject.Email, strings.Repeat("a", 320) + "@example.com", false},
		{subject.CustomerID, "0", true},
		{subject.CustomerID, "", false},
		{"Bad Kind", "x", false},
	} {
		_, err := subject.New(tc.kind, tc.value)
		if (err == nil) != tc.ok {
			t.Errorf("%s %q: %v", tc.kind, tc.value, err)
		}
		if err != nil && (!fault.Has(err, fault.Invalid) || (tc.value != "" && strings.Contains(err.Error(), tc.value))) {
			t.Errorf("%s %q: error %v is of the wrong class or quotes the value", tc.kind, tc.value, err)
		}
	}
}

func TestNormalise(t *testing.T) {
	same := func(k subject.Kind, a, b string, want bool) {
		t.Helper()
		x, _ := subject.New(k, a)
		y, _ := subject.New(k, b)
		if x.Same(y) != want {
			t.Errorf("%s: %q and %q same = %v", k, a, b, !want)
		}
	}
	same(subject.Email, "Ann@Example.com", "ann@example.COM", true)
	same(subject.Email, "ann+x@example.com", "ann@example.com", false)
	same(subject.Phone, "+1 (555) 010-0001", "0015550100001", true)
	same(subject.CustomerID, "A1", "a1", false)
}

func TestIdentifierDoesNotPrint(t *testing.T) {
	i, _ := subject.New(subject.Email, "canary@example.com")
	for _, s := range []string{fmt.Sprint(i), fmt.Sprintf("%+v %#v %x", i, &i, []subject.Identifier{i})} {
		if strings.Contains(s, "canary") {
			t.Errorf("prints %q", s)
		}
	}
	if b, err := json.Marshal([]subject.Identifier{i}); err == nil {
		t.Errorf("marshals to %s", b)
	}
	if got := len(subject.Add([]subject.Identifier{i}, i)); got != 1 {
		t.Errorf("Add kept %d", got)
	}
}
