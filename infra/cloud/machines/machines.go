// Package machines opens the state machines of an installation.
package machines

import (
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
)

// Open opens the state machines.
func Open(c *cloud.Cloud) (workflow.Engine, error) {
	machines := map[string]string{}
	for _, name := range inventory.Machines() {
		machines[name] = c.Machine(name)
	}
	return stepfunctions.New(stepfunctions.Options{Client: sfn.NewFromConfig(c.Config), Machines: machines})
}
