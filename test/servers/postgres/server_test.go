package postgres_test

import (
	"os"
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

// server is set once by TestMain, before any test runs.
var server *postgres.Server

func TestMain(m *testing.M) {
	os.Exit(postgres.Run(m, func(s *postgres.Server) { server = s }))
}

func TestCopiesHoldTheSame(t *testing.T) {
	model := server.CreateDatabase(t)
	model.Exec(t, "CREATE TABLE person (name text)", "INSERT INTO person VALUES ('Ada'), (NULL)")
	copied := model.Copy(t)
	if got := copied.Strings(t, "SELECT name FROM person ORDER BY name"); !slices.Equal(got, []string{"Ada", "NULL"}) {
		t.Errorf("the copy holds %q", got)
	}
}

func TestDataOutlivesStopAndCrash(t *testing.T) {
	d := server.CreateDatabase(t)
	d.Exec(t, "CREATE TABLE person (name text)", "INSERT INTO person VALUES ('Ada')")
	for name, end := range map[string]func(testing.TB){"stop": server.Stop, "crash": server.Crash} {
		end(t)
		server.Start(t)
		if got := d.Strings(t, "SELECT name FROM person"); !slices.Equal(got, []string{"Ada"}) {
			t.Errorf("after a %s the table holds %q", name, got)
		}
	}
}
