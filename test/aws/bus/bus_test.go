// Package bus holds the driver of Amazon EventBridge to the contract of buses, on an emulator, seen from a queue that a rule fills.
package bus

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/bus/bustest"
	"github.com/habeas-dsar/habeas/shared/bus/eventbridgebus"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

const name = "habeas-test"

// exchange is an account with an event bus, a rule for everything of ours and a queue behind it.
type exchange struct {
	t      testing.TB
	events *eventbridge.Client
	queues *sqs.Client
	queue  *string
	got    []delivery
}

// delivery is an event as EventBridge hands it to a target (User Guide, "Event structure").
type delivery struct {
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Time       time.Time       `json:"time"`
	Detail     json.RawMessage `json:"detail"`
}

func newExchange(t testing.TB) *exchange {
	t.Helper()
	account := fmt.Sprintf("%012d", rand.Int64N(1e12))
	config := emulator.Ministack(t).Config(t, account)
	x := &exchange{t: t, events: eventbridge.NewFromConfig(config), queues: sqs.NewFromConfig(config)}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := x.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	ok(err)
	x.queue = made.QueueUrl
	_, err = x.events.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String(name)})
	ok(err)
	_, err = x.events.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("all"), EventBusName: aws.String(name), EventPattern: aws.String(`{"source":["` + eventbridgebus.Source + `"]}`),
	})
	ok(err)
	out, err := x.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("all"), EventBusName: aws.String(name),
		Targets: []types.Target{{Id: aws.String("queue"), Arn: aws.String("arn:aws:sqs:" + emulator.Region + ":" + account + ":" + name)}},
	})
	ok(err)
	if out.FailedEntryCount != 0 {
		t.Fatalf("%+v", out.FailedEntries)
	}
	return x
}

// taken empties the queue and returns everything that was in it so far.
func (x *exchange) taken() []delivery {
	x.t.Helper()
	for {
		out, err := x.queues.ReceiveMessage(x.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: x.queue, MaxNumberOfMessages: 10})
		if err != nil {
			x.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return slices.Clone(x.got)
		}
		for _, m := range out.Messages {
			x.take(m)
		}
	}
}

func (x *exchange) take(m sqstypes.Message) {
	x.t.Helper()
	var d delivery
	if err := json.Unmarshal([]byte(*m.Body), &d); err != nil {
		x.t.Fatal(err)
	}
	x.got = append(x.got, d)
	if _, err := x.queues.DeleteMessage(x.t.Context(), &sqs.DeleteMessageInput{QueueUrl: x.queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exchange) bus(to string) bus.Bus {
	x.t.Helper()
	b, err := eventbridgebus.New(x.events, eventbridgebus.Options{Bus: to})
	if err != nil {
		x.t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t testing.TB) bustest.Harness {
		x := newExchange(t)
		return bustest.Harness{Bus: x.bus(name), Taken: func() (out [][]byte) {
			for _, d := range x.taken() {
				out = append(out, d.Detail)
			}
			return out
		}}
	})
}

func TestWhatARuleSees(t *testing.T) {
	x := newExchange(t)
	e := bustest.Event(1)
	if err := x.bus(name).Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	got := x.taken()
	if len(got) != 1 || got[0].Source != "habeas" || got[0].DetailType != e.Type || got[0].ID == "" {
		t.Errorf("%+v", got)
	}
}
