package workflow_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

func TestMinistack(t *testing.T) {
	workflowtest.Run(t, ministack(t).harness(keep("StateEntered", "StateExited"), nil))
}

func TestMoto(t *testing.T) {
	workflowtest.Run(t, moto(t).harness(nil, nil))
}
