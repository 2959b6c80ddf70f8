package duties

import "testing"

// TestACitationThatSomebodyTyped: it stays in the open, so it is a rule and no story.
func TestACitationThatSomebodyTyped(t *testing.T) {
	for citation, want := range map[string]bool{
		"11 CCR 7001(h)": true, "Art. 12(5) GDPR": true, "§ 275 BGB": true, "UK GDPR Art. 15(1A)": true, "DPA 2018 s. 53": true,
		"": false, "12": true, "because she wrote too often": false, "see zoe.canary@example.com 3": false, "Art. 12\nof the GDPR": false,
		"Article twelve": false, "Ms Quillfeather telephoned and told us at length about what she thinks of section 12": false,
	} {
		if got := rule.MatchString(citation); got != want {
			t.Errorf("%q: got %v", citation, got)
		}
	}
}
