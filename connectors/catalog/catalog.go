// Package catalog lists the kinds of systems that are compiled in. It and its parts are the only packages that know connectors;
// each part is what one worker function on AWS can open (infra/inventory.Kinds), so that a heavy library is in one binary only.
package catalog

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/connectors/catalog/databases"
	"github.com/habeas-dsar/habeas/connectors/catalog/light"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// Factories returns the factory of every kind, in a fresh slice sorted by kind. The memory connector is not among them: it
// is the reference of the suite and reaches nothing.
func Factories() []connector.Factory {
	list := slices.Concat(light.Factories(), databases.Factories())
	slices.SortFunc(list, func(a, b connector.Factory) int { return strings.Compare(a.Kind, b.Kind) })
	return list
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
