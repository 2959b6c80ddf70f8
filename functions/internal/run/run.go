// Package run names the executions of cases, in one place for those who start, describe and stop them.
package run

import "fmt"

// Machine is the name of the case machine; TaskMachine that of its child.
const (
	Machine     = "case"
	TaskMachine = "task"

	NoticeMachine = "notify" // tells one recipient of changed data
)

// Name returns the name of the execution of a case's generation; at most 80 characters, never used twice.
func Name(caseID string, generation int) string { return fmt.Sprintf("%s-g%d", caseID, generation) }

// NoticeName returns the name of the execution of a notice's run; the rules are those of Name.
func NoticeName(noticeID string, run int) string { return fmt.Sprintf("%s-g%d", noticeID, run) }
