package signin_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
)

func attempt(state, browser string) signin.Attempt {
	return signin.Attempt{State: redact.NewText(state), Browser: redact.NewText(browser)}
}

func TestAnAttemptBelongsToOneBrowser(t *testing.T) {
	mine, theirs := signin.NewBrowser(), signin.NewBrowser()
	if mine.Reveal() == theirs.Reveal() || len(mine.Reveal()) != 43 {
		t.Fatal("two browsers keep the same, or too little")
	}
	a := signin.Attempt{State: redact.NewText("state"), Browser: mine}
	if !a.Bound(signin.Bind(mine)) {
		t.Error("its own browser is not recognised")
	}
	for _, bound := range []string{"", signin.Bind(theirs), mine.Reveal(), signin.Bind(redact.Text{})} {
		if a.Bound(bound) {
			t.Errorf("bound to %d characters that are not its browser's", len(bound))
		}
	}
	if (signin.Attempt{}).Bound("") {
		t.Error("an attempt without a browser is bound to nothing")
	}
}

// Each value depends on both halves and on what it is for.
func TestWhatFollowsFromAnAttempt(t *testing.T) {
	verifier := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	seen := map[string]bool{}
	for _, a := range []signin.Attempt{attempt("a", "b"), attempt("a", "c"), attempt("b", "b"), attempt("", "b"), attempt("a", "")} {
		if again := (signin.Attempt{State: a.State, Browser: a.Browser}); again.Nonce() != a.Nonce() || again.Verifier() != a.Verifier() {
			t.Fatal("not the same twice")
		}
		for _, v := range []string{a.Nonce(), a.Verifier()} {
			if seen[v] || !verifier.MatchString(v) {
				t.Errorf("%d characters, or given before", len(v))
			}
			seen[v] = true
		}
	}
}

func TestAnAttemptDoesNotPrint(t *testing.T) {
	s := fmt.Sprintf("%v %+v %#v", attempt("STATE", "BROWSER"), attempt("STATE", "BROWSER"), signin.Identity{Subject: redact.NewText("SUBJECT"), Email: redact.NewText("jo@example.com")})
	if regexp.MustCompile("STATE|BROWSER|SUBJECT|jo@").MatchString(s) {
		t.Errorf("prints %s", s)
	}
}
