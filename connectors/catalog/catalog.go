// Package catalog lists the kinds of systems that are compiled in. It is the only package that knows all connectors.
package catalog

import (
	"slices"

	"github.com/habeas-dsar/habeas/connectors/person"
	"github.com/habeas-dsar/habeas/connectors/recipientmail"
	"github.com/habeas-dsar/habeas/connectors/rest"
	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// Factories returns the factory of every kind, in a fresh slice sorted by kind. The memory connector is not among them: it
// is the reference of the suite and reaches nothing.
func Factories() []connector.Factory {
	return []connector.Factory{person.Factory(), sql.Postgres(), recipientmail.Factory(), rest.Factory(), sql.SQLite()}
}

// Find returns the factory of a kind.
func Find(kind string) (connector.Factory, bool) {
	list := Factories()
	i := slices.IndexFunc(list, func(f connector.Factory) bool { return f.Kind == kind })
	if i < 0 {
		return connector.Factory{}, false
	}
	return list[i], true
}
