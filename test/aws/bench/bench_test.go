package bench

import (
	"cmp"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/infra/cost"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/test/aws/deploy"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
	"github.com/habeas-dsar/habeas/test/aws/stories"
	"github.com/habeas-dsar/habeas/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// BenchmarkCases runs every story on a deployed stage once and writes what it used, what that costs, and what costs without a case.
func BenchmarkCases(b *testing.B) {
	emulated := emulator.Ministack(b)
	stories.ScaleWaits(b, emulated)
	deployed := deploy.Deploy(b, emulated, deploy.Development)
	control := httptest.NewServer(stories.Serve(b, emulated, deployed, testkit.New(b.TempDir()).Demo(b)))
	b.Cleanup(control.Close)
	b.Setenv(testkit.Installation, control.URL)
	prices, err := cost.PricesOf(emulator.Region)
	if err != nil {
		b.Fatal(err)
	}
	kit, machines, seen := testkit.New(b.TempDir()), sfn.NewFromConfig(emulated.Config(b, "")), map[string]bool{}
	for b.Loop() {
		idle := idle(b, kit)
		var all []counted
		for _, c := range cases() {
			all = append(all, count(b, c, kit, machines, seen))
		}
		b.ReportMetric(1000*all[dear].usage.Price(prices, 1).USD(), "millidollars/case")
		publish(b, "cases.md", func(w *page) { writeCases(w, all, prices); writeFixed(b, w, idle, prices) })
	}
}

// publish writes a page of figures.
func publish(b *testing.B, name string, write func(*page)) {
	b.Helper()
	var w page
	write(&w)
	dir := filepath.Join(root(), "infra", "figures")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), w.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Logf("\n%s", w.Bytes())
}

// BenchmarkFunctions weighs and starts every function and writes what it found.
func BenchmarkFunctions(b *testing.B) {
	server := services()
	defer server.Close()
	for b.Loop() {
		var all []function
		for _, f := range inventory.Functions() {
			all = append(all, measure(b, f, server.URL))
		}
		largest := slices.MaxFunc(all, func(x, y function) int { return cmp.Compare(x.bytes, y.bytes) })
		slowest := slices.MaxFunc(all, func(x, y function) int { return cmp.Compare(x.wall, y.wall) })
		b.ReportMetric(float64(largest.bytes)/megabytes, "MB-max")
		b.ReportMetric(float64(slowest.wall.Microseconds())/1000, "ms-max")
		publish(b, "functions.md", func(w *page) { writeFunctions(w, all) })
	}
}
