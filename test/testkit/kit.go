package testkit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Kit is what the tests of one process share: the command, built once, and the demo's databases, seeded once.
type Kit struct {
	dir   string
	built func() (string, error)
	demo  func() (string, error)
}

// New returns a kit that keeps its files in dir and builds and seeds on first use.
func New(dir string) *Kit {
	k := &Kit{dir: dir}
	k.built = sync.OnceValues(k.build)
	k.demo = sync.OnceValues(k.seed)
	return k
}

// Run runs the tests of a package with a kit in a directory that is removed afterwards. It is called from TestMain.
func Run(m *testing.M, use func(*Kit)) int {
	dir, err := os.MkdirTemp("", "habeas-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for the tests:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	use(New(dir))
	return m.Run()
}

// Binary returns the path of the built command.
func (k *Kit) Binary(t testing.TB) string {
	t.Helper()
	path, err := k.built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (k *Kit) build() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/habeas-dsar/habeas").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	bin := filepath.Join(k.dir, "habeas")
	build := exec.Command("go", "build", "-o", bin, "./infra/habeas")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command: %w\n%s", err, out)
	}
	return bin, nil
}

// Demo returns the directory with the demo's databases, to be copied.
func (k *Kit) Demo(t testing.TB) string {
	t.Helper()
	dir, err := k.demo()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// seed lets the command make the demo's databases and keeps them for every site.
func (k *Kit) seed() (string, error) {
	bin, err := k.built()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(k.dir, "seeded")
	p, err := launch(bin, dir, "127.0.0.1:0", filepath.Join(k.dir, "seeding.log"), nil, nil)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "demo"), p.end(syscall.SIGTERM)
}

// FirstLine is what serve prints first.
type FirstLine struct {
	Portal   string `json:"portal"`
	Console  string `json:"console"`
	API      string `json:"api"`
	Metrics  string `json:"metrics"`
	Accounts []struct {
		Email    string   `json:"email"`
		Password string   `json:"password"`
		Roles    []string `json:"roles"`
	} `json:"accounts"`
	Tokens []StaffToken `json:"tokens"`
}

// StaffToken opens the staff API.
type StaffToken struct {
	Name  string   `json:"name"`
	Token string   `json:"token"`
	Roles []string `json:"roles"`
}

// process is a running command.
type process struct {
	cmd   *exec.Cmd
	log   *os.File
	first FirstLine
}

// startLimit bounds a start, seeding included; stopLimit is what the contract promises for SIGTERM, and a little.
const (
	startLimit = time.Minute
	stopLimit  = 11 * time.Second
)

// launch starts the command on dir and returns when its first line is there. What it says on stderr is appended to log.
func launch(bin, dir, listen, log string, args, env []string) (*process, error) {
	logFile, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{log: logFile}
	p.cmd = exec.Command(bin, append([]string{"serve", "--demo", "--clock", "manual", "--data", dir, "--listen", listen}, args...)...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = logFile
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the command: %w", err)
	}
	line := make(chan error, 1)
	go func() {
		r := bufio.NewReader(stdout)
		raw, err := r.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(raw, &p.first)
		}
		line <- err
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case err = <-line:
	case <-time.After(startLimit):
		err = context.DeadlineExceeded
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		_ = logFile.Close()
		said, _ := os.ReadFile(log)
		return nil, fmt.Errorf("waiting for the first line: %w\n%s", err, said)
	}
	return p, nil
}

// end sends the signal and waits. A process asked to stop must be gone in time and without an error.
func (p *process) end(with syscall.Signal) error {
	defer p.log.Close()
	if err := p.cmd.Process.Signal(with); err != nil {
		return fmt.Errorf("signalling the command: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		if with == syscall.SIGKILL {
			return nil // how a killed process ends says nothing
		}
		return err
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-done
		return fmt.Errorf("the command did not stop within %s", stopLimit)
	}
}
