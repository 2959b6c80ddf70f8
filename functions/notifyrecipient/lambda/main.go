// Command lambda is the function NotifyRecipient of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/notifyrecipient"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
)

func main() {
	lambdaboot.Task(func(a *parts.Parts) (lambdaboot.TaskStep, error) { return notifyrecipient.New(a) }, lambdaboot.Secrets(parameters.Open))
}
