package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/cloud/operations"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// records is where the records of an installation are: a directory of this machine, or a stage on AWS.
type records struct{ dir, stage string }

func (p *records) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.dir, "data", "./habeas-data", "data directory of the server")
	stageFlag(c, &p.stage)
}

func stageFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "stage", "", "file of a stage on AWS, such as infra/cdk/stages/dev.yaml; with your own credentials")
}

// withRegistry runs do on the registry of a place, whether or not a server runs on it; now is the time there.
func (p records) withRegistry(cmd *cobra.Command, do func(r *registry.Store, s *session.Store, now func() time.Time) error) error {
	if p.stage != "" {
		if cmd.Flags().Changed("data") {
			return usage("either --data or --stage")
		}
		in, err := openStage(cmd, p.stage)
		if err != nil {
			return err
		}
		return do(in.Set.Registry, in.Set.Sessions, in.Now)
	}
	t, err := sqlitetable.Open(filepath.Join(p.dir, "habeas.db"), sqlitetable.Options{Now: time.Now})
	if err != nil {
		return fmt.Errorf("opening the data directory: %w", err)
	}
	defer t.Close()
	return do(registry.NewStore(t, time.Now), session.NewStore(t, time.Now), time.Now)
}

// openStage opens a deployed stage with the credentials that the tools of AWS take: environment, profile, single sign-on.
func openStage(cmd *cobra.Command, file string) (*operations.Installation, error) {
	if file == "" {
		return nil, usage("--stage wants the file of a stage, such as infra/cdk/stages/dev.yaml")
	}
	s, err := stage.Load(file)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "opening a stage")
	}
	cfg, err := config.LoadDefaultConfig(cmd.Context(), config.WithRegion(s.Region), config.WithLogger(logging.Nop{})) // its warnings are about connections
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the settings of AWS cannot be read; see aws configure")
	}
	return operations.Open(cmd.Context(), cfg, s)
}
