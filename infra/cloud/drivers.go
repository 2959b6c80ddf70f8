package cloud

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/bus/eventbridgebus"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/kmskeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
)

// Table opens the records.
func (c *Cloud) Table() (*dynamotable.Store, error) {
	o := dynamotable.Options{Client: dynamodb.NewFromConfig(c.Config), Prefix: c.Prefix, Now: c.now}
	if c.meter != nil {
		o.Consumed = c.meter.Units
	}
	return dynamotable.New(o)
}

// Keeper opens the key under which the keys of cases and tenants are wrapped.
func (c *Cloud) Keeper() (*kmskeys.Keeper, error) {
	return kmskeys.New(kms.NewFromConfig(c.Config), c.Key)
}

// Objects opens the buckets.
func (c *Cloud) Objects() (*s3blobs.Store, error) {
	buckets := map[string]string{}
	for _, b := range inventory.Buckets() {
		for _, part := range b.Prefixes {
			buckets[part] = c.Buckets[b.Name]
		}
		if len(b.Prefixes) == 0 {
			buckets[""] = c.Buckets[b.Name]
		}
	}
	client := s3.NewFromConfig(c.Config, func(o *s3.Options) {
		// An emulator is reached by number, which has no subdomains.
		o.UsePathStyle = c.Config.BaseEndpoint != nil
	})
	return s3blobs.New(client, s3blobs.Options{Buckets: buckets})
}

// Engine opens the state machines.
func (c *Cloud) Engine() (*stepfunctions.Engine, error) {
	machines := map[string]string{}
	for _, name := range inventory.Machines() {
		machines[name] = c.Machine(name)
	}
	return stepfunctions.New(stepfunctions.Options{Client: sfn.NewFromConfig(c.Config), Machines: machines})
}

// Publish tells the event bus.
func (c *Cloud) Publish() (func(ctx context.Context, e events.Event) error, error) {
	bus, err := eventbridgebus.New(eventbridge.NewFromConfig(c.Config), eventbridgebus.Options{Bus: c.Bus})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e events.Event) error { return bus.Publish(ctx, e) }, nil
}

// Secrets reads what references refer to.
func (c *Cloud) Secrets() *Secrets {
	return NewSecrets(secretsmanager.NewFromConfig(c.Config), ssm.NewFromConfig(c.Config), "habeas/"+c.Stage, c.now)
}

// Address is where people reach the installation, without a slash at the end.
func (c *Cloud) Address(_ context.Context) (string, error) {
	if !isReference(c.BaseURL) {
		return c.BaseURL, nil
	}
	v, err := c.Secrets().Resolve(c.BaseURL)
	return strings.TrimSuffix(v.Reveal(), "/"), err
}

// The ways by which mail leaves.
const (
	SES      = "ses"
	SendGrid = "sendgrid"
	SMTP     = "smtp"
)

// Sender opens the way by which mail leaves. On SES it is sent under the configuration set that has the name of the prefix.
func (c *Cloud) Sender() (mail.Sender, error) {
	if c.Mail == SES {
		return sesmail.New(sesv2.NewFromConfig(c.Config), sesmail.Options{ConfigurationSet: c.Prefix})
	}
	var secret redact.Text
	var err error
	if c.MailSecret != "" {
		if secret, err = c.Secrets().Resolve(c.MailSecret); err != nil {
			return nil, err
		}
	}
	switch c.Mail {
	case SendGrid:
		return sendgridmail.New(sendgridmail.Options{Key: secret})
	case SMTP:
		host, port, err := net.SplitHostPort(c.MailServer)
		n, perr := strconv.Atoi(port)
		if err != nil || perr != nil {
			return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMailServer+" is no host:port")
		}
		return smtpmail.New(smtpmail.Options{Host: host, Port: n, Username: c.MailUser, Password: secret})
	}
	return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMail+" names no way by which mail leaves")
}
