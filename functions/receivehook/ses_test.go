package receivehook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
)

// sesTold is an event about a letter as SES puts it on the bus, in the form of its Developer Guide ("Monitoring SES events using
// Amazon EventBridge", "Examples of event data that Amazon SES publishes to Amazon SNS"). more goes into the detail.
func (r *rig) sesTold(n int, id, what string, more map[string]any) map[string]any {
	message := r.c.ID + ".message." + strconv.Itoa(n) + "@mail.example.com"
	detail := map[string]any{
		"eventType": what,
		"mail": map[string]any{
			"timestamp": "2027-01-04T09:00:00.000Z", "source": "privacy@example.com", "sendingAccountId": "123456789012",
			"messageId": "0102018f2f6e7c1a-canary-000000", "destination": []string{ann}, "headersTruncated": false,
			"headers":       []map[string]string{{"name": "To", "value": ann}, {"name": "Subject", "value": "A canary"}},
			"commonHeaders": map[string]any{"to": []string{ann}, "subject": "A canary"},
			"tags": map[string][]string{
				"ses:configuration-set": {"habeas-test"}, "ses:source-ip": {"192.0.2.1"}, "ses:from-domain": {"example.com"}, "ses:caller-identity": {"habeas"},
				sesmail.TagTenant: {tenant}, sesmail.TagMessage: {base64.RawURLEncoding.EncodeToString([]byte(message))},
			},
		},
	}
	maps.Copy(detail, more)
	return map[string]any{
		"version": "0", "id": id, "detail-type": "Email " + what, "source": "aws.ses", "account": "123456789012", "time": "2027-01-04T09:00:01Z",
		"region": "eu-west-1", "resources": []string{"arn:aws:ses:eu-west-1:123456789012:configuration-set/habeas-test"}, "detail": detail,
	}
}

func (r *rig) sesTell(event map[string]any) error {
	r.t.Helper()
	body, err := json.Marshal(event)
	r.ok(err)
	err = r.hooks.SES(r.t.Context(), body)
	if all := fmt.Sprint(err) + r.log.String(); strings.Contains(all, "canary") || strings.Contains(all, r.c.ID) {
		r.t.Errorf("error or log tell too much: %s", all)
	}
	return err
}

func bounced(kind, sub string) map[string]any {
	return map[string]any{"bounce": map[string]any{
		"bounceType": kind, "bounceSubType": sub, "timestamp": "2027-01-04T09:00:01.000Z", "feedbackId": "0102018f2f6e7c1a-canary", "reportingMTA": "dsn; mta.example.com",
		"bouncedRecipients": []map[string]string{{"emailAddress": ann, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such mailbox " + ann}},
	}}
}

func complained(sub string) map[string]any {
	return map[string]any{"complaint": map[string]any{"complaintSubType": sub, "complainedRecipients": []map[string]string{{"emailAddress": ann}}}}
}

func TestWhatSESReports(t *testing.T) {
	for _, tt := range []struct {
		from  mail.State
		event string
		more  map[string]any
		want  mail.State
		why   string // of a letter that is then undelivered
	}{
		{mail.Unknown, "Send", map[string]any{"send": map[string]any{}}, mail.Sent, ""},
		{mail.Claimed, "Send", nil, mail.Sent, ""},
		{mail.Unknown, "Delivery", map[string]any{"delivery": map[string]any{"recipients": []string{ann}, "smtpResponse": "250 ok"}}, mail.Sent, ""},
		{mail.Sent, "Delivery", nil, mail.Sent, ""},
		{mail.Sent, "Bounce", bounced("Permanent", "General"), mail.Bounced, casefile.ReportBounce},
		{mail.Unknown, "Bounce", bounced("Permanent", "NoEmail"), mail.Bounced, casefile.ReportBounce},
		{mail.Sent, "Bounce", bounced("Permanent", "Suppressed"), mail.Bounced, casefile.ReportDropped},
		{mail.Sent, "Bounce", bounced("Permanent", "OnAccountSuppressionList"), mail.Bounced, casefile.ReportDropped},
		{mail.Sent, "Bounce", bounced("Transient", "MailboxFull"), mail.Bounced, casefile.ReportBlocked},
		{mail.Sent, "Bounce", bounced("Transient", "General"), mail.Bounced, casefile.ReportBlocked},
		{mail.Sent, "Bounce", bounced("Undetermined", "Undetermined"), mail.Bounced, casefile.ReportBlocked},
		{mail.Claimed, "Bounce", bounced("Permanent", "General"), mail.Bounced, casefile.ReportBounce},
		{mail.Sent, "Reject", map[string]any{"reject": map[string]string{"reason": "Bad content"}}, mail.Bounced, casefile.ReportDropped},
		{mail.Unknown, "Complaint", complained(""), mail.Sent, ""},
		{mail.Sent, "Complaint", complained(""), mail.Sent, ""},
		{mail.Sent, "Complaint", complained("OnAccountSuppressionList"), mail.Bounced, casefile.ReportDropped},
		{mail.Failed, "Bounce", bounced("Permanent", "General"), mail.Failed, "-"},
		{mail.Unknown, "DeliveryDelay", map[string]any{"deliveryDelay": map[string]any{"delayType": "MailboxFull"}}, mail.Unknown, "-"},
		{mail.Sent, "Open", nil, mail.Sent, ""},
		{mail.Sent, "Click", nil, mail.Sent, ""},
		{mail.Sent, "Unheard Of", nil, mail.Sent, ""},
	} {
		t.Run(fmt.Sprint(tt.from, " ", tt.event, " ", tt.more), func(t *testing.T) {
			r := newRig(t)
			n := r.letter(tt.from)
			r.ok(r.sesTell(r.sesTold(n, "e1", tt.event, tt.more)))
			if got := r.state(n); got != tt.want {
				t.Errorf("the letter is %s, want %s", got, tt.want)
			}
			list := r.load().Case.Undelivered
			switch {
			case tt.why == "" && len(list) != 0:
				t.Errorf("undelivered: %+v", list)
			case tt.why != "" && (len(list) != 1 || list[0].N != n || list[0].State != tt.want || (tt.why != "-" && list[0].Why != tt.why)):
				t.Errorf("undelivered: %+v", list)
			}
		})
	}
}

// The bus delivers at least once and in any order.
func TestWhatSESReportsTwiceOrLate(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Unknown)
	bounce, sent := r.sesTold(n, "e2", "Bounce", bounced("Permanent", "General")), r.sesTold(n, "e1", "Send", nil)
	for _, e := range []map[string]any{bounce, bounce, sent, bounce} {
		r.ok(r.sesTell(e))
	}
	if r.state(n) != mail.Bounced || strings.Count(fmt.Sprint(r.kinds()), "letter_bounced") != 1 || slices.Contains(r.kinds(), "letter_sent") {
		t.Errorf("the letter is %s, evidence %q", r.state(n), r.kinds())
	}
	// Settled by a person, and unknown anew: the same event does not count a second time, whatever the state would let it do.
	f := r.load()
	m, _, err := r.cases.Mail(t.Context(), tenant, r.c.ID, n)
	r.ok(err)
	m.State = mail.Unknown
	w, err := r.cases.MailWrite(tenant, r.c.ID, m)
	r.ok(err)
	f.With(w)
	r.ok(f.Entry("test", "system", nil))
	r.ok(r.cases.Commit(t.Context(), f))
	commits := r.table.commits
	r.ok(r.sesTell(bounce))
	if r.state(n) != mail.Unknown || r.table.commits != commits {
		t.Errorf("an event was counted twice: %s", r.state(n))
	}
}

func TestWhatIsNoLetterOfOursAtSES(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Sent)
	commits := r.table.commits
	tagged := func(key string, values ...string) map[string]any {
		e := r.sesTold(n, "e1", "Bounce", bounced("Permanent", "General"))
		tags := e["detail"].(map[string]any)["mail"].(map[string]any)["tags"].(map[string][]string)
		tags[key] = values
		return e
	}
	encoded := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, e := range map[string]map[string]any{
		"no tags":               {"id": "e1", "source": "aws.ses", "detail": map[string]any{"eventType": "Bounce", "mail": map[string]any{}}},
		"no tenant":             tagged(sesmail.TagTenant),
		"two tenants":           tagged(sesmail.TagTenant, tenant, "other"),
		"another tenant":        tagged(sesmail.TagTenant, "other"),
		"a tenant with a hash":  tagged(sesmail.TagTenant, "alder#C"),
		"no message":            tagged(sesmail.TagMessage),
		"a message in the open": tagged(sesmail.TagMessage, r.c.ID+".message."+strconv.Itoa(n)+"@mail.example.com"),
		"a message of nobody":   tagged(sesmail.TagMessage, encoded("someone@example.com")),
		"another letter":        tagged(sesmail.TagMessage, encoded(r.c.ID+".message.99@mail.example.com")),
		"another domain":        tagged(sesmail.TagMessage, encoded(r.c.ID+".message."+strconv.Itoa(n)+"@other.example.com")),
		"another case":          tagged(sesmail.TagMessage, encoded(strings.Repeat("0", 36)+".message.1@mail.example.com")),
	} {
		if err := r.sesTell(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.state(n) != mail.Sent || r.table.commits != commits {
		t.Errorf("the letter is %s after %d commits", r.state(n), r.table.commits-commits)
	}
}

// What is no event of SES is refused, so that it ends where somebody looks; what could not be recorded is asked for again.
func TestReportsOfSESThatAreNotTaken(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Sent)
	other := r.sesTold(n, "e1", "Bounce", bounced("Permanent", "General"))
	other["source"] = "aws.s3"
	nameless := r.sesTold(n, "", "Bounce", bounced("Permanent", "General"))
	large := r.sesTold(n, "e1", "Bounce", map[string]any{"x": strings.Repeat("x", 1<<20)})
	for name, e := range map[string]map[string]any{"of another service": other, "without an id": nameless, "too large": large} {
		if err := r.sesTell(e); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	for _, body := range []string{"", "null", "[]", `"x"`, `{"id":1}`, `{"id":"e1","source":"aws.ses","detail":{"mail":{"tags":{"habeas_tenant":"alder"}}}}`} {
		if err := r.hooks.SES(t.Context(), []byte(body)); !fault.Has(err, fault.Invalid) {
			t.Errorf("%q: %v, want invalid", body, err)
		}
	}
	good := r.sesTold(n, "e1", "Bounce", bounced("Permanent", "General"))
	r.table.err = fault.New(fault.Unavailable, "the records are away")
	if err := r.sesTell(good); !fault.Has(err, fault.Unavailable) || r.state(n) != mail.Sent {
		t.Errorf("while the records are away: %v", err)
	}
	r.table.err = nil
	r.ok(r.sesTell(good))
	if r.state(n) != mail.Bounced {
		t.Errorf("the letter is %s", r.state(n))
	}
}

// FuzzSES: whatever a queue hands over, it is taken or refused, and nothing is changed by it.
func FuzzSES(f *testing.F) {
	r := newRig(f)
	n := r.letter(mail.Sent)
	for _, e := range []map[string]any{r.sesTold(n+1, "e1", "Bounce", bounced("Permanent", "General")), r.sesTold(n+1, "e1", "Open", nil)} {
		raw, err := json.Marshal(e)
		r.ok(err)
		f.Add(raw)
	}
	commits := r.table.commits
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := r.hooks.SES(t.Context(), body); err != nil && !fault.Has(err, fault.Invalid) || r.table.commits != commits {
			t.Errorf("%v", err)
		}
	})
}
