package main

import (
	"crypto/ecdsa"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
)

// Variables about mail; the keys among them are what the flags name by default.
const (
	envSMTPUser    = "HABEAS_SMTP_USER"
	envSendGridKey = "HABEAS_SENDGRID_KEY"
	envWebhookKey  = "HABEAS_SENDGRID_WEBHOOK_KEY"
)

// mailOptions say how mail leaves: by SMTP, through SendGrid, or not at all.
type mailOptions struct {
	smtp                                                         string
	sendGridKey, sendGridWebhookKey, sendGridRegion, sendGridURL string
}

func (o *mailOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.smtp, "smtp", "", "mail server host:port (default: mails are kept in DIR/outbox); "+envSMTPUser+" and HABEAS_SMTP_PASSWORD sign in")
	f.StringVar(&o.sendGridKey, "sendgrid-key", reference(envSendGridKey), "send mail through SendGrid: env:NAME or file:PATH of its API key (default: "+envSendGridKey+", where it is set)")
	f.StringVar(&o.sendGridWebhookKey, "sendgrid-webhook-key", reference(envWebhookKey), "env:NAME or file:PATH of the verification key of SendGrid's signed event webhook, which reports to /hooks/sendgrid (default: "+envWebhookKey+", where it is set)")
	f.StringVar(&o.sendGridRegion, "sendgrid-region", string(sendgridmail.Global), "global, or eu for a subuser with EU residency")
	f.StringVar(&o.sendGridURL, "sendgrid-url", "", "address to reach SendGrid at, such as a proxy's (default: that of the region)")
}

// reference is that of a variable that is set, else empty.
func reference(name string) string {
	if _, set := os.LookupEnv(name); set {
		return "env:" + name
	}
	return ""
}

// sender returns what sends the mail; nil keeps it in the data directory.
func (o *mailOptions) sender() (mail.Sender, error) {
	switch {
	case o.smtp != "" && o.sendGridKey != "":
		return nil, usage("mail leaves by --smtp or through SendGrid, not both")
	case o.sendGridKey != "":
		return o.sendGrid()
	case o.smtp == "":
		return nil, nil
	}
	host, port, err := net.SplitHostPort(o.smtp)
	if err != nil {
		return nil, usage("--smtp wants host:port")
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, usage("--smtp wants host:port")
	}
	opts := smtpmail.Options{Host: host, Port: n, Username: os.Getenv(envSMTPUser)}
	if r := reference("HABEAS_SMTP_PASSWORD"); r != "" {
		if opts.Password, err = local.Secret(r); err != nil {
			return nil, err
		}
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		opts.Security = smtpmail.None
	}
	return smtpmail.New(opts)
}

func (o *mailOptions) sendGrid() (mail.Sender, error) {
	key, err := local.Secret(o.sendGridKey)
	if err != nil {
		return nil, err
	}
	return sendgridmail.New(sendgridmail.Options{Key: key, Region: sendgridmail.Region(o.sendGridRegion), BaseURL: o.sendGridURL})
}

// events returns the key that verifies SendGrid's reports; nil when none is set.
func (o *mailOptions) events() (*ecdsa.PublicKey, error) {
	switch {
	case o.sendGridWebhookKey == "":
		return nil, nil
	case o.sendGridKey == "":
		return nil, fault.New(fault.Misconfigured, "SendGrid reports on mail that it sent: its webhook key goes with its API key")
	}
	key, err := local.Secret(o.sendGridWebhookKey)
	if err != nil {
		return nil, err
	}
	return receivehook.SendGridKey(key.Reveal())
}
