package connectors

import (
	"os"
	"testing"

	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

// server is set once by TestMain, before any test runs.
var server *postgres.Server

func TestMain(m *testing.M) {
	os.Exit(postgres.Run(m, func(s *postgres.Server) { server = s }))
}
