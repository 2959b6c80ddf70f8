package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/cost"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// costOptions are the flags of `habeas cost`.
type costOptions struct {
	stage, region string
	logs          []string
	cases         int
	transitions   int
}

func newCost() *cobra.Command {
	o := costOptions{}
	c := &cobra.Command{
		Use: "cost --log FILE", Short: "Say what a case costs on AWS, counted and not estimated", Args: cobra.NoArgs,
		Long: "Adds up what the functions of a stage with `count: true` wrote into their logs and prices it with a table of public prices,\n" +
			"without free tiers. Fetch the logs with `aws logs tail --since 1h --format short /aws/lambda/PREFIX-FUNCTION`, one file or many;\n" +
			"- is stdin. Step Functions counts transitions itself (metric or history): give their number with --transitions.",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := c.Flags()
	stageFlag(c, &o.stage)
	f.StringVar(&o.region, "region", "", "region of the prices (default: that of --stage, or eu-west-1)")
	f.StringArrayVar(&o.logs, "log", nil, "file with log lines; may be repeated")
	f.IntVar(&o.cases, "cases", 1, "cases that ran meanwhile")
	f.IntVar(&o.transitions, "transitions", 0, "state transitions of all executions meanwhile")
	return c
}

func (o costOptions) run(cmd *cobra.Command) error {
	if len(o.logs) == 0 || o.cases < 1 || o.transitions < 0 {
		return usage("--log wants a file of log lines, --cases a number from 1")
	}
	prices, err := o.prices()
	if err != nil {
		return err
	}
	var total cost.Usage
	for _, name := range o.logs {
		u, err := readUsage(cmd, name)
		if err != nil {
			return err
		}
		total.Add(u)
	}
	if o.transitions > 0 {
		total.Add(cost.Usage{Transitions: map[string]int{"all": o.transitions}})
	}
	bill := total.Price(prices, o.cases)
	if asJSON(cmd) {
		return show(cmd, struct {
			Usage cost.Usage `json:"usage"`
			Bill  cost.Bill  `json:"bill"`
			USD   float64    `json:"usdPerCase"`
		}{total, bill, bill.USD() / float64(bill.Cases)}, nil)
	}
	_, err = bill.WriteTo(cmd.OutOrStdout())
	return err
}

func (o costOptions) prices() (cost.Prices, error) {
	region := o.region
	if region == "" {
		region = "eu-west-1"
		if o.stage != "" {
			s, err := stage.Load(o.stage)
			if err != nil {
				return cost.Prices{}, fault.Wrap(fault.Invalid, err, "opening a stage")
			}
			region = s.Region
		}
	}
	return cost.PricesOf(region)
}

// readUsage reads a log of any length, line by line.
func readUsage(cmd *cobra.Command, name string) (cost.Usage, error) {
	var in io.Reader = cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return cost.Usage{}, fault.Wrap(fault.NotFound, err, "opening a log")
		}
		defer f.Close()
		in = f
	}
	u, err := cost.Read(in)
	if err != nil {
		return u, fmt.Errorf("reading %s: %w", name, err)
	}
	return u, nil
}
