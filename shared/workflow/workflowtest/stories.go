package workflowtest

import "testing"

// stories are the tests that a file cannot tell.
func stories() map[string]func(*testing.T, Harness) {
	return map[string]func(*testing.T, Harness){}
}
