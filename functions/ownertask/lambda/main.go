// Command lambda is the function OwnerTask of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/ownertask"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Web(func(a *parts.Parts) (lambdaboot.Pages, error) { return ownertask.New(a) }, secrets.Open, lambdaboot.Objects(objects.Open), lambdaboot.Prepare(files.Open))
}
