package lambdaboot

import (
	"sync"

	"github.com/habeas-dsar/habeas/infra/cloud"
)

// usage is what an invocation used of other services, in a stage that counts. It is written to the log as
// {"call": "DynamoDB:GetItem", "times": 3, ...} and {"units": "habeas-dev-cases", "read": 1.5, "write": 12, ...}: an audit of roles
// and the figures of costs read these lines.
type usage struct {
	mu    sync.Mutex
	calls map[cloud.Call]int
	units map[string][2]float64
}

// Call implements cloud.Meter.
func (u *usage) Call(c cloud.Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls == nil {
		u.calls = map[cloud.Call]int{}
	}
	u.calls[c]++
}

// Units implements cloud.Meter.
func (u *usage) Units(table string, read, write float64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.units == nil {
		u.units = map[string][2]float64{}
	}
	sum := u.units[table]
	u.units[table] = [2]float64{sum[0] + read, sum[1] + write}
}

// flush returns what was used since the last flush.
func (u *usage) flush(function, request string) (lines []map[string]any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c, n := range u.calls {
		lines = append(lines, map[string]any{"call": c.Service + ":" + c.Operation, "times": n, "failed": c.Failed, "function": function, "requestId": request})
	}
	for table, sum := range u.units {
		lines = append(lines, map[string]any{"units": table, "read": sum[0], "write": sum[1], "function": function, "requestId": request})
	}
	u.calls, u.units = nil, nil
	return lines
}
