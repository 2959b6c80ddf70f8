package verification

import (
	"slices"
	"strings"
)

// sensitive are the data categories (fideslang taxonomy) of data whose disclosure or loss harms most: GDPR Art. 9 and 10, Civ. Code
// 1798.140(ae). A category below one of them is sensitive too.
func sensitive() []string {
	return []string{
		"user.authorizations", "user.biometric", "user.childrens", "user.criminal_history", "user.demographic.political_opinion",
		"user.demographic.race_ethnicity", "user.demographic.religious_belief", "user.demographic.sexual_orientation", "user.financial",
		"user.genetic", "user.government_id", "user.health_and_medical", "user.location.precise", "user.payment",
	}
}

// Sensitive reports whether one of the data categories is of a sensitive kind.
func Sensitive(categories ...string) bool {
	return slices.ContainsFunc(categories, func(c string) bool {
		return slices.ContainsFunc(sensitive(), func(s string) bool { return c == s || strings.HasPrefix(c, s+".") })
	})
}
