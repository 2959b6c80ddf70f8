package policy_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// TestSchemaKnowsLetters: what a pack may ask of letters is asked of letters that exist.
func TestSchemaKnowsLetters(t *testing.T) {
	kinds := between(t, string(policy.Schema()), `"letters": {`, `"conflicts"`)
	pattern := between(t, kinds, `"^(`, `)$"`)
	for kind := range strings.SplitSeq(pattern, "|") {
		if !letters.Kind(kind).Valid() {
			t.Errorf("the schema lets packs write rules for letters of the kind %q, which nobody sends", kind)
		}
	}
}

func between(t *testing.T, s, from, to string) string {
	t.Helper()
	_, s, ok := strings.Cut(s, from)
	s, _, found := strings.Cut(s, to)
	if !ok || !found {
		t.Fatalf("nothing between %s and %s", from, to)
	}
	return s
}
