// Package databases lists the kinds of systems that are reached by SQL. On AWS the function RunTaskSQL runs their tasks, in a
// private network where there is one.
package databases

import (
	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// Factories returns their factories, in a fresh slice.
func Factories() []connector.Factory {
	return []connector.Factory{sql.Postgres(), sql.SQLite()}
}
