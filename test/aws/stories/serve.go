package stories

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// Serve serves a deployed stage for stories that are told elsewhere, one after the other, and returns what testkit joins: the value of
// testkit.Installation is its address. seeded is the directory of the demonstration's databases (testkit.Kit.Demo).
func Serve(tb testing.TB, emulated *emulator.Cloud, deployed deploy.Outputs, seeded string) http.Handler {
	tb.Helper()
	return newInstallation(tb, emulated, deployed, seeded).control()
}

// ScaleWaits shortens the waits of machines: their clock cannot be set by hand.
func ScaleWaits(tb testing.TB, emulated *emulator.Cloud) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, emulated.Endpoint+"/_ministack/config", strings.NewReader(`{"stepfunctions._SFN_WAIT_SCALE":0.0005}`))
	if err != nil {
		tb.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		tb.Fatalf("shortening waits answers %d", res.StatusCode)
	}
}
