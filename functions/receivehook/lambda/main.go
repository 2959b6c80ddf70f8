// Command lambda is the function ReceiveHook of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
)

func main() {
	lambdaboot.Web(func(a *parts.Parts) (lambdaboot.Pages, error) { return receivehook.New(a) }, parameters.Open, lambdaboot.Secrets(parameters.Open))
}
