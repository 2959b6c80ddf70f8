package workflow_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// The suite runs on two engines that other people wrote from the same documents: where both agree with ours, and where they
// do not the document that settles it is named, no single reading of the specification has become our truth.

func TestMinistack(t *testing.T) {
	workflowtest.Run(t, ministack(t).harness(keep("StateEntered", "StateExited"), ministackDiffers()))
}

func TestMoto(t *testing.T) { workflowtest.Run(t, moto(t).harness(tidied, motoDiffers())) }
