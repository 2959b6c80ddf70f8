package arch

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// The layers. Everything below shared/ that is neither a driver nor a suite is a domain package.
var (
	// Drivers touch the machine, a database or the network for a port.
	drivers = []string{
		"shared/table/sqlitetable", "shared/table/dynamotable", "shared/blobs/dirblobs", "shared/blobs/sealedtemp", "shared/keys/filekeys",
		"shared/blobs/s3blobs", "shared/keys/kmskeys",
		"shared/mail/fileoutbox", "shared/mail/smtpmail", "shared/mail/sendgridmail", "shared/mail/sesmail", "shared/workflow/local",
		"shared/workflow/stepfunctions",
		"shared/bus/localbus", "shared/bus/eventbridgebus",
		"shared/awsfault",
		"shared/signin/oidcsignin",
	}

	// What drivers share: the table of the failures of AWS, and the names of what an installation there is made of.
	driverSupport = []string{"shared/awsfault", "infra/inventory"}

	// Suites are imported by tests and by other suites only.
	suites = []string{
		"shared/table/tabletest", "shared/blobs/blobstest", "shared/keys/keystest", "shared/mail/mailtest", "shared/bus/bustest",
		"shared/workflow/workflowtest", "shared/signin/signintest", "shared/connector/enginetest", "connectors/connectortest", "test",
	}

	// Leaves know nothing of the product but the words of its domain.
	leaves = []string{"events", "shared/fault", "shared/redact", "shared/dsar", "shared/subject", "shared/settings", "shared/clock", "shared/policy"}

	// Pure libraries are what a leaf may import besides the standard library.
	pure = []string{
		"github.com/goccy/go-yaml", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/google/uuid",
		"github.com/sosodev/duration", "github.com/caarlos0/env/v11", "golang.org/x/text",
	}

	// Impure packages of the standard library have no business in a leaf or in the domain.
	impure = []string{"database/sql", "net/http", "net/rpc", "net/smtp", "os/exec", "os/signal", "plugin", "syscall", "testing", "unsafe"}

	// Wiring is where drivers, handlers and connectors meet.
	wiring = []string{"infra/local", "infra/habeas", "infra/cloud", "functions/internal/lambdaboot", "functions/internal/parts"}
)

// isDomain reports whether the package is one that architecture calls domain: no clock, no environment, no machine.
func isDomain(p string) bool {
	return in(p, "shared", "events") && !in(p, drivers...) && !in(p, suites...)
}

// isWiring reports whether the package may import drivers. The root package of the functions builds the handlers, and each
// Lambda main sits in lambda/ below its handler.
func isWiring(p string) bool {
	return in(p, wiring...) || p == "functions" || in(p, "functions") && path.Base(p) == "lambda"
}

// TestImports checks every import outside tests.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.Path, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.Path, strings.TrimPrefix(imported, module+"/"), why)
			}
		}
	}
}

// TestImportsOfTests checks what tests import: drivers and suites are welcome, upper layers are not.
func TestImportsOfTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			to, ours := own(imported)
			switch {
			case !ours:
			case in(to, "infra/cdk"):
				t.Errorf("tests of %s import infra/cdk", p.Path)
			case in(p.Path, "shared", "events") && in(to, "functions", "connectors", "infra/local", "infra/habeas"):
				t.Errorf("tests of %s import %s: the domain is tested without the layers above it", p.Path, to)
			case in(p.Path, "connectors") && in(to, "functions", "infra/local", "infra/habeas"):
				t.Errorf("tests of %s import %s: a connector is tested by its suite", p.Path, to)
			}
		}
	}
}

// TestRulesBite proves that the rules refuse what they are there to refuse, and that they let through what is right.
func TestRulesBite(t *testing.T) {
	bad := [][2]string{
		{"events", module + "/shared/casefile"},
		{"shared/fault", module + "/shared/table"},
		{"shared/clock", "github.com/spf13/cobra"},
		{"shared/policy", "net/http"},
		{"shared/plan", "database/sql"},
		{"shared/plan", "database/sql/driver"},
		{"shared/evidence", module + "/shared/table/sqlitetable"},
		{"shared/casefile", "github.com/aws/aws-sdk-go-v2/service/dynamodb"},
		{"shared/casefile", "github.com/aws/aws-lambda-go/lambda"},
		{"shared/casefile", module + "/functions/triage"},
		{"shared/registry", module + "/connectors/sql"},
		{"shared/registry", module + "/infra/local"},
		{"shared/casefile", module + "/shared/table/tabletest"},
		{"shared/table/sqlitetable", module + "/functions/internal/step"},
		{"shared/table/sqlitetable", module + "/shared/blobs/dirblobs"},
		{"shared/casefile", module + "/shared/awsfault"},
		{"shared/casefile", module + "/infra/inventory"},
		{"functions/triage", module + "/shared/awsfault"},
		{"shared/fault", "github.com/aws/smithy-go"},
		{"shared/awsfault", module + "/shared/table/sqlitetable"},
		{"connectors/sql", module + "/connectors/rest"},
		{"connectors/sql", module + "/shared/table"},
		{"connectors/sql", module + "/shared/casefile"},
		{"connectors/sql", module + "/shared/connector/engine"},
		{"connectors/internal/http", module + "/connectors/sql"},
		{"functions/triage", module + "/functions/portal"},
		{"functions/triage", module + "/shared/table/sqlitetable"},
		{"functions/internal/web", module + "/functions/portal"},
		{"functions/triage", module + "/connectors/sql"},
		{"functions/triage", module + "/infra/local"},
		{"functions/triage", module + "/functions/acknowledge/lambda"},
		{"functions/triage", module + "/infra/cloud/objects"},
		{"functions/triage", module + "/connectors/catalog/light"},
		{"functions/triage/lambda", module + "/connectors/sql"},
		{"functions/triage/lambda", module + "/infra/local"},
		{"functions/triage/lambda", module + "/functions/acknowledge"},
		{"functions/internal/parts", module + "/infra/cloud"},
		{"infra/local", module + "/infra/cdk"},
		{"infra/habeas", module + "/test/testkit"},
		{"infra/workflow", module + "/shared/table"},
	}
	for _, b := range bad {
		if forbidden(b[0], b[1]) == "" {
			t.Errorf("%s may import %s", b[0], b[1])
		}
	}
	good := [][2]string{
		{"shared/policy", "github.com/goccy/go-yaml/ast"},
		{"shared/clock", module + "/shared/policy"},
		{"shared/casefile", module + "/shared/table"},
		{"connectors/sql", module + "/shared/connector/walk"},
		{"connectors/sql", module + "/connectors/internal/http"},
		{"connectors/sql", "database/sql"},
		{"connectors/catalog", module + "/connectors/sql"},
		{"functions", module + "/functions/triage"},
		{"functions/triage", module + "/functions/internal/step"},
		{"functions/triage/lambda", module + "/functions/triage"},
		{"functions/runtask/sql/lambda", module + "/functions/runtask"},
		{"functions/runtask/lambda", module + "/connectors/catalog/light"},
		{"functions/triage/lambda", module + "/infra/cloud/objects"},
		{"functions/internal/lambdaboot", module + "/infra/cloud"},
		{"infra/local", module + "/shared/table/sqlitetable"},
		{"shared/awsfault", "github.com/aws/smithy-go"},
		{"shared/mail/smtpmail", module + "/shared/awsfault"},
		{"shared/table/sqlitetable", module + "/infra/inventory"},
		{"infra/habeas", module + "/connectors/catalog"},
	}
	for _, g := range good {
		if why := forbidden(g[0], g[1]); why != "" {
			t.Errorf("%s may not import %s: %s", g[0], g[1], why)
		}
	}
}

// forbidden says why a package (relative to the module) may not import another one; empty when it may.
func forbidden(from, imported string) string {
	to, ours := own(imported)
	if !ours {
		return forbiddenForeign(from, imported)
	}
	switch {
	case in(to, "infra/cdk"):
		return "nothing imports infra/cdk"
	case in(to, suites...) && !in(from, suites...):
		return "suites and test support are for tests"
	case in(to, driverSupport...) && in(from, drivers...):
		return ""
	case in(to, drivers...) && !isWiring(from) && !in(from, suites...) && parent(from) != to && from != to:
		return "drivers are imported by wiring only"
	case in(from, suites...):
		return ""
	case in(from, leaves...):
		return unless(in(to, leaves...), "it may import the vocabulary and nothing else of ours")
	case in(from, "shared"):
		return unless(in(to, "shared", "events"), "the domain knows no connector, handler or engine")
	case in(from, "connectors"):
		return forbiddenConnector(from, to)
	case in(from, "functions"):
		return forbiddenFunction(from, to)
	case in(from, "infra/workflow"):
		return "the definitions of the workflow are data"
	}
	return ""
}

func forbiddenForeign(from, imported string) string {
	sdk := in(imported, "github.com/aws", "github.com/awslabs")
	switch first, _, _ := strings.Cut(imported, "/"); {
	case isDomain(from) && sdk:
		return "the domain knows no AWS SDK"
	case isDomain(from) && in(imported, impure...):
		return "the domain knows no database, no server and no process"
	case in(from, leaves...) && strings.Contains(first, ".") && !in(imported, pure...):
		return "a leaf imports the standard library and small pure libraries"
	}
	return ""
}

// forbiddenConnector: identity, holds and exemptions are decided before a connector runs.
func forbiddenConnector(from, to string) string {
	switch {
	case in(from, "connectors/catalog") && in(to, "connectors"):
		return ""
	case in(to, "connectors/internal"), to == "shared/connector", in(to, "shared/connector/walk", "shared/connector/datamap"):
		return ""
	case in(to, "shared/subject", "shared/fault", "shared/redact"):
		return ""
	case own2(from) == own2(to):
		return ""
	}
	return "a connector knows its contract and connectors/internal, never a store, a case or another connector"
}

func forbiddenFunction(from, to string) string {
	switch {
	case path.Base(from) == "lambda" && in(to, "connectors/catalog/*", "infra/cloud/*"):
		return "" // a main says what its function is made of; which systems, lambda_test.go holds it to
	case from == "functions/internal/lambdaboot" && (to == "infra/cloud" || to == "infra/inventory"):
		return "" // the shell puts a function together on AWS
	case in(to, "connectors"):
		return "handlers get their systems from wiring"
	case in(to, "infra"):
		return "handlers do not know the engine"
	case !in(to, "functions"), in(to, "functions/internal"), from == "functions":
		return ""
	case path.Base(from) == "lambda" && own2(to) == own2(from):
		return ""
	}
	return "a handler never imports another handler"
}

func parent(p string) string { return path.Dir(p) }

// own2 returns the first two elements of a path: the connector or handler a package belongs to.
func own2(p string) string {
	parts := strings.SplitN(p, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// TestLayersExist fails when a rule names a folder that is gone, so that a renamed package cannot slip out of its rule.
func TestLayersExist(t *testing.T) {
	have := map[string]bool{}
	for _, p := range packages(t) {
		for at := p.Path; at != "." && at != "/"; at = path.Dir(at) {
			have[at] = true
		}
	}
	later := []string{"connectors/connectortest", "infra/habeas", "functions/internal/lambdaboot", "shared/settings"}
	for _, folder := range slices.Concat(drivers, suites, leaves, wiring) {
		if !have[folder] && !slices.Contains(later, folder) {
			t.Errorf("a rule names %s, which is not there", folder)
		}
	}
}
