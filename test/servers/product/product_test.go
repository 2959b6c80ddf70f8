package product_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/habeas-dsar/habeas/test/servers/postgres"
	"github.com/habeas-dsar/habeas/test/servers/shop"
)

var server *postgres.Server

func TestMain(m *testing.M) {
	os.Exit(postgres.Run(m, func(s *postgres.Server) { server = s }))
}

const (
	people = 10_000
	orders = 100_000
)

// BenchmarkProduct runs the command of test/bench once, whatever b.N says; its figures go to standard output.
func BenchmarkProduct(b *testing.B) {
	d := server.CreateDatabase(b)
	shop.Fill(b, d, people)
	shop.AddLarge(b, d, orders, 0)
	settings, err := json.Marshal(map[string]any{
		"host": server.Host, "port": server.Port, "database": d.Name, "user": d.User, "sslmode": "disable",
	})
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "go", "run", "./test/bench", "-kind", "postgres", "-settings", string(settings), "-cases", "1000")
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "BENCH_PASSWORD="+d.Password)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	b.ResetTimer()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
}
