// Command lambda is the function Console of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
	"github.com/habeas-dsar/habeas/infra/cloud/staff"
	"github.com/habeas-dsar/habeas/infra/cloud/workers"
)

func main() {
	lambdaboot.Web(func(a *parts.Parts) (lambdaboot.Pages, error) { return console.New(a) }, parameters.Open, lambdaboot.Objects(objects.Open), lambdaboot.Prepare(files.Open), lambdaboot.Secrets(parameters.Open), lambdaboot.SignIn(staff.Open), lambdaboot.Workers(workers.Open))
}
