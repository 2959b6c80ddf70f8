package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Files with secrets that Open makes. Habeas reads them by reference.
const (
	CRMToken   = "crm.token"
	KiteSecret = "kite.secret"
)

// Outside is what stands outside of Habeas in the demonstration, behind a listener of its own on this machine: the CRM of the
// third tenant, and Kite Mail, a company that is told of changes by webhook.
type Outside struct {
	crm  *crmServer
	kite *Kite
	http *http.Server
	base string
	done chan struct{}
}

// Open starts everything on the data that Seed made in dir. It listens on the address that is remembered ("" = none), so that
// what is registered stays true over restarts, and on any port of 127.0.0.1 when that is taken. now is the clock of Habeas, by
// which notices are signed.
func Open(ctx context.Context, dir, remembered string, now func() time.Time) (*Outside, error) {
	token, err := secretIn(filepath.Join(dir, CRMToken), "")
	if err != nil {
		return nil, err
	}
	secret, err := secretIn(filepath.Join(dir, KiteSecret), "whsec_")
	if err != nil {
		return nil, err
	}
	o := &Outside{done: make(chan struct{})}
	if o.crm, err = openCRM(filepath.Join(dir, crmRecords), token); err != nil {
		return nil, err
	}
	if o.kite, err = newKite(secret, now); err != nil {
		return nil, errors.Join(err, o.crm.close())
	}
	ln, err := listen(ctx, remembered)
	if err != nil {
		return nil, errors.Join(err, o.crm.close())
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", o.crm)
	mux.Handle("POST /kite/notices", o.kite)
	o.base = "http://" + ln.Addr().String()
	o.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	go func() {
		defer close(o.done)
		_ = o.http.Serve(ln) // ends with Close
	}()
	return o, nil
}

func listen(ctx context.Context, remembered string) (net.Listener, error) {
	var lc net.ListenConfig
	if host, _, err := net.SplitHostPort(remembered); err == nil && host == "127.0.0.1" {
		if ln, err := lc.Listen(ctx, "tcp", remembered); err == nil {
			return ln, nil
		}
	}
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "listening for the CRM of the demo")
	}
	return ln, nil
}

// CRMAddress is the base address of the CRM's API.
func (o *Outside) CRMAddress() string { return o.base + "/api/v1" }

// KiteAddress is where Kite Mail takes notices.
func (o *Outside) KiteAddress() string { return o.base + "/kite/notices" }

// Notices returns what Kite Mail was told since it started, the newest first.
func (o *Outside) Notices() []Notice { return o.kite.notices() }

// Close ends the listener and everything under way. What the CRM was made to change is on disk.
func (o *Outside) Close() error {
	err := errors.Join(o.http.Close(), o.crm.close())
	o.kite.close()
	<-o.done
	return err
}

// secretIn returns the secret in a file and makes both, once: 32 random bytes as base64 behind the prefix.
func secretIn(path, prefix string) (redact.Text, error) {
	err := place(path, func(temporary string) error {
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // it never fails
		return os.WriteFile(temporary, []byte(prefix+base64.StdEncoding.EncodeToString(raw)+"\n"), 0o600)
	})
	if err != nil {
		return redact.Text{}, fault.Wrap(fault.Misconfigured, err, "making a secret of the demo")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return redact.Text{}, fault.Wrap(fault.Misconfigured, err, "reading a secret of the demo")
	}
	return redact.NewText(strings.TrimSpace(string(raw))), nil
}
