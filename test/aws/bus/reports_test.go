package bus

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

const (
	tenant = "acme"
	ann    = "ann@example.com"
	// ses is what the emulator lets us call the source: nobody but AWS puts events of "aws.".
	ses = "stands.for.aws.ses"
)

// reports is the way of a report from the bus to the record: rules, queue, handler.
type reports struct {
	*exchange
	hooks *receivehook.Handler
	cases *casefile.Store
	c     casefile.Case
}

func newReports(t testing.TB) *reports {
	t.Helper()
	account := fmt.Sprintf("%012d", rand.Int64N(1e12))
	config := emulator.Ministack(t).Config(t, account)
	r := &reports{exchange: &exchange{t: t, events: eventbridge.NewFromConfig(config), queues: sqs.NewFromConfig(config)}}
	made, err := r.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	r.ok(err)
	r.queue = made.QueueUrl
	for _, rule := range inventory.Reports("habeas-test") {
		_, err := r.events.PutRule(t.Context(), &eventbridge.PutRuleInput{
			Name: aws.String(rule.Name), EventPattern: aws.String(strings.Replace(rule.Pattern, "aws.ses", ses, 1)),
		})
		r.ok(err)
		_, err = r.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String(rule.Name), Targets: []types.Target{{
			Id: aws.String("queue"), Arn: aws.String("arn:aws:sqs:" + emulator.Region + ":" + account + ":" + name),
			InputTransformer: &types.InputTransformer{InputPathsMap: rule.Paths, InputTemplate: aws.String(rule.Template)},
		}}})
		r.ok(err)
	}
	r.records()
	return r
}

func (r *reports) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// records makes a case and the handler over it.
func (r *reports) records() {
	r.t.Helper()
	dir := r.t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: time.Now})
	r.ok(err)
	r.t.Cleanup(func() { _ = store.Close() })
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	r.cases = casefile.NewStore(store, keys.NewVault(store, keeper), time.Now, "mail.example.com", func([]casefile.OutboxRow) {})
	r.hooks = &receivehook.Handler{Cases: r.cases, Sessions: session.NewStore(store, time.Now), Log: slog.New(slog.DiscardHandler)}
	who, err := subject.New(subject.Email, ann)
	r.ok(err)
	r.c, err = r.cases.Create(r.t.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "staff", ReceivedAt: time.Now(), Actor: evidence.Subject, Person: casefile.Person{Email: who},
	})
	r.ok(err)
}

// letter sends a letter of which nobody knows whether it left, and returns it.
func (r *reports) letter() casefile.Mail {
	r.t.Helper()
	f, err := r.cases.Load(r.t.Context(), tenant, r.c.ID)
	r.ok(err)
	r.ok(f.Send(casefile.Letter{Kind: "message", To: redact.NewText(ann), Subject: "A message", Text: redact.NewText("Hello.")}))
	r.ok(r.cases.Commit(r.t.Context(), f))
	m := r.mail(f.Case.LettersNo)
	m, err = r.cases.MarkAttempted(r.t.Context(), tenant, r.c.ID, m)
	r.ok(err)
	return m
}

func (r *reports) mail(n int) casefile.Mail {
	r.t.Helper()
	m, _, err := r.cases.Mail(r.t.Context(), tenant, r.c.ID, n)
	r.ok(err)
	return m
}

// put puts an event on the default bus in the form in which SES does (SES Developer Guide, "Monitoring SES events using Amazon
// EventBridge").
func (r *reports) put(set, messageID, what, more string) {
	r.t.Helper()
	detail := fmt.Sprintf(`{"eventType":%q,%s"mail":{"source":"privacy@acme.example.com","destination":[%q],"commonHeaders":{"to":[%q]},
		"tags":{"ses:configuration-set":[%q],"habeas_tenant":[%q],"habeas_message":[%q]}}}`,
		what, more, ann, ann, set, tenant, base64.RawURLEncoding.EncodeToString([]byte(messageID)))
	out, err := r.events.PutEvents(r.t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String(ses), DetailType: aws.String("Email " + what), Detail: aws.String(detail),
	}}})
	r.ok(err)
	if out.FailedEntryCount != 0 {
		r.t.Fatalf("%+v", out.Entries)
	}
}

// What SES reports settles the letter, and no address gets further than the rule.
func TestReportsOfSES(t *testing.T) {
	const recipients = `"bouncedRecipients":[{"emailAddress":"` + ann + `","diagnosticCode":"550 no such mailbox"}]`
	for _, tt := range []struct {
		event string
		more  string
		want  mail.State
		why   string
	}{
		{"Send", `"send":{},`, mail.Sent, ""},
		{"Delivery", `"delivery":{"recipients":["` + ann + `"]},`, mail.Sent, ""},
		{"Reject", `"reject":{"reason":"Bad content"},`, mail.Bounced, casefile.ReportDropped},
		{"Bounce", `"bounce":{"bounceType":"Permanent","bounceSubType":"General",` + recipients + `},`, mail.Bounced, casefile.ReportBounce},
		{"Bounce", `"bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull",` + recipients + `},`, mail.Bounced, casefile.ReportBlocked},
		{"Complaint", `"complaint":{"complaintSubType":"OnAccountSuppressionList","complainedRecipients":[{"emailAddress":"` + ann + `"}]},`, mail.Bounced, casefile.ReportDropped},
	} {
		t.Run(tt.event, func(t *testing.T) {
			r := newReports(t)
			m := r.letter()
			r.put("another-set", m.MessageID, tt.event, tt.more)
			r.put("habeas-test", m.MessageID, tt.event, tt.more)
			bodies := r.bodies()
			if len(bodies) != 1 || strings.Contains(bodies[0], "@") || strings.Contains(bodies[0], "550") {
				t.Fatalf("the queue holds %q", bodies)
			}
			r.ok(r.hooks.SES(t.Context(), []byte(bodies[0])))
			f, err := r.cases.Load(t.Context(), tenant, r.c.ID)
			r.ok(err)
			missing := f.Case.Undelivered
			if got := r.mail(m.N); got.State != tt.want || (tt.why == "") != (len(missing) == 0) || tt.why != "" && missing[0].Why != tt.why {
				t.Errorf("the letter is %s, undelivered %+v", got.State, missing)
			}
		})
	}
}

// What says nothing about a letter's fate is not put into the queue.
func TestWhatIsNoReport(t *testing.T) {
	r := newReports(t)
	m := r.letter()
	r.put("habeas-test", m.MessageID, "Open", `"open":{"ipAddress":"192.0.2.1"},`)
	r.put("habeas-test", m.MessageID, "DeliveryDelay", `"deliveryDelay":{"delayType":"MailboxFull"},`)
	r.put("habeas-test", m.MessageID, "Complaint", `"complaint":{"complainedRecipients":[{"emailAddress":"`+ann+`"}]},`)
	if bodies := r.bodies(); len(bodies) != 0 {
		t.Errorf("the queue holds %q", bodies)
	}
}

// bodies returns what is in the queue.
func (r *reports) bodies() (out []string) {
	r.t.Helper()
	for {
		got, err := r.queues.ReceiveMessage(r.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: r.queue, MaxNumberOfMessages: 10})
		r.ok(err)
		if len(got.Messages) == 0 {
			return out
		}
		for _, m := range got.Messages {
			if !json.Valid([]byte(*m.Body)) {
				r.t.Errorf("a message is no JSON: %s", *m.Body)
			}
			out = append(out, *m.Body)
		}
	}
}
