// Package e2e tells stories over the running command: it knows test/CONTRACT.md and the demo's databases, and nothing of the
// code. Every story has a process and a data directory of its own; time is the clock of the process, set by hand.
package e2e

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

// site starts an installation for a story that may run beside others.
func site(t *testing.T, opts ...testkit.Option) *testkit.Site {
	t.Helper()
	t.Parallel()
	return kit.Start(t, opts...)
}
