package registry

import (
	"regexp"
	"slices"

	"github.com/habeas-dsar/habeas/shared/fault"
)

var (
	regionCode = regexp.MustCompile(`^[A-Z0-9]{1,4}$`)
	lawID      = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{2,4})?$`)
)

// checkSeat holds what decides on the law of a tenant's requests to its form; which laws there are, policy.Set knows.
func checkSeat(t Tenant) error {
	twice := len(slices.Compact(slices.Sorted(slices.Values(t.Laws)))) != len(t.Laws)
	switch {
	case t.Country != "" && !countryCode.MatchString(t.Country):
		return fault.InvalidField("/country", "a country has two letters, such as DE (ISO 3166-1)")
	case t.Region != "" && (t.Country == "" || !regionCode.MatchString(t.Region)):
		return fault.InvalidField("/region", "a region is a code of ISO 3166-2 without its country, such as CA, and wants a country")
	}
	for _, id := range t.Laws {
		if !lawID.MatchString(string(id)) || twice {
			return fault.InvalidField("/laws", "a law is named once, by its pack, such as eu or us-ca")
		}
	}
	return nil
}
