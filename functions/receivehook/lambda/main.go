// Command lambda is the function ReceiveHook of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Web(receivehook.New, secrets.Open, lambdaboot.Secrets(secrets.Open))
}
