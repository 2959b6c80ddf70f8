// Command lambda is the function Portal of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/portal"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Web(func(a *parts.Parts) (lambdaboot.Pages, error) { return portal.New(a) }, secrets.Open, lambdaboot.Objects(objects.Open), lambdaboot.Prepare(files.Open))
}
