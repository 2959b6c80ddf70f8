package stacks_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/infra/workflow"
)

func function(t *testing.T, s synthesised, name string) audit.Resource {
	t.Helper()
	return named(t, s, "AWS::Lambda::Function", "FunctionName", s.stage.Prefix()+"-"+name)
}

func TestFunctionsAreAsTheInventorySays(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		if n := len(s.all("AWS::Lambda::Function")); n != len(s.functions) {
			t.Errorf("there are %d functions, want %d: nothing but the inventory is deployed", n, len(s.functions))
		}
		for _, want := range s.functions {
			r := function(t, s, want.Name)
			disk := ""
			if want.DiskMB > 0 {
				disk = fmt.Sprint(want.DiskMB)
			}
			for path, value := range map[string]string{
				"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": s.stage.Architecture, "MemorySize": fmt.Sprint(want.MemoryMB),
				"Timeout": fmt.Sprint(want.Seconds), "EphemeralStorage.Size": disk, "TracingConfig.Mode": "Active", "LoggingConfig.LogFormat": "JSON",
			} {
				if got := r.Text(path); got != value {
					t.Errorf("%s: %s is %q, want %q", want.Name, path, got, value)
				}
			}
			group := s.stacks[stacks.Workflow].Resources[strings.Trim(r.Text("LoggingConfig.LogGroup"), "${}")]
			if group.Text("LogGroupName") != "/aws/lambda/"+s.stage.Prefix()+"-"+want.Name {
				t.Errorf("%s does not log into a group of its own", want.Name)
			}
		}
	})
}

func TestLogsForget(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, g := range s.all("AWS::Logs::LogGroup") {
			if g.Text("RetentionInDays") != fmt.Sprint(s.stage.LogDays) {
				t.Errorf("%s forgets after %q days, want %d", g.ID, g.Text("RetentionInDays"), s.stage.LogDays)
			}
			if !strings.Contains(g.Text("KmsKeyId"), "RestKey") {
				t.Errorf("%s is not under our key", g.ID)
			}
		}
	})
}

func TestFunctionsAreCalledByTheirAlias(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, f := range s.all("AWS::Lambda::Function") {
			var version, alias audit.Resource
			for _, v := range s.all("AWS::Lambda::Version") {
				if refers(v.Text("FunctionName"), f) {
					version = v
				}
			}
			for _, a := range s.all("AWS::Lambda::Alias") {
				if refers(a.Text("FunctionName"), f) {
					alias = a
				}
			}
			if alias.Text("Name") != inventory.Alias || version.ID == "" || !refers(alias.Text("FunctionVersion"), version) {
				t.Errorf("%s has no alias %s that leads to its version", f.ID, inventory.Alias)
			}
			if version.DeletionPolicy != "Retain" {
				t.Errorf("%s: the version before is not kept", f.ID)
			}
		}
		live := regexp.MustCompile(`:` + inventory.Alias + `$`)
		for _, i := range s.all("AWS::ApiGatewayV2::Integration") {
			if !live.MatchString(i.Text("IntegrationUri")) {
				t.Errorf("%s calls %s", i.ID, i.Text("IntegrationUri"))
			}
		}
		for _, schedule := range s.all("AWS::Scheduler::Schedule") {
			if !live.MatchString(schedule.Text("Target.Arn")) {
				t.Errorf("%s calls %s", schedule.ID, schedule.Text("Target.Arn"))
			}
		}
		for _, p := range s.all("AWS::Lambda::Permission") {
			if !live.MatchString(p.Text("FunctionName")) || p.Text("SourceArn") == "" || p.Text("SourceAccount") == "" {
				t.Errorf("%s lets in whoever asks: %v", p.ID, p.Properties)
			}
		}
	})
}

func TestPublicFunctionsHaveABound(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, f := range s.functions {
			want := f.Reserved
			if n, ok := s.stage.Reserved[f.Name]; ok {
				want = n
			}
			got := function(t, s, f.Name).Text("ReservedConcurrentExecutions")
			if want == 0 && got != "" || want > 0 && got != fmt.Sprint(want) {
				t.Errorf("%s: reserved concurrency is %q, want %d", f.Name, got, want)
			}
			if f.Trigger == inventory.HTTP && got == "" && s.stage.Production {
				t.Errorf("%s faces the public without a bound", f.Name)
			}
		}
	})
}

// TestWhatNobodyWaitsForIsKept: a stream, a schedule, a queue and a rule each have a queue for what fails.
func TestWhatNobodyWaitsForIsKept(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		queues := map[string]bool{}
		for _, q := range s.all("AWS::SQS::Queue") {
			queues[q.Text("QueueName")] = true
			if !truth(q, "SqsManagedSseEnabled") && q.At("KmsMasterKeyId") == nil {
				t.Errorf("%s is not encrypted", q.ID)
			}
			if strings.Contains(q.ID, "Dead") {
				continue
			}
			if q.Text("RedrivePolicy.deadLetterTargetArn") == "" {
				t.Errorf("%s has no queue for what fails", q.ID)
			}
		}
		isQueue := func(arn string) bool { return queues[arn[strings.LastIndex(arn, ":")+1:]] }
		for _, f := range s.functions {
			if f.Minutes == 0 && f.Trigger != inventory.Async {
				continue
			}
			async := named(t, s, "AWS::Lambda::EventInvokeConfig", "FunctionName", s.stage.Prefix()+"-"+f.Name)
			if async.Text("Qualifier") != inventory.Alias || !isQueue(async.Text("DestinationConfig.OnFailure.Destination")) {
				t.Errorf("%s: a call that fails is lost", f.Name)
			}
			if f.Minutes == 0 {
				continue
			}
			schedule := named(t, s, "AWS::Scheduler::Schedule", "Name", s.stage.Prefix()+"-"+f.Name)
			unit := "minutes"
			if f.Minutes == 1 {
				unit = "minute"
			}
			if got, want := schedule.Text("ScheduleExpression"), fmt.Sprintf("rate(%d %s)", f.Minutes, unit); got != want {
				t.Errorf("%s is called at %s, want %s", f.Name, got, want)
			}
			if !isQueue(schedule.Text("Target.DeadLetterConfig.Arn")) || schedule.Text("Target.RetryPolicy.MaximumRetryAttempts") == "" {
				t.Errorf("%s: a call that cannot be made is lost", f.Name)
			}
		}
		for _, rule := range s.all("AWS::Events::Rule") {
			if rule.Text("Targets.0.DeadLetterConfig.Arn") == "" {
				t.Errorf("%s: an event that cannot be handed over is lost", rule.ID)
			}
		}
	})
}

func TestTheOutboxIsReadRowByRow(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		var streams []audit.Resource
		for _, m := range s.all("AWS::Lambda::EventSourceMapping") {
			if strings.Contains(m.Text("EventSourceArn"), "StreamArn") {
				streams = append(streams, m)
			}
		}
		if len(streams) != 1 {
			t.Fatalf("the stream is read by %d functions, want 1", len(streams))
		}
		m := streams[0]
		if m.Text("FunctionResponseTypes") != "ReportBatchItemFailures" || !truth(m, "BisectBatchOnFunctionError") ||
			m.Text("MaximumRetryAttempts") == "" || m.Text("DestinationConfig.OnFailure.Destination") == "" {
			t.Errorf("one bad row holds up the others: %v", m.Properties)
		}
		var filter struct {
			EventName []string `json:"eventName"`
			Dynamodb  struct {
				NewImage struct {
					Ipk struct{ S []map[string]string }
				}
			}
		}
		if err := json.Unmarshal([]byte(m.Text("FilterCriteria.Filters.0.Pattern")), &filter); err != nil {
			t.Fatalf("reading the filter: %v", err)
		}
		if diff := cmp.Diff([]map[string]string{{"prefix": "OUT#"}}, filter.Dynamodb.NewImage.Ipk.S); diff != "" {
			t.Errorf("rows are filtered otherwise (-want +got):\n%s", diff)
		}
	})
}

func TestMachinesKeepTheirVersions(t *testing.T) {
	placeholder := regexp.MustCompile(`\$\{(\w+)\}`)
	everyStage(t, func(t *testing.T, s synthesised) {
		for name, text := range workflow.Machines() {
			m := named(t, s, "AWS::StepFunctions::StateMachine", "StateMachineName", s.stage.Prefix()+"-"+name)
			var want, got any
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(m.Text("DefinitionString")), &got); err != nil {
				t.Fatalf("%s: reading the definition: %v", name, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s is not the file of infra/workflow (-file +template):\n%s", name, diff)
			}
			given, _ := m.At("DefinitionSubstitutions").(map[string]any)
			for _, asked := range placeholder.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(audit.Text(given[asked[1]]), ":"+inventory.Alias) {
					t.Errorf("%s: ${%s} is %q", name, asked[1], audit.Text(given[asked[1]]))
				}
			}
			if m.Text("LoggingConfiguration.Level") != "ERROR" || truth(m, "LoggingConfiguration.IncludeExecutionData") || !truth(m, "TracingConfiguration.Enabled") {
				t.Errorf("%s logs %s", name, m.Text("LoggingConfiguration"))
			}
			versions := slices.DeleteFunc(s.all("AWS::StepFunctions::StateMachineVersion"), func(v audit.Resource) bool { return !refers(v.Text("StateMachineArn"), m) })
			if len(versions) != 1 || versions[0].DeletionPolicy != "Retain" || versions[0].UpdateReplacePolicy != "Retain" ||
				!refers(versions[0].Text("StateMachineRevisionId"), m) {
				t.Fatalf("%s: versions are %v", name, versions)
			}
			aliases := slices.DeleteFunc(s.all("AWS::StepFunctions::StateMachineAlias"), func(a audit.Resource) bool {
				return !refers(a.Text("RoutingConfiguration.0.StateMachineVersionArn"), versions[0])
			})
			if len(aliases) != 1 || aliases[0].Text("Name") != inventory.Alias || aliases[0].Text("RoutingConfiguration.0.Weight") != "100" {
				t.Errorf("%s: aliases are %v", name, aliases)
			}
		}
	})
}

func TestFunctionsAreToldWhatTheyNeed(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, f := range s.functions {
			env, _ := function(t, s, f.Name).At("Environment.Variables").(map[string]any)
			want := []string{inventory.EnvStage, inventory.EnvPrefix, inventory.EnvAccount, inventory.EnvKey, inventory.EnvMailDomain, inventory.EnvMail, inventory.EnvBus}
			for _, b := range inventory.Buckets() {
				want = append(want, fmt.Sprintf(inventory.EnvBucket, strings.ToUpper(b.Name)))
			}
			add := func(ok bool, names ...string) {
				if ok {
					want = append(want, names...)
				}
			}
			add(s.stage.Domain != nil, inventory.EnvBaseURL)
			add(s.stage.Demo, inventory.EnvDemo)
			add(s.stage.Clock != "", inventory.EnvClock)
			add(s.stage.Count, inventory.EnvCount)
			add(s.stage.Mail.Secret != "" && f.Has(inventory.Mail), inventory.EnvMailSecret)
			add(s.stage.Mail.Events != "" && f.Trigger == inventory.HTTP, inventory.EnvMailEvents)
			add(s.stage.Edge && f.Trigger == inventory.HTTP, inventory.EnvOrigin)
			add((s.stage.SignIn.Cognito || s.stage.SignIn.Issuer != "") && f.Name == "Console", inventory.EnvOIDCIssuer, inventory.EnvOIDCClient, inventory.EnvOIDCSecret)
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(env))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
		}
	})
}

// TestLettersAreSentOnceAndNotWatched: no list of addresses is kept, and nobody learns whether a letter was opened.
func TestLettersAreSentOnceAndNotWatched(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, set := range s.all("AWS::SES::ConfigurationSet") {
			if reasons, ok := set.At("SuppressionOptions.SuppressedReasons").([]any); !ok || len(reasons) != 0 {
				t.Errorf("addresses are suppressed for %v", set.At("SuppressionOptions"))
			}
			if set.At("TrackingOptions") != nil || set.Text("DeliveryOptions.TlsPolicy") != "REQUIRE" || set.Text("Name") != s.stage.Prefix() {
				t.Errorf("letters leave under %v", set.Properties)
			}
		}
		for _, d := range s.all("AWS::SES::ConfigurationSetEventDestination") {
			if got, want := d.Text("EventDestination.MatchingEventTypes"), strings.Join(inventory.ReportTypes(), ","); got != want {
				t.Errorf("SES reports %s, want %s", got, want)
			}
		}
		if got, want := len(s.all("AWS::SES::ConfigurationSet")) == 1, s.stage.Mail.Kind == stage.SES; got != want {
			t.Errorf("mail by SES is set up: %t, want %t", got, want)
		}
	})
}

// TestReportsLeaveAddressesBehind: the rules are those of the inventory, which hand on a document without addresses.
func TestReportsLeaveAddressesBehind(t *testing.T) {
	s := of(t, "prod")
	for _, want := range inventory.Reports(s.stage.Prefix()) {
		rule := named(t, s, "AWS::Events::Rule", "Name", s.stage.Prefix()+"-"+want.Name)
		if got := rule.Text("Targets.0.InputTransformer.InputTemplate"); got != want.Template {
			t.Errorf("%s hands on %s, want %s", want.Name, got, want.Template)
		}
		var pattern any
		if err := json.Unmarshal([]byte(want.Pattern), &pattern); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pattern, rule.At("EventPattern")); diff != "" {
			t.Errorf("%s (-inventory +template):\n%s", want.Name, diff)
		}
	}
}
