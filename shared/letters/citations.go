package letters

import "regexp"

// gdpr is the Regulation in a citation, and not the law of the United Kingdom that goes by the same name.
var gdpr = regexp.MustCompile(`(^|[^K] )GDPR\b`)

// law returns the full title of the law, in the language where the law has a title in it.
func (b *builder) law() string {
	if key := "law." + string(b.facts.Pack.ID); b.has(key) {
		return b.say(key)
	}
	return b.facts.Pack.Law
}

// short returns what the language calls the law.
func (b *builder) short() string {
	if key := "short." + string(b.facts.Pack.ID); b.has(key) {
		return b.say(key)
	}
	return b.facts.Pack.Short
}

// cite writes a citation with the name that the language has for the Regulation: whoever looks "GDPR" up in German law finds nothing.
func (b *builder) cite(citation string) string {
	if !b.has("short.eu") {
		return citation
	}
	return gdpr.ReplaceAllString(citation, "${1}"+b.say("short.eu"))
}
