package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
)

// options reads the command line of serve as far as it is about mail.
func options(t *testing.T, args ...string) *mailOptions {
	t.Helper()
	var o mailOptions
	c := newServe()
	c.ResetFlags()
	o.flags(c)
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return &o
}

func TestHowMailLeaves(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("SG.from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := options(t).sender(); s != nil || err != nil {
		t.Errorf("without settings: %v, %v, want mail kept", s, err)
	}
	if s, err := options(t, "--smtp", "127.0.0.1:2525").sender(); err != nil {
		t.Error(err)
	} else if _, ok := s.(*smtpmail.Sender); !ok {
		t.Errorf("--smtp sends by %T", s)
	}
	sendGrid := func(args ...string) {
		t.Helper()
		s, err := options(t, args...).sender()
		if err != nil {
			t.Error(err)
		} else if _, ok := s.(*sendgridmail.Sender); !ok {
			t.Errorf("%q sends by %T", args, s)
		}
	}
	sendGrid("--sendgrid-key", "file:"+file, "--sendgrid-region", "eu")
	t.Setenv("HABEAS_SENDGRID_KEY", "SG.from-environment")
	t.Setenv("HABEAS_SENDGRID_WEBHOOK_KEY", base64.StdEncoding.EncodeToString(der))
	sendGrid()
	if got, err := options(t).events(); err != nil || !key.PublicKey.Equal(got) {
		t.Errorf("the webhook's key: %v", err)
	}
	for name, args := range map[string][]string{
		"two ways":       {"--smtp", "127.0.0.1:2525"},
		"unknown region": {"--sendgrid-region", "mars"},
		"no reference":   {"--sendgrid-key", "SG.canary"},
		"missing file":   {"--sendgrid-key", "file:" + file + ".canary"},
		"clear text":     {"--sendgrid-url", "http://sendgrid.example.com"},
	} {
		if _, err := options(t, args...).sender(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want a refusal that quotes nothing", name, err)
		}
	}
	for name, args := range map[string][]string{
		"no such key":        {"--sendgrid-webhook-key", "file:" + file},
		"no mail by it":      {"--sendgrid-key", ""},
		"reference, not key": {"--sendgrid-webhook-key", base64.StdEncoding.EncodeToString(der)},
	} {
		if _, err := options(t, args...).events(); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v, want misconfigured", name, err)
		}
	}
}
