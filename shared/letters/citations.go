package letters

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

// cite writes a citation as the language does.
func (b *builder) cite(citation string) string { return citation }
