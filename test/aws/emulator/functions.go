package emulator

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The launcher of ministack counts in one, keeps mail in another, and what functions write in the third.
const (
	invocations = "invocations"
	mails       = "mails"
	said        = "said"
)

// Said is the file with what functions on a ministack wrote since its start, each line once and as it was written, whoever called
// them. LogFile shows some of it only.
func (c *Cloud) Said() string { return filepath.Join(filepath.Dir(c.LogFile), said) }

// Mails returns the files with what a ministack was handed to send, in order, as it was to be sent.
func (c *Cloud) Mails(tb testing.TB) []string {
	tb.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(c.LogFile), mails, "*.eml"))
	if err != nil {
		tb.Fatal(err)
	}
	return list // sorted: the names are numbers of one width
}

// Invocations returns how many invocations of functions began on a ministack since its start, and how many of them ended.
func (c *Cloud) Invocations(tb testing.TB) (began, ended int) {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(c.LogFile), invocations))
	if err == nil {
		_, err = fmt.Sscan(string(raw), &began, &ended)
	}
	if err != nil {
		tb.Fatalf("reading how many invocations there were: %v", err)
	}
	return began, ended
}

// Forget ends the warm workers of a ministack, and with them what functions keep in memory.
func (c *Cloud) Forget(tb testing.TB) {
	tb.Helper()
	if err := c.process.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		tb.Fatalf("ending the workers of functions: %v", err)
	}
}
