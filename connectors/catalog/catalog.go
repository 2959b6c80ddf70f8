// Package catalog lists the kinds of connector that are compiled in. A new kind is added here and nowhere else.
package catalog

import (
	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// Factories returns the kinds that a system can be registered with, in a fresh slice.
func Factories() []connector.Factory {
	return []connector.Factory{sql.SQLite()}
}
