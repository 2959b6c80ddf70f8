package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// patience is how long a start may take; a Java machine on a busy computer needs a while.
	patience = 90 * time.Second
	// attempts is how often a start is tried: between finding a free port and using it, somebody else may take it.
	attempts = 3
	// shownLog is how much of the end of a log an error shows, in bytes.
	shownLog = 4 << 10
)

// program is how to start an emulator.
type program struct {
	path  string
	dirs  []string // made in its directory before it starts
	args  func(port, dir string) []string
	env   func(port, dir string) []string // besides PATH and HOME
	ready string                          // path that is answered with less than 500 when it is
}

// process is an emulator that runs.
type process struct {
	cmd  *exec.Cmd
	dir  string
	done chan struct{} // closed when it has ended
}

// start runs the program in a directory of its own and waits until it answers. The error shows the end of its log.
func start(p program) (*Cloud, error) {
	var last error
	for range attempts {
		cloud, err := startOnce(p)
		if err == nil {
			return cloud, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w; `make tools` fetches what tests need", err)
		}
		last = err
	}
	return nil, last
}

func startOnce(p program) (*Cloud, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "habeas-emulator-")
	if err != nil {
		return nil, fmt.Errorf("making directory: %w", err)
	}
	for _, d := range p.dirs {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args(port, dir)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}, p.env(port, dir)...)
	run := &process{cmd: cmd, dir: dir, done: make(chan struct{})}
	if err := run.launch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cloud := &Cloud{Endpoint: "http://127.0.0.1:" + port, LogFile: log.Name(), process: run}
	if err := cloud.wait(p.ready); err != nil {
		end := logEnd(log.Name())
		return nil, errors.Join(fmt.Errorf("%w; it said:\n%s", err, end), run.end())
	}
	return cloud, nil
}

// launch starts the process so that it dies with this one, however this one ends. Linux ties that to the thread that starts it,
// so the thread stays until the process has ended.
func (p *process) launch() error {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		begun <- err
		if err == nil {
			_ = p.cmd.Wait() // it is killed, or its log tells why it ended
		}
	}()
	if err := <-begun; err != nil {
		return fmt.Errorf("starting %s: %w", filepath.Base(p.cmd.Path), err)
	}
	return nil
}

// end kills the process and what it started, and removes its directory.
func (p *process) end() error {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // no such process: it has ended by itself
	<-p.done
	return os.RemoveAll(p.dir)
}

// wait returns when the emulator answers, or with an error when it ends or takes too long.
func (c *Cloud) wait(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := &http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		if c.answers(ctx, client, path) {
			return nil
		}
		select {
		case <-c.process.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-tick.C:
		}
	}
}

func (c *Cloud) answers(ctx context.Context, client *http.Client, path string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Endpoint+path, http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode < http.StatusInternalServerError
}

// freePort returns a port of 127.0.0.1 that nobody uses at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

func logEnd(name string) string {
	log, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	if len(log) > shownLog {
		log = log[len(log)-shownLog:]
	}
	return strings.ToValidUTF8(string(bytes.TrimSpace(log)), "?")
}
