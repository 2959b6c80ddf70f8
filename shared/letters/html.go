package letters

import "strings"

// page is what letter.gohtml shows.
type page struct {
	Lang, Title, From string
	Parts             []part
}

// html writes the parts as one document without anything remote. Every value goes through the escaping of html/template.
func (c *Catalogue) html(b *builder, subject string) (string, error) {
	var out strings.Builder
	err := c.page.Execute(&out, page{Lang: b.language(), Title: subject, From: b.facts.Tenant.Title, Parts: b.parts})
	return out.String(), err
}
