package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	starts      = 15
	startWithin = 20 * time.Second
)

// function is what is measured of one function.
type function struct {
	name  string
	bytes int64         // of its binary for arm64
	wall  time.Duration // from exec to the first time it asks for an invocation, median
	cpu   time.Duration // of all its threads until then, median
}

// measure builds the function as infra/cdk/cmd/pack builds it, once for arm64 to be weighed and once for this machine to be
// started.
func measure(tb testing.TB, f inventory.Function, services string) function {
	tb.Helper()
	dir := tb.TempDir()
	weighed, started := filepath.Join(dir, "arm64"), filepath.Join(dir, "bootstrap")
	build(tb, f, weighed, "GOARCH=arm64")
	build(tb, f, started)
	info, err := os.Stat(weighed)
	if err != nil {
		tb.Fatal(err)
	}
	out := function{name: f.Name, bytes: info.Size()}
	var walls, cpus []time.Duration
	for range starts {
		wall, cpu, err := start(tb.Context(), started, f, services)
		if err != nil {
			tb.Fatalf("starting %s: %v", f.Name, err)
		}
		walls, cpus = append(walls, wall), append(cpus, cpu)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	out.wall, out.cpu = walls[starts/2], cpus[starts/2]
	for _, path := range []string{weighed, started} {
		if err := os.Remove(path); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

func build(tb testing.TB, f inventory.Function, to string, env ...string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=lambda.norpc", "-o", to, "./"+f.Main)
	cmd.Dir, cmd.Env = root(), append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOOS=linux", "GOFLAGS="}, env...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", f.Name, err, out)
	}
}

// start runs a function until it asks for its first invocation (AWS Lambda Developer Guide, "Using the Lambda runtime API"), and ends
// it.
func start(ctx context.Context, binary string, f inventory.Function, services string) (wall, cpu time.Duration, err error) {
	asked := make(chan time.Time, 1)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(_ http.ResponseWriter, _ *http.Request) {
		select {
		case asked <- time.Now():
		default:
		}
		<-release // there is no invocation
	})
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, fmt.Errorf("listening: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: startWithin}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	defer close(release)
	cmd := exec.CommandContext(ctx, binary) // #nosec G204 -- built here
	cmd.Env = environment(f, listener.Addr().String(), services)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("starting: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case at := <-asked:
		wall = at.Sub(began)
	case <-ended:
		return 0, 0, fault.New(fault.Internal, "it ended: "+said.String())
	case <-time.After(startWithin):
		err = fault.New(fault.Unavailable, "it asks for no invocation")
	}
	if kerr := cmd.Process.Kill(); kerr != nil {
		return 0, 0, fmt.Errorf("ending it: %w", kerr)
	}
	<-ended
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return wall, cpu, err
}

// environment is that of a function of a stage in production, on a platform that is us.
func environment(f inventory.Function, platform, services string) []string {
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + platform, "AWS_LAMBDA_FUNCTION_NAME=habeas-bench-" + f.Name, "AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + services, "TMPDIR=" + os.TempDir(),
		inventory.EnvStage + "=bench", inventory.EnvPrefix + "=habeas-bench", inventory.EnvAccount + "=000000000000",
		inventory.EnvKey + "=arn:aws:kms:eu-west-1:000000000000:key/bench", inventory.EnvMailDomain + "=example.com", inventory.EnvMail + "=ses",
		inventory.EnvBus + "=habeas-bench", inventory.EnvOrigin + "=secretsmanager:habeas/bench/origin",
	}
	for _, b := range inventory.Buckets() {
		env = append(env, fmt.Sprintf(inventory.EnvBucket, strings.ToUpper(b.Name))+"=habeas-bench-"+b.Name)
	}
	return env
}

// services answers what a function asks for while it starts: the address of the installation and the secret of the edge.
func services() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]any{"Name": "origin", "SecretString": "origin"}
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB") {
			answer = map[string]any{"Item": map[string]any{
				"pk": map[string]string{"S": "STAGE"}, "sk": map[string]string{"S": "ADDRESS"}, "version": map[string]string{"N": "1"},
				"body": map[string][]byte{"B": []byte("https://privacy.example.com")},
			}}
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(answer) // the connection may be gone
	}))
}

const megabytes = 1e6

// writeFunctions writes how large the functions are and how long they take to start.
func writeFunctions(w *page, all []function) {
	w.line("## How large the functions are, and how long they take to start\n")
	w.line("Binaries for arm64, stripped, as they are deployed. A start is from exec to the first time the function asks for an invocation, with what it "+
		"reads by then answered at once: the median of %d on the machine that ran `make bench-aws`, and the time of the processor in it.\n", starts)
	w.head("function", "MB", "start, ms", "of the processor, ms")
	large, slow := []string{}, []string{}
	for _, f := range all {
		mb, ms := float64(f.bytes)/megabytes, float64(f.wall.Microseconds())/1000
		w.row(f.name, fmt.Sprintf("%.1f", mb), fmt.Sprintf("%.0f", ms), fmt.Sprintf("%.0f", float64(f.cpu.Microseconds())/1000))
		if mb > aimMegabyte {
			large = append(large, f.name)
		}
		if ms > aimStart {
			slow = append(slow, f.name)
		}
	}
	w.line("\nAims: no more than %.0f MB (%s), no more than %.0f ms (%s).", aimMegabyte, missing(large), aimStart, missing(slow))
	if len(large) > 0 {
		w.line("\nWhat is too large: templates call methods by name, so the linker keeps every exported method of what is ever in an interface, and letters, " +
			"pages and packages are templates; the client of S3 puts itself into one, with a hundred operations. Drivers of databases and services weigh the rest.")
	}
}

func missing(names []string) string {
	if len(names) == 0 {
		return "met by all"
	}
	return "missed by " + strings.Join(names, ", ")
}
