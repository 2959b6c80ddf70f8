// Command lambda is the function Console of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
	"github.com/habeas-dsar/habeas/infra/cloud/staff"
	"github.com/habeas-dsar/habeas/infra/cloud/workers"
)

func main() {
	lambdaboot.Web(console.New, secrets.Open, lambdaboot.Objects(objects.Open), lambdaboot.Prepare(files.Open), lambdaboot.Secrets(secrets.Open), lambdaboot.SignIn(staff.Open), lambdaboot.Workers(workers.Open))
}
