package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/machines"
	"github.com/habeas-dsar/habeas/infra/cloud/objects"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Installation is a deployed stage.
type Installation struct {
	Stage   stage.Stage
	Cloud   *cloud.Cloud
	Records table.Store
	Keeper  keys.Keeper
	Objects *s3blobs.Store
	Engine  workflow.Engine
	Set     *functions.Set // over the same records; whatever it promises is carried out by the functions of the stage
	Address string         // of the portal; empty = the stage does not know it yet: its deployment is not at its end
	Now     func() time.Time
}

// Open finds a stage by its settings: what functions are told stands in a parameter that the stacks wrote. fault.NotFound when the
// stage is not deployed in the account and region of cfg, fault.Misconfigured when the settings name another account.
func Open(ctx context.Context, cfg aws.Config, s stage.Stage) (*Installation, error) {
	settings, err := read(ctx, cfg, s)
	if err != nil {
		return nil, err
	}
	in := &Installation{Stage: s, Now: time.Now}
	in.Cloud = cloud.Open(cfg, settings, func() time.Time { return in.Now() }, nil)
	if in.Records, err = in.Cloud.Table(); err != nil {
		return nil, err
	}
	if settings.Manual {
		if err := in.readClock(ctx); err != nil {
			return nil, err
		}
	}
	if in.Keeper, err = in.Cloud.Keeper(); err != nil {
		return nil, err
	}
	if in.Objects, err = objects.Open(in.Cloud); err != nil {
		return nil, err
	}
	if in.Engine, err = machines.Open(in.Cloud); err != nil {
		return nil, err
	}
	in.Address, err = in.Cloud.Address(ctx, in.Records)
	if err != nil && !fault.Has(err, fault.Misconfigured) {
		return nil, err
	}
	return in, in.open()
}

// open puts the product together. It starts, sends and answers nothing.
func (in *Installation) open() (err error) {
	in.Set, err = functions.New(functions.Ports{
		Table: in.Records, Keeper: in.Keeper, Blobs: in.Objects, Workflow: in.Engine, Connectors: catalog.Factories(),
		Secret: parameters.Open(in.Cloud).Resolve, Worker: in.Cloud.Worker, Shredding: cloud.Shredding(in.Objects), Keep: cloud.Keep(in.Objects),
		Now: in.Now, Pace: time.Now, Poke: func([]casefile.OutboxRow) {}, // the stream of the table tells
		Publish: func(context.Context, events.Event) error {
			return fault.New(fault.Internal, "events are published by the stage itself")
		},
		Log:     slog.New(slog.DiscardHandler),
		BaseURL: in.Address, MailDomain: in.Cloud.MailDomain, Rules: verification.DefaultRules(), Demo: in.Cloud.Demo, Manual: in.Cloud.Manual,
		MailCopies: in.Cloud.Mail == cloud.SendGrid,
	})
	return err
}

func read(ctx context.Context, cfg aws.Config, s stage.Stage) (cloud.Settings, error) {
	cfg.Region = s.Region
	name := s.Parameter(stage.ParameterEnvironment)
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		if awsfault.Code(err) == "ParameterNotFound" {
			return cloud.Settings{}, fault.New(fault.NotFound, "stage "+s.Name+" is not deployed in "+s.Region+" with these credentials")
		}
		return cloud.Settings{}, awsfault.Wrap(err, "reading what functions are told")
	}
	var env map[string]string
	if json.Unmarshal([]byte(aws.ToString(out.Parameter.Value)), &env) != nil {
		return cloud.Settings{}, fault.New(fault.Misconfigured, "what functions are told is not JSON; deploy the stage again")
	}
	env["AWS_REGION"] = s.Region
	settings, err := cloud.Read(func(name string) string { return env[name] })
	if err != nil {
		return settings, fmt.Errorf("reading what functions are told: %w", err)
	}
	if s.Account != "" && s.Account != settings.Account {
		return settings, fault.New(fault.Misconfigured, "the credentials are of another account than the stage names")
	}
	return settings, nil
}

// readClock takes the time of a stage for development that is set by hand.
func (in *Installation) readClock(ctx context.Context) error {
	i, err := in.Records.Get(ctx, table.Key{Table: table.Registry, PK: cloud.ClockPK, SK: cloud.ClockSK})
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the time of the stage: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, string(i.Body))
	if err != nil {
		return fault.New(fault.Misconfigured, "the time of the stage is no RFC 3339 instant")
	}
	in.Now = func() time.Time { return t }
	return nil
}

// reference names an open case.
type reference struct{ tenant, caseID string }

// OpenCases counts the cases that are not closed, by tenant; tenants without any are left out. It reads an index that may lag by
// seconds.
func (in *Installation) OpenCases(ctx context.Context) (map[string]int, error) {
	count := map[string]int{}
	err := in.eachOpen(ctx, func(r reference) error {
		count[r.tenant]++
		return nil
	})
	return count, err
}

// eachOpen visits every case that the index shows open, each once as long as nothing changes meanwhile.
func (in *Installation) eachOpen(ctx context.Context, visit func(reference) error) error {
	tenants, err := in.Set.Registry.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("listing tenants: %w", err)
	}
	for _, t := range tenants {
		for _, status := range dsar.Statuses() {
			if status.Final() {
				continue
			}
			if err := in.eachOf(ctx, t.Name, status, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *Installation) eachOf(ctx context.Context, tenant string, status dsar.Status, visit func(reference) error) error {
	const page = 200
	for after := ""; ; {
		list, err := in.Set.Cases.Seek(ctx, casefile.Seek{Tenant: tenant, Status: status, After: after, Limit: page})
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := visit(reference{tenant, one.CaseID}); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].Position
	}
}
