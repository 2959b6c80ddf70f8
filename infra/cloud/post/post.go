// Package post opens the way by which an installation sends mail.
package post

import (
	"net"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Open opens it. On SES mail is sent under the configuration set that has the name of the prefix.
func Open(c *cloud.Cloud) (mail.Sender, error) {
	if c.Mail == cloud.SES {
		return sesmail.New(sesv2.NewFromConfig(c.Config), sesmail.Options{ConfigurationSet: c.Prefix})
	}
	var secret redact.Text
	var err error
	if c.MailSecret != "" {
		if secret, err = secrets.Open(c).Resolve(c.MailSecret); err != nil {
			return nil, err
		}
	}
	switch c.Mail {
	case cloud.SendGrid:
		return sendgridmail.New(sendgridmail.Options{Key: secret})
	case cloud.SMTP:
		host, port, err := net.SplitHostPort(c.MailServer)
		n, perr := strconv.Atoi(port)
		if err != nil || perr != nil {
			return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMailServer+" is no host:port")
		}
		return smtpmail.New(smtpmail.Options{Host: host, Port: n, Username: c.MailUser, Password: secret})
	}
	return nil, fault.New(fault.Misconfigured, "the setting "+inventory.EnvMail+" names no way by which mail leaves")
}
