// Package recipientmail is the connector for processors and other vendors that take requests by mail and have no interface.
// Nothing is searched or changed by machine. For every request the vendor gets a formal letter of the controller (GDPR
// Art. 28(3)(e)) with a link for the answer; an answer that comes by mail instead is recorded by the privacy team.
package recipientmail

import (
	_ "embed"

	"github.com/habeas-dsar/habeas/connectors/internal/byperson"
	"github.com/habeas-dsar/habeas/shared/connector"
)

//go:embed settings.schema.json
var settingsSchema []byte

// Kind is the kind of systems of vendors that are written to.
const Kind = "recipientmail"

// Factory makes connectors of the kind. The settings are those of its JSON Schema; there are no secrets and no data map.
func Factory() connector.Factory { return byperson.Factory(Kind, settingsSchema) }
