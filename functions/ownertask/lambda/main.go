// Command lambda is the function OwnerTask of infra/inventory.
package main

import (
	"github.com/habeas-dsar/habeas/functions/internal/lambdaboot"
	"github.com/habeas-dsar/habeas/functions/ownertask"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
)

func main() {
	lambdaboot.Web(ownertask.New, secrets.Open, lambdaboot.Objects(objects.Open), lambdaboot.Prepare(files.Open))
}
