// Package post opens the way by which an installation sends mail.
package post

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets/parameters"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const (
	within      = 15 * time.Second // for one mail: a row of the outbox has 20
	submissions = 465              // speaks TLS from the first byte (RFC 8314, 3.3)
)

// Open opens it. On SES mail is sent under the configuration set that has the name of the prefix.
func Open(c *cloud.Cloud) (mail.Sender, error) {
	if c.Mail == cloud.SES {
		return sesmail.New(sending{sesv2.NewFromConfig(c.Config).SendEmail}, sesmail.Options{ConfigurationSet: c.Prefix})
	}
	var secret redact.Text
	var err error
	if c.MailSecret != "" {
		if secret, err = parameters.Open(c).Resolve(c.MailSecret); err != nil {
			return nil, err
		}
	}
	switch c.Mail {
	case cloud.SendGrid:
		return sendgridmail.New(sendgridmail.Options{Key: secret, Timeout: within})
	case cloud.SMTP:
		host, port, err := net.SplitHostPort(c.MailServer)
		n, perr := strconv.Atoi(port)
		if err != nil || perr != nil {
			return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMailServer+" is no host:port")
		}
		o := smtpmail.Options{Host: host, Port: n, Username: c.MailUser, Password: secret, Hello: c.MailDomain, Timeout: within}
		if n == submissions {
			o.Security = smtpmail.Implicit
		}
		return smtpmail.New(o)
	}
	return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMail+" names no way by which mail leaves")
}

type sending struct {
	send cloud.Operation[sesv2.SendEmailInput, sesv2.Options, sesv2.SendEmailOutput]
}

func (s sending) SendEmail(ctx context.Context, in *sesv2.SendEmailInput, o ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	return s.send(ctx, in, o...)
}
