// Command bench measures the product as its users run it: the habeas command as a process of its own, driven over HTTP on
// loopback, on the shop that other systems are measured on. Quote medians and ratios: machines are noisy.
//
//	go run ./test/bench [-cases 1000] [-people 10000] [-large 100000] [-bin PATH]
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"
	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/test/bench/shop"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	cases, people, large int
	bin                  string
	kind, settings       string // of a system that is there already; sqlite = one is made
}

func run(ctx context.Context) error {
	var o options
	flag.IntVar(&o.cases, "cases", 1000, "cases submitted at once")
	flag.IntVar(&o.people, "people", 10_000, "people in the shop")
	flag.IntVar(&o.large, "large", 100_000, "orders of the large person")
	flag.StringVar(&o.bin, "bin", "", "habeas command to measure (default: built from this tree)")
	flag.StringVar(&o.kind, "kind", "sqlite", "kind of the shop's system; one of another kind is filled by whoever runs this (test/servers/product)")
	flag.StringVar(&o.settings, "settings", `{"path":"shop.db"}`, "settings of the shop's system, JSON; its password is in BENCH_PASSWORD")
	flag.Parse()
	dir, err := os.MkdirTemp("", "habeas-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "habeas")
	if o.bin != "" {
		bin = o.bin
	} else if out, err := exec.Command("go", "build", "-o", bin, "./infra/habeas").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	fmt.Fprintln(os.Stderr, "preparing the shop")
	if err := prepare(ctx, dir, o); err != nil {
		return err
	}
	for _, m := range []func(string, string, options) error{startToReady, oneCase, manyCases, largePerson, largeErasure} {
		if err := m(bin, dir, o); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the shop's database and an installation that knows it.
func prepare(ctx context.Context, dir string, o options) error {
	if o.kind == "sqlite" {
		if err := makeShop(ctx, dir, o); err != nil {
			return err
		}
	}
	return install(ctx, dir, o)
}

func makeShop(ctx context.Context, dir string, o options) error {
	db, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	for s := range strings.SplitSeq(shop.Schema(), ";") {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("creating schema: %w", err)
		}
	}
	if err := shop.Generate(ctx, db, o.people); err != nil {
		return err
	}
	if err := shop.LargeSubject(ctx, db, o.large); err != nil {
		return err
	}
	return db.Close()
}

// install makes an installation that knows the shop.
func install(ctx context.Context, dir string, o options) error {
	app, err := local.Open(ctx, local.Config{Dir: filepath.Join(dir, "data"), BaseURL: "http://127.0.0.1", MailDomain: "bench.test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := app.Registry.PutTenant(ctx, registry.Tenant{
		Name: "bench", Title: "Bench", Controller: "Bench Ltd", Contact: "privacy@bench.test", From: "privacy@bench.test", Zone: "Europe/Berlin", Locale: "en",
		Policy: registry.Policy{UnattendedChanges: true}, // what a person needs to approve is not measured
	}); err != nil {
		return err
	}
	sys := registry.System{
		Tenant: "bench", Name: "shop", Title: "Shop", Kind: o.kind, Settings: json.RawMessage(o.settings), Dataset: shop.Dataset(), BaseDir: dir, Autopilot: true,
	}
	if o.kind != "sqlite" {
		sys.Secrets = map[string]string{"password": "env:BENCH_PASSWORD"}
	}
	if _, problems, err := app.Systems.Apply(ctx, sys); err != nil {
		return fmt.Errorf("registering the shop: %w %v", err, problems)
	}
	return app.Close(ctx)
}

// server is the habeas process under measurement.
type server struct {
	cmd    *exec.Cmd
	portal string
	base   string
	data   string
	ready  time.Duration
}

func serve(bin, dir string, extra ...string) (*server, error) {
	args := append([]string{"serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--clock", "manual"}, extra...)
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "HABEAS_RATE_LIMITS=off")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left running when a measurement fails
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("waiting for the first line: %w", err)
	}
	s := &server{cmd: cmd, data: filepath.Join(dir, "data"), ready: time.Since(began)}
	var first struct{ Portal, Metrics string }
	if err := json.Unmarshal(line, &first); err != nil {
		return nil, err
	}
	s.portal, s.base = first.Portal, strings.TrimSuffix(first.Metrics, "/metrics")
	return s, nil
}

// stop ends the server and returns its CPU time and peak memory.
func (s *server) stop() (cpu time.Duration, peak int64, err error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, err
	}
	if err := s.cmd.Wait(); err != nil {
		return 0, 0, err
	}
	use := s.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), use.Maxrss << 10, nil
}

// cpu returns the CPU time the process has used so far (Linux).
func (s *server) cpu() time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func row(name, value string) { fmt.Printf("%-46s %s\n", name, value) }

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
