package registry

import (
	"regexp"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// DefaultHorizon is how long the backups of a system are taken to keep what was erased when neither its registration nor its
// connector says so: longer than hosted databases keep theirs unless told otherwise.
const DefaultHorizon = 35 * day

const (
	day        = 24 * time.Hour
	maxHorizon = 10 * 366 * day
)

var horizonPattern = regexp.MustCompile(`^P([0-9]{1,5})([DW])$`)

// ParseHorizon reads a backup horizon: an ISO 8601 duration in days or weeks, P90D or P13W, of at most ten years. P0D says
// that no backups are made. Anything else is fault.Invalid.
func ParseHorizon(text string) (time.Duration, error) {
	m := horizonPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fault.InvalidField("/backupHorizon", "say how long backups are kept in days or weeks, such as P90D or P13W")
	}
	n, err := strconv.Atoi(m[1])
	d := time.Duration(n) * day
	if m[2] == "W" {
		d *= 7
	}
	if err != nil || d > maxHorizon {
		return 0, fault.InvalidField("/backupHorizon", "a backup horizon is ten years at most")
	}
	return d, nil
}

// Horizon returns how long backups of the system keep what was erased from it. What was registered counts before what the
// connector declares (0 = it does not say), and that before DefaultHorizon. Zero means that no backups are made. A registered
// text that ParseHorizon refuses is fault.Invalid.
func (s System) Horizon(declared time.Duration) (time.Duration, error) {
	switch {
	case s.BackupHorizon != "":
		return ParseHorizon(s.BackupHorizon)
	case declared > 0:
		return declared, nil
	}
	return DefaultHorizon, nil
}
