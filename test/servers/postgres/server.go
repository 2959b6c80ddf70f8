package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Admin is the superuser of every server.
const Admin = "admin"

// Server is one PostgreSQL. Its methods may be called from several goroutines, but Stop, Crash and Start not at once.
type Server struct {
	Host     string // 127.0.0.1
	Port     int
	Password string // of Admin; asked for by scram-sha-256

	dir    string
	bin    string
	asUser *syscall.Credential // nil: as this process
	made   atomic.Int64        // databases

	mu  sync.Mutex
	run *running // nil while stopped
}

// running is one life of the server process.
type running struct {
	stdin  io.WriteCloser
	output *os.File
	exited chan struct{}
}

// Run runs the tests of a package with a server that is stopped and removed afterwards. It is called from TestMain.
func Run(m *testing.M, use func(*Server)) int {
	s, err := New()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting PostgreSQL:", err)
		return 1
	}
	use(s)
	code := m.Run()
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping PostgreSQL:", err)
		return max(code, 1)
	}
	return code
}

// New makes a database cluster and starts it. The caller closes it.
func New() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "habeas-postgres-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the server: %w", err)
	}
	s := &Server{Host: "127.0.0.1", Password: rand.Text(), dir: dir, bin: bin}
	if err := s.make(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs finds the folder with initdb and postgres.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // the folder of a link need not hold the other programs
		}
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("initdb is neither in PATH nor below /usr/lib/postgresql: please install postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func (s *Server) make() error {
	if os.Geteuid() == 0 {
		if err := s.giveAway(); err != nil {
			return err
		}
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.Password), 0o600); err != nil {
		return fmt.Errorf("writing the password: %w", err)
	}
	if s.asUser != nil {
		if err := os.Chown(secret, int(s.asUser.Uid), int(s.asUser.Gid)); err != nil {
			return fmt.Errorf("giving the password to the server's account: %w", err)
		}
	}
	initdb := s.command("initdb", "--pgdata="+s.data(), "--username="+Admin, "--pwfile="+secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("running initdb: %w\n%s", err, out)
	}
	if err := s.freePort(); err != nil {
		return err
	}
	return s.start()
}

// giveAway lets the server run under the account postgres and own its directory.
func (s *Server) giveAway() error {
	account, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("finding the account that PostgreSQL runs under: %w", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return fmt.Errorf("reading the account: %w", err)
	}
	s.asUser = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, uid, gid); err != nil {
		return fmt.Errorf("giving the directory to the server's account: %w", err)
	}
	return nil
}

func (s *Server) number() int64 { return s.made.Add(1) }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	if s.asUser != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.asUser}
	}
	return c
}

func (s *Server) freePort() error {
	l, err := net.Listen("tcp", net.JoinHostPort(s.Host, "0"))
	if err != nil {
		return fmt.Errorf("finding a free port: %w", err)
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	return l.Close()
}

// The shell stops the server when it is told how, or when the test process is gone, however that ended.
const supervise = `"$@" & server=$!
read how
if [ "$how" = crash ]; then kill -QUIT $server; else kill -INT $server; fi
wait $server`

func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		return errors.New("the server is running already")
	}
	c := exec.Command("sh", "-c", supervise, "sh", filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.Port),
		"-c", "listen_addresses="+s.Host, "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "shared_buffers=128MB", "-c", "max_connections=100", "-c", "log_min_messages=error", "-c", "timezone=UTC")
	c.Dir = s.dir
	if s.asUser != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: s.asUser}
	}
	stdin, err := c.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	output, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("opening the server's log: %w", err), stdin.Close())
	}
	c.Stdout, c.Stderr = output, output
	if err := c.Start(); err != nil {
		return errors.Join(fmt.Errorf("starting the server: %w", err), output.Close())
	}
	r := &running{stdin: stdin, output: output, exited: make(chan struct{})}
	go func() {
		_ = c.Wait() // a server told to stop ends with an error, too
		close(r.exited)
	}()
	s.run = r
	return s.await(r)
}

// await waits until the server answers.
func (s *Server) await(r *running) error {
	var err error
	for range 300 {
		select {
		case <-r.exited:
			return fmt.Errorf("the server ended at once:\n%s", s.Log())
		case <-time.After(50 * time.Millisecond):
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var conn *pgx.Conn
		if conn, err = pgx.Connect(ctx, s.URL(Admin, s.Password, "postgres")); err == nil {
			err = conn.Close(ctx)
			cancel()
			return err
		}
		cancel()
	}
	return fmt.Errorf("waiting for the server: %w\n%s", err, s.Log())
}

func (s *Server) end(how string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.run
	if r == nil {
		return nil
	}
	s.run = nil
	_, err := io.WriteString(r.stdin, how+"\n")
	err = errors.Join(err, r.stdin.Close())
	select {
	case <-r.exited:
	case <-time.After(30 * time.Second):
		err = errors.Join(err, errors.New("the server did not stop within 30 s"))
	}
	return errors.Join(err, r.output.Close())
}

// Stop ends the server in good order: sessions are cut off and told so.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	if err := s.end("stop"); err != nil {
		tb.Fatalf("stopping PostgreSQL: %v", err)
	}
}

// Crash ends the server at once: what was not committed is gone, and sessions break.
func (s *Server) Crash(tb testing.TB) {
	tb.Helper()
	if err := s.end("crash"); err != nil {
		tb.Fatalf("crashing PostgreSQL: %v", err)
	}
}

// Start starts a stopped server on the same port with the same data.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	if err := s.start(); err != nil {
		tb.Fatalf("starting PostgreSQL: %v", err)
	}
}

// Close stops the server and removes its directory. It is idempotent.
func (s *Server) Close() error { return errors.Join(s.end("stop"), os.RemoveAll(s.dir)) }

// Log returns what the server has written: errors of statements, with their text.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log")) // nothing is said when there is none
	return strings.TrimSpace(string(b))
}

// Program returns the path of a program of this PostgreSQL: pg_dump, pg_restore.
func (s *Server) Program(name string) string { return filepath.Join(s.bin, name) }
