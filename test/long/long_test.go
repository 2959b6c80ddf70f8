// Package long holds the stories that take minutes: two hundred requests while the process is killed again and again, and
// answers timed often enough to tell whether they give away who is known. `make test-all` runs them.
package long

import (
	"os"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// kit is set once by TestMain, before any test runs.
var kit *testkit.Kit

func TestMain(m *testing.M) {
	os.Exit(testkit.Run(m, func(k *testkit.Kit) { kit = k }))
}
