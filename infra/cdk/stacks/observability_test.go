package stacks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
)

const runbooks = "https://example.com/runbooks/"

// TestEveryAlarmHasARunbook: and every runbook an alarm.
func TestEveryAlarmHasARunbook(t *testing.T) {
	led := map[string]bool{}
	everyStage(t, func(t *testing.T, s synthesised) {
		topic := s.stacks[stacks.Observability].OfType("AWS::SNS::Topic")[0]
		alarms := s.all("AWS::CloudWatch::Alarm")
		if len(alarms) < 10 {
			t.Errorf("there are %d alarms", len(alarms))
		}
		for _, a := range alarms {
			_, page, ok := strings.Cut(a.Text("AlarmDescription"), runbooks)
			if !ok {
				t.Errorf("%s leads to no runbook", a.ID)
				continue
			}
			if _, err := os.Stat(filepath.Join("..", "runbooks", page)); err != nil {
				t.Errorf("%s leads to a runbook that is not there: %s", a.ID, page)
			}
			led[page] = true
			if !refers(a.Text("AlarmActions"), topic) {
				t.Errorf("%s tells nobody", a.ID)
			}
		}
	})
	pages, err := os.ReadDir(filepath.Join("..", "runbooks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !led[page.Name()] {
			t.Errorf("no alarm leads to %s", page.Name())
		}
	}
}

// TestEveryDeadLetterIsSeen: a queue of what failed that nobody watches is a bin.
func TestEveryDeadLetterIsSeen(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		watched := ""
		for _, a := range s.all("AWS::CloudWatch::Alarm") {
			if strings.Contains(a.Text("AlarmName"), "dead-letters") {
				watched += a.Text("Metrics") + a.Text("Dimensions")
			}
		}
		for _, q := range s.all("AWS::SQS::Queue") {
			if name := q.Text("QueueName"); strings.Contains(name, "-dead-") && !strings.Contains(watched, `"`+name+`"`) {
				t.Errorf("nobody sees what lies in %s", name)
			}
		}
	})
}

func TestAlarmsAndSpendingReachSomebody(t *testing.T) {
	s := of(t, "prod")
	var to []string
	for _, sub := range s.all("AWS::SNS::Subscription") {
		to = append(to, sub.Text("Endpoint"))
	}
	if strings.Join(to, ",") != strings.Join(s.stage.Alarms, ",") {
		t.Errorf("alarms go to %v, want %v", to, s.stage.Alarms)
	}
	budget := s.all("AWS::Budgets::Budget")[0]
	if budget.Text("Budget.BudgetLimit.Amount") != "60" || !strings.Contains(budget.Text("NotificationsWithSubscribers"), "SNS") {
		t.Errorf("the budget is %v", budget.Properties)
	}
	policy := audit.Statements(s.all("AWS::SNS::TopicPolicy")[0].At("PolicyDocument"))
	denies(t, "the topic", policy, "OnlyTLS", "Bool", "aws:SecureTransport", "false")
}
