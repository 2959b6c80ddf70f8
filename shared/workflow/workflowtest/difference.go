package workflowtest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Expect runs a test that is to complain as the difference says, and fails t when it does not.
func (d Difference) Expect(t *testing.T, test func(testing.TB)) {
	t.Helper()
	c := &complaints{TB: t}
	done := make(chan struct{})
	go func() { // a test that gives up ends its goroutine
		defer close(done)
		test(c)
	}()
	<-done
	said := c.said()
	if said == "" {
		t.Errorf("the difference is gone: the engine does as prescribed (%s)", d.Says)
	} else if !d.Shows.MatchString(said) {
		t.Errorf("the engine differs otherwise than known (%s):\n%s", d.Does, said)
	}
}

// complaints collects what a test would have failed with. Everything else is the test's own.
type complaints struct {
	testing.TB
	mu    sync.Mutex
	lines []string
}

func (c *complaints) add(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, text)
}

func (c *complaints) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// Error implements testing.TB.
func (c *complaints) Error(args ...any) { c.add(fmt.Sprint(args...)) }

// Errorf implements testing.TB.
func (c *complaints) Errorf(format string, args ...any) { c.add(fmt.Sprintf(format, args...)) }

// Fatal implements testing.TB.
func (c *complaints) Fatal(args ...any) {
	c.add(fmt.Sprint(args...))
	runtime.Goexit()
}

// Fatalf implements testing.TB.
func (c *complaints) Fatalf(format string, args ...any) {
	c.add(fmt.Sprintf(format, args...))
	runtime.Goexit()
}
