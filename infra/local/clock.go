package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	workflow "github.com/habeas-dsar/habeas/shared/workflow/local"
)

// Clock is the time of the installation: real, or set by hand. It drives every timer, retry and expiry.
type Clock = workflow.Clock

// ManualClock stands still until it is moved. It remembers its time in a file, over restarts.
type ManualClock struct {
	*workflow.ManualClock
	path string
}

// OpenManualClock reads the clock from its file, or starts it at first and writes the file.
func OpenManualClock(path string, first time.Time) (*ManualClock, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		c := &ManualClock{workflow.NewManualClock(first.UTC().Truncate(time.Millisecond)), path}
		return c, c.save(c.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("reading clock file: %w", err)
	}
	now, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(raw)))
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the clock file holds no RFC 3339 instant")
	}
	return &ManualClock{workflow.NewManualClock(now), path}, nil
}

// lastYear is the last that RFC 3339 can write: the clock is read back from its file.
const lastYear = 9999

// Move sets the clock to t; a clock never goes back (fault.Invalid), since what was done cannot be undone.
func (c *ManualClock) Move(t time.Time) error {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Before(c.Now()) {
		return fault.New(fault.Invalid, "the clock only moves forward")
	}
	if t.Year() > lastYear {
		return fault.New(fault.Invalid, "the clock ends with the year 9999")
	}
	if err := c.save(t); err != nil {
		return err
	}
	c.Set(t)
	return nil
}

func (c *ManualClock) save(t time.Time) error {
	tmp := c.path + ".new"
	if err := os.WriteFile(tmp, []byte(t.Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing clock file: %w", err)
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return fmt.Errorf("replacing clock file: %w", err)
	}
	return nil
}
