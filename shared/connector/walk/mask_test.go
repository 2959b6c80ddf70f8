package walk

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// TestMaskKeepsItsSuffix: what a length cuts off is never the suffix and never half a letter, and random masks of two records
// differ.
func TestMaskKeepsItsSuffix(t *testing.T) {
	c := &connector.Collection{Name: "person"}
	masked := func(rule connector.MaskRule, length int, key int64) string {
		f := &connector.DataField{Name: "mail", Path: "mail", Length: length, Mask: rule}
		return mask(c, f, connector.Key{connector.Int(key)}, connector.Text("ada@example.com")).RevealText()
	}
	const suffix = "@example.com"
	random := connector.MaskRule{Strategy: connector.MaskRandom, Suffix: suffix}
	if a, b := masked(random, 20, 1), masked(random, 20, 2); a == b || len(a) != 20 || !strings.HasSuffix(a, suffix) {
		t.Errorf("random masks %q and %q", a, b)
	}
	if got := masked(random, 0, 1); len(got) != 24+len(suffix) {
		t.Errorf("a random mask without a length: %q", got)
	}
	rewrite := connector.MaskRule{Strategy: connector.MaskRewrite, Value: "gelöscht", Suffix: "-x"}
	if got := masked(rewrite, 6, 1); got != "gelö-x" {
		t.Errorf("a text cut to six letters: %q", got)
	}
	if got := masked(rewrite, 0, 1); got != "gelöscht-x" {
		t.Errorf("a text without a length: %q", got)
	}
}
