package policy

import "strings"

// fallback is the law that stands in where no pack fits: the strictest that is widely known.
const fallback ID = "eu"

// Choose returns the law for a person who lives in the country (ISO 3166-1 alpha-2) and region (ISO 3166-2 with or without
// the country, or its English name). Where no pack fits it returns the pack of the European Union and a sentence that says
// so, to be shown to the person and kept with the case; otherwise the sentence is empty. The sentence never repeats the
// input.
func (s *Set) Choose(country, region string) (p Pack, assumption string) {
	country, region = code(country), code(region)
	switch country {
	case "UK":
		country = "GB" // ISO 3166-1 reserves UK for the United Kingdom, and people write it
	case "EL":
		country = "GR" // what the European Union itself writes
	}
	region = strings.TrimPrefix(region, country+"-")
	byRegion := false
	for _, p := range s.Packs() {
		for _, place := range p.Territory {
			if place.Country != country {
				continue
			}
			if place.Region == "" || place.Region == region || (region != "" && code(place.RegionName) == region) {
				return p, ""
			}
			byRegion = true
		}
	}
	const stand = "we apply the rules of the European Union (GDPR). This is an assumption, and you can tell us if it is wrong."
	switch p := s.current[fallback]; {
	case country == "":
		return p, "We do not know in which country you live, so " + stand
	case byRegion && region == "":
		return p, "The law depends on the state you live in, which we do not know, so " + stand
	case byRegion:
		return p, "We have not yet recorded the law of the state you live in, so " + stand
	default:
		return p, "We have not yet recorded the law of the country you live in, so " + stand
	}
}

func code(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }
