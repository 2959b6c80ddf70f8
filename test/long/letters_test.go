package long

import (
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// letters checks that every letter of a request was written once, and codes no more often than they were asked for.
func letters(t *testing.T, box *testkit.Post, c *driven) {
	t.Helper()
	count := box.About(t, c.Reference, c.Email)
	codes := 0
	for kind, n := range count {
		switch kind {
		case "Confirm your request", "We have your request", "The answer to your request":
			if n != 1 {
				t.Errorf("%s: %q was sent %d times", c.Reference, kind, n)
			}
		case "A new code for your request", "Your code for the download of request":
			codes += n
		default:
			t.Errorf("%s: an unexpected letter %q", c.Reference, kind)
		}
	}
	if len(count) < 3 {
		t.Errorf("%s: letters are %v", c.Reference, count)
	}
	if codes > c.Asked {
		t.Errorf("%s: %d codes for %d times asking", c.Reference, codes, c.Asked)
	}
}
