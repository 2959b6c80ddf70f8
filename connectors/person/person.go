// Package person is the connector for systems that somebody inside the controller looks after by hand: a paper archive, a
// spreadsheet, an application without an interface. Nothing is searched or changed by machine. For every request its owner
// gets a mail with a link to a task, and answers there (functions/ownertask).
package person

import (
	_ "embed"

	"github.com/habeas-dsar/habeas/connectors/internal/byperson"
	"github.com/habeas-dsar/habeas/shared/connector"
)

//go:embed settings.schema.json
var settingsSchema []byte

// Kind is the kind of systems that their owner acts on.
const Kind = "person"

// Factory makes connectors of the kind. The settings are those of its JSON Schema; there are no secrets and no data map.
func Factory() connector.Factory { return byperson.Factory(Kind, settingsSchema) }
