// Package audit compares what functions call with what their roles grant, both ways: a call without a grant would fail on AWS,
// where emulators let it pass, and a grant without a call is one too many. What is called is read from what functions log in a stage
// that counts (infra/inventory, EnvCount); what is granted is read from the template that was deployed.
//
// What is compared are actions. Calls are counted by service and operation, so that a call for one bucket counts for all that the
// function may reach; which buckets, tables and functions those are is held to the inventory by Resources.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Statement is a statement of the policy of a function's role, as infra/cdk/audit reads it from a template: what only a deployment
// knows is written as "${AWS::AccountId}".
type Statement struct {
	Sid       string
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]map[string][]string // operator -> key -> values
}

// Grants is what roles grant, by the names of functions.
type Grants map[string][]Statement

// Granted reads what the template of the functions' stack grants. The template is read by the module of the stacks, in a process of
// its own.
func Granted(template string) (Grants, error) {
	cmd := exec.Command("go", "run", "./cmd/granted", template)
	_, file, _, _ := runtime.Caller(0)
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "infra", "cdk")
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("reading grants: %w\n%s", err, said.String())
	}
	var all Grants
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("decoding grants: %w", err)
	}
	return all, nil
}

// Use is which operations functions called, as the SDK names them ("DynamoDB:GetItem"), by the names of functions.
type Use map[string]map[string]int

// maxLine bounds a line of a log, in bytes.
const maxLine = 16 << 20

// Read adds the calls that a log tells of. Something may stand before them in a line, such as a time.
func (u Use) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		for rest := lines.Bytes(); ; {
			at := bytes.Index(rest, []byte(`{"call":`)) // lines of several workers may have run into each other
			if at < 0 {
				break
			}
			rest = rest[at:]
			if err := u.add(rest); err != nil {
				return err
			}
			rest = rest[1:]
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading calls: %w", err)
	}
	return nil
}

// add counts the call that the line begins with.
func (u Use) add(line []byte) error {
	var call struct {
		Call, Function string
		Times          int
	}
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&call); err != nil || call.Call == "" || call.Function == "" {
		return errors.New("reading calls: a line tells of a call that cannot be read")
	}
	if u[call.Function] == nil {
		u[call.Function] = map[string]int{}
	}
	u[call.Function][call.Call] += call.Times
	return nil
}

// Missing says which calls no role grants, in order. An operation that Actions does not know is one of them.
func Missing(g Grants, u Use) (all []string) {
	for function, operations := range u {
		for operation := range operations {
			need, known := Actions()[operation]
			if !known {
				all = append(all, fmt.Sprintf("%s calls %s, and nobody knows which action that takes", function, operation))
			}
			for _, action := range need {
				if !g.direct(function, action) {
					all = append(all, fmt.Sprintf("%s calls %s without a grant of %s", function, operation, action))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// direct reports whether the function is granted the action for calls of its own, not for those that a service makes in its name.
func (g Grants) direct(function, action string) bool {
	return slices.ContainsFunc(g[function], func(s Statement) bool {
		return s.Effect == "Allow" && s.through() == "" && slices.Contains(s.Actions, action)
	})
}

// through names the service that uses the statement in the name of the function: "s3" for "s3.eu-west-1.amazonaws.com"; empty where
// it is for the function itself.
func (s Statement) through() string {
	for _, service := range s.Condition["StringEquals"]["kms:ViaService"] {
		name, _, _ := strings.Cut(service, ".")
		return name
	}
	return ""
}

// Unused says which grants nobody used and nothing excuses, in order. A grant that a service uses in the name of a function is used
// when the function called that service.
func Unused(g Grants, u Use, excuses []Excuse) (all []string) {
	for function, statements := range g {
		used, services := map[string]bool{}, map[string]bool{}
		for operation := range u[function] {
			for _, action := range Actions()[operation] {
				service, _, _ := strings.Cut(action, ":")
				used[action], services[service] = true, true
			}
		}
		for _, s := range statements {
			for _, action := range s.Actions {
				ok := used[action]
				if through := s.through(); through != "" {
					ok = services[through]
				}
				if !ok && !slices.ContainsFunc(excuses, func(e Excuse) bool { return e.covers(function, s.Sid, action) }) {
					all = append(all, fmt.Sprintf("%s is granted %s (%s), and no story used it", function, action, s.Sid))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// Idle lists the functions that called nothing, in order.
func Idle(g Grants, u Use) (all []string) {
	for _, function := range slices.Sorted(maps.Keys(g)) {
		if len(u[function]) == 0 {
			all = append(all, function)
		}
	}
	return all
}
