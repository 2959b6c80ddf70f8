// Command settle ends a deployment: it tells an installation without a domain of its own the address that AWS gave its API, which
// its functions read at their cold start. Running it again changes nothing.
//
//	go run ./cmd/settle -stage stages/dev.yaml
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/shared/table"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		cancel()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("settle", flag.ContinueOnError)
	path := flags.String("stage", "", "file of the stage")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := stage.Load(*path)
	if err != nil {
		return err
	}
	if s.Domain != nil {
		return nil // functions are told the address by their environment
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(s.Region))
	if err != nil {
		return fmt.Errorf("loading credentials: %w", err)
	}
	parameters := ssm.NewFromConfig(cfg)
	address, err := read(ctx, parameters, s.Parameter(stage.ParameterBaseURL))
	if err != nil {
		return fmt.Errorf("reading the address of the API: %w", err)
	}
	environment, err := read(ctx, parameters, s.Parameter(stage.ParameterEnvironment))
	if err != nil {
		return fmt.Errorf("reading the environment of the functions: %w", err)
	}
	return write(ctx, cfg, s, environment, address)
}

func read(ctx context.Context, client *ssm.Client, name string) (string, error) {
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Parameter.Value), nil
}

func write(ctx context.Context, cfg aws.Config, s stage.Stage, environment, address string) error {
	var env map[string]string
	if err := json.Unmarshal([]byte(environment), &env); err != nil {
		return fmt.Errorf("decoding the environment of the functions: %w", err)
	}
	env["AWS_REGION"] = s.Region
	settings, err := cloud.Read(func(name string) string { return env[name] })
	if err != nil {
		return err
	}
	records, err := cloud.Open(cfg, settings, time.Now, nil).Table()
	if err != nil {
		return err
	}
	return records.Transact(ctx, table.Write{Op: table.Put, If: table.AnyVersion, Item: table.Item{
		Key: table.Key{Table: table.Registry, PK: cloud.AddressPK, SK: cloud.AddressSK}, Body: []byte(address),
	}})
}
