package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/infra/cost"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// What is aimed at.
const (
	dear        = 1     // of cases: the one that the first aim is about
	aimCase     = 0.010 // USD for it
	aimFixed    = 22.0  // USD a month without a case
	aimMegabyte = 15.0  // of a function's binary
	aimStart    = 60.0  // milliseconds to its first invocation, median
)

// egress is what a GiB costs on its way out, in USD (https://aws.amazon.com/ec2/pricing/on-demand/, "Data transfer").
const egress = 0.09

// page is a page of figures in Markdown.
type page struct{ bytes.Buffer }

func (w *page) line(format string, args ...any) { fmt.Fprintf(&w.Buffer, format+"\n", args...) }

func (w *page) row(cells ...string) { w.line("| %s |", strings.Join(cells, " | ")) }

func (w *page) head(cells ...string) {
	w.row(cells...)
	w.row(slices.Repeat([]string{"---"}, len(cells))...)
}

// kept says whether an aim is met.
func kept(is, aim float64) string {
	if is <= aim {
		return "met"
	}
	return "missed"
}

func number(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// writeCases writes what each case used, and what that costs.
func writeCases(w *page, all []counted, p cost.Prices) {
	w.line("## What a case costs\n")
	w.line("Counted on a deployed stage by `make bench-aws`; prices of %s on %s, without free tiers.\n", p.Region, p.AsOf)
	head, bills := []string{""}, []cost.Bill{}
	for _, c := range all {
		head, bills = append(head, c.name), append(bills, c.usage.Price(p, 1))
	}
	w.head(head...)
	for n, item := range bills[0].Items {
		cells := []string{item.What}
		for _, b := range bills {
			cells = append(cells, fmt.Sprintf("%s ($%.5f)", number(b.Items[n].Quantity), b.Items[n].USD))
		}
		w.row(cells...)
	}
	cells := []string{"**together**"}
	for _, b := range bills {
		cells = append(cells, fmt.Sprintf("**$%.5f**", b.USD()))
	}
	w.row(cells...)
	leaves := float64(all[dear].volume) / (1 << 30) * egress
	w.line("\nAim: less than $%.3f for %s. It is %s. The package has %.1f MB; what leaves AWS with it costs $%.5f more, a price that is not in the table.\n",
		aimCase, all[dear].name, kept(bills[dear].USD()+leaves, aimCase), float64(all[dear].volume)/megabytes, leaves)
	w.line("### Where it goes, %s\n", all[dear].name)
	u := all[dear].usage
	w.head("function", "invocations", "milliseconds")
	for _, name := range testkit.Keys(u.Functions) {
		w.row(name, fmt.Sprint(u.Functions[name].Invocations), fmt.Sprint(u.Functions[name].Milliseconds))
	}
	w.line("")
	w.head("calls", "times")
	for _, name := range testkit.Keys(u.Calls) {
		w.row(name, fmt.Sprint(u.Calls[name].Times))
	}
	w.line("")
	w.head("table", "read units", "write units")
	for _, name := range testkit.Keys(u.Tables) {
		w.row(name, number(u.Tables[name].Read), number(u.Tables[name].Write))
	}
	w.line("")
	w.head("machine", "executions", "transitions")
	for _, name := range testkit.Keys(u.Transitions) {
		w.row(name, fmt.Sprint(u.Executions[name]), fmt.Sprint(u.Transitions[name]))
	}
}

// idle counts what the clockwork uses when there is nothing to do: every function that a schedule calls, once.
func idle(tb testing.TB, kit *testkit.Kit) cost.Usage {
	tb.Helper()
	s := kit.Start(tb)
	s.Settle() // what runs for the first time reads more than later
	before := s.Stderr()
	s.Settle()
	u, err := cost.Read(bytes.NewReader(bytes.TrimPrefix(s.Stderr(), before)))
	if err != nil {
		tb.Fatalf("reading what the clockwork used: %v", err)
	}
	for _, f := range inventory.Functions() {
		if f.Minutes > 0 && u.Functions[f.Name].Invocations == 0 {
			tb.Fatalf("%s was not called", f.Name)
		}
	}
	return u
}

const minutesAMonth = 365 * 24 * 60 / 12

// monthly are prices by the month of what stands there without a case, in USD (the pages of cost.Prices, and
// https://aws.amazon.com/cloudwatch/pricing/, https://aws.amazon.com/waf/pricing/, https://aws.amazon.com/kms/pricing/).
func monthly() map[string]float64 {
	return map[string]float64{
		"AWS::KMS::Key": 1, "AWS::SecretsManager::Secret": 0.40, "AWS::CloudWatch::Dashboard": 3, "AWS::WAFv2::WebACL": 5, "rule": 1, "alarm metric": 0.10,
		"own metric": 0.30,
	}
}

// ownMetrics are those of functions/internal/lambdaboot: one for the stage; those of classes are there when something fails.
const ownMetrics = 1

// writeFixed writes what a month without a case costs, a stage in production with every option but the private network.
func writeFixed(tb testing.TB, w *page, idle cost.Usage, p cost.Prices) {
	tb.Helper()
	w.line("\n## What a month costs without a case\n")
	w.head("", "number", "USD a month")
	total := 0.0
	add := func(what string, n, usd float64) {
		total += usd
		w.row(what, number(n), fmt.Sprintf("%.2f", usd))
	}
	found, prices := resources(tb), monthly()
	for _, of := range []struct{ name, what string }{
		{"AWS::KMS::Key", "keys of KMS; each costs one more after its first and its second yearly rotation"},
		{"AWS::SecretsManager::Secret", "secrets of the stage, with its copy at the edge"},
		{"AWS::CloudWatch::Dashboard", "dashboards"},
		{"alarm metric", "metrics that alarms watch"},
		{"AWS::WAFv2::WebACL", "firewall"},
		{"rule", "its rules"},
	} {
		add(of.what, found[of.name], found[of.name]*prices[of.name])
	}
	add("metrics of our own", ownMetrics, ownMetrics*prices["own metric"])
	month := cost.Usage{Functions: map[string]cost.Work{}, Tables: map[string]cost.Units{}, Calls: map[string]cost.Calls{}}
	runs := 0.0
	for _, f := range inventory.Functions() {
		if f.Minutes > 0 {
			runs += float64(minutesAMonth / f.Minutes)
		}
	}
	// What a run reads is not known by function: the clockwork ran once altogether, DisposeRecords is taken for one of every minute.
	for name, work := range idle.Functions {
		month.Functions[name] = cost.Work{Invocations: work.Invocations * minutesAMonth, Milliseconds: work.Milliseconds * minutesAMonth}
	}
	for name, units := range idle.Tables {
		month.Tables[name] = cost.Units{Read: units.Read * minutesAMonth, Write: units.Write * minutesAMonth}
	}
	for name, calls := range idle.Calls {
		month.Calls[name] = cost.Calls{Times: calls.Times * minutesAMonth}
	}
	for _, i := range month.Price(p, 1).Items {
		if i.USD >= 0.005 {
			add("schedules: "+i.What, i.Quantity, i.USD)
		}
	}
	w.row("**together**", "", fmt.Sprintf("**%.2f**", total))
	w.line("\nAim: less than $%.0f a month. It is %s. Schedules run %.0f times a month.", aimFixed, kept(total, aimFixed), runs)
	w.line("Not in it: what is stored, which grows with cases, and the private network, which is an option.")
}

// resources counts what the stacks of a stage with every option make, from the templates that their tests hold them to.
func resources(tb testing.TB) map[string]float64 {
	tb.Helper()
	out := map[string]float64{}
	files, _ := filepath.Glob(filepath.Join(root(), "infra", "cdk", "stacks", "testdata", "*.json")) // the pattern is well-formed
	for _, file := range files {
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties struct {
					Rules          []any
					Metrics        []struct{ MetricStat any }
					ReplicaRegions []any
				}
			}
		}
		raw, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(raw, &template) != nil {
			tb.Fatalf("the template %s cannot be read", filepath.Base(file))
		}
		for _, r := range template.Resources {
			out[r.Type]++
			switch r.Type {
			case "AWS::WAFv2::WebACL":
				out["rule"] += float64(len(r.Properties.Rules))
			case "AWS::SecretsManager::Secret":
				out[r.Type] += float64(len(r.Properties.ReplicaRegions))
			case "AWS::CloudWatch::Alarm":
				watched := 0
				for _, m := range r.Properties.Metrics {
					if m.MetricStat != nil {
						watched++
					}
				}
				out["alarm metric"] += float64(max(1, watched))
			}
		}
	}
	if out["AWS::KMS::Key"] == 0 {
		tb.Fatal("there are no templates")
	}
	return out
}

// root is the root of the repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}
