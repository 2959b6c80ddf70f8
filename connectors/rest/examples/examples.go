// Package examples holds an API as an example: how Habeas asks the CRM of connectors/rest/crm, and what that CRM holds. The
// demo registers its CRM with these very files.
package examples

import (
	"bytes"
	_ "embed"
)

//go:embed crm.connector.yml
var connectorFile []byte

//go:embed crm.dataset.yml
var dataset []byte

// ConnectorFile returns the connector file of the CRM.
func ConnectorFile() []byte { return bytes.Clone(connectorFile) }

// Dataset returns the data map of the CRM.
func Dataset() []byte { return bytes.Clone(dataset) }
