// Package workflow holds the state machines of Habeas in Amazon States Language, as every engine runs them. See README.md in
// this folder for the rules that keep them portable.
package workflow

import (
	_ "embed"
	"slices"
)

//go:embed case.asl.json
var caseMachine []byte

//go:embed task.asl.json
var taskMachine []byte

//go:embed notify.asl.json
var notifyMachine []byte

// Machines returns the definitions by name. ${Name} stands for what an engine substitutes: functions (see Functions) and
// ${TaskMachine}.
func Machines() map[string][]byte {
	return map[string][]byte{"case": slices.Clone(caseMachine), "task": slices.Clone(taskMachine), "notify": slices.Clone(notifyMachine)}
}

// Functions returns the names of the functions that the machines invoke by name. Workers are named by the tasks themselves.
func Functions() []string {
	return []string{
		"Triage", "Acknowledge", "VerifyIdentity", "OpenTasks", "PlanCase", "ReviewPlan", "AssembleResponse", "ReviewResponse",
		"DeliverResponse", "CloseCase", "NeedsOperator", "AwaitSystem", "AskPerson", "NotifyRecipient",
	}
}
