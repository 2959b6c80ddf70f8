// Command lambda is the function NotifyRecipient of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/notifyrecipient"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Step(notifyrecipient.New, lambdaboot.Secrets(secrets.Open))
}
