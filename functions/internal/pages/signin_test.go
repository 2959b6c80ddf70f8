package pages

import (
	"bytes"
	"strings"
	"testing"
)

// Every problem says what happened, what it means and what to do, and names the place where it says so.
func TestSignInProblemsHaveWords(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range SignInProblems() {
		var b bytes.Buffer
		m := ConsoleSignInProblem{Problem: p, Place: "Example <SSO>", AgainURL: "/console/sign-in"}
		if err := r.ConsoleSignInProblem(&b, m); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if strings.Count(b.String(), "<p") < 4 || strings.Contains(b.String(), "<SSO>") || strings.Contains(b.String(), "for the administrator") {
			t.Errorf("%s: %s", p, b.String())
		}
	}
	if err := r.ConsoleSignInProblem(&bytes.Buffer{}, ConsoleSignInProblem{Problem: "other"}); err == nil {
		t.Error("a problem that does not exist has a page")
	}
}
