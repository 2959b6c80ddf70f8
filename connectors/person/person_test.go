package person_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/person"
)

func TestSuite(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Harness { return connectortest.ByPerson(person.Factory()) })
}
