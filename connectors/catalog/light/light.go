// Package light lists the kinds of systems that need no library of their own: those behind an HTTP API and those that people look
// after. On AWS the function RunTask runs their tasks.
package light

import (
	"github.com/habeas-dsar/habeas/connectors/person"
	"github.com/habeas-dsar/habeas/connectors/recipientmail"
	"github.com/habeas-dsar/habeas/connectors/rest"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// Factories returns their factories, in a fresh slice.
func Factories() []connector.Factory {
	return []connector.Factory{person.Factory(), recipientmail.Factory(), rest.Factory()}
}
