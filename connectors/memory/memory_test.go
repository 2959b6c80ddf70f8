package memory_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/memory/memorytest"
)

func TestSuite(t *testing.T) {
	connectortest.Run(t, memorytest.Harness)
}
