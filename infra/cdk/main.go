// Command cdk is the CDK app of Habeas: `cdk synth -c stage=dev` makes the stacks of the stage whose settings are in
// stages/dev.yaml. `make synth`, `make diff` and `make deploy` of the repository call it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// runbooks is where the pages are that alarms lead to.
const runbooks = "https://github.com/habeas-dsar/habeas/blob/main/infra/cdk/runbooks"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	app := awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false)})
	name, _ := app.Node().TryGetContext(jsii.String("stage")).(string)
	if name == "" {
		return fmt.Errorf("name a stage: -c stage=NAME, or the path of its file")
	}
	path := name
	if filepath.Ext(path) != ".yaml" {
		path = filepath.Join("stages", name+".yaml")
	}
	settings, err := stage.Load(path)
	if err != nil {
		return err
	}
	stacks.New(app, stacks.Options{Stage: settings, Functions: inventory.Functions(), Runbooks: runbooks})
	app.Synth(nil)
	return nil
}
