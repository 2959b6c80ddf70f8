package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newDemo() *cobra.Command {
	c := &cobra.Command{Use: "demo", Short: "Things to do with a server that runs with --demo"}
	c.AddCommand(newTour())
	return c
}

// tour drives one access request through a running demonstration as its data subject would.
type tour struct {
	requestOptions
	out    string
	access bool

	cmd    *cobra.Command
	client *client
	began  time.Time
	seen   int // mails that were there before
}

func newTour() *cobra.Command {
	var t tour
	c := &cobra.Command{
		Use: "tour", Short: "Drive a request through the demo and keep package, letters and evidence", Args: cobra.NoArgs,
		Example: "  habeas serve --demo &\n  habeas demo tour --access --out ./tour",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !t.access {
				return usage("say which tour: --access")
			}
			t.cmd = cmd
			return t.run()
		},
	}
	t.flags(c)
	f := c.Flags()
	f.BoolVar(&t.access, "access", false, "ask for a copy of one's data")
	f.StringVar(&t.email, "email", demo.TypicalEmail, "whose data to ask for")
	f.StringVar(&t.out, "out", "./habeas-tour", "folder for package, letters and evidence; must not exist")
	return c
}

// say prints one step with the time since the tour began.
func (t *tour) say(format string, args ...any) {
	progress(t.cmd, "%6.2f s  %s", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

func (t *tour) run() (err error) {
	t.began = time.Now()
	if err := vacant(t.out); err != nil {
		return err
	}
	if t.client, err = t.connect(t.cmd); err != nil {
		return err
	}
	t.client.tenant = cmp.Or(t.client.tenant, local.DemoTenant)
	before, err := t.mails()
	if err != nil {
		return fmt.Errorf("reading the mailbox (does the server run with --demo?): %w", err)
	}
	t.seen = len(before)
	session, err := t.ask()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.out, 0o700); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "making the folder")
	}
	if err := t.answer(session); err != nil {
		return err
	}
	if err := t.letters(); err != nil {
		return err
	}
	if err := t.proof(session); err != nil {
		return err
	}
	t.say("everything is in %s", t.out)
	return show(t.cmd, map[string]string{"reference": t.reference, "folder": t.out}, func(w io.Writer) { _, _ = fmt.Fprintln(w, t.out) })
}

// ask submits the request and proves the address with the mailed code.
func (t *tour) ask() (session string, err error) {
	ctx := t.cmd.Context()
	raw, err := t.client.call(ctx, http.MethodPost, t.portal("/requests"), nil, "", map[string]string{"right": "access", "email": t.email, "country": "DE"})
	if err != nil {
		return "", err
	}
	s, err := decode[status](raw)
	if err != nil {
		return "", err
	}
	t.reference = s.Reference
	t.say("asked for a copy of the data; the request has the reference %s", t.reference)
	if t.code, err = t.mailedCode(ctx); err != nil {
		return "", err
	}
	t.say("a mail with a code has arrived")
	if session, err = t.signIn(t.cmd, t.client); err != nil {
		return "", err
	}
	t.say("entered the code: the address is proved")
	return session, nil
}

func (t *tour) portal(below string) string {
	return "/t/" + url.PathEscape(t.client.tenant) + "/api/v1" + below
}

// answer follows the request until it is answered and saves the package.
func (t *tour) answer(session string) error {
	t.wait = 2 * time.Minute
	_, s, err := t.await(t.cmd, t.client, session)
	if err != nil {
		return err
	}
	for _, e := range s.Explanation {
		t.say("by when: %s", e.Text)
	}
	for _, sys := range s.Systems {
		t.say("%s: %s, %d records", cmp.Or(sys.Title, sys.Name), cmp.Or(sys.Outcome, sys.Progress), sys.Records)
	}
	t.say("the request is %s", strings.ReplaceAll(s.Status, "_", " "))
	if s.Package == nil || !s.Package.Ready {
		return nil
	}
	t.download = filepath.Join(t.out, "package")
	files, err := t.fetch(t.cmd.Context(), t.client, session, s)
	if err != nil {
		return err
	}
	for _, f := range files {
		t.say("downloaded %s; the link worked once", f)
	}
	return nil
}

// letters saves every mail of the request.
func (t *tour) letters() error {
	dir := filepath.Join(t.out, "letters")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "making the folder")
	}
	list, err := t.mails()
	if err != nil {
		return err
	}
	n := 0
	for _, m := range list[min(t.seen, len(list)):] {
		if !strings.Contains(m.Subject, t.reference) {
			continue
		}
		raw, err := t.mail(t.cmd.Context(), m.ID)
		if err != nil {
			return err
		}
		n++
		if _, _, err := save(filepath.Join(dir, fmt.Sprintf("%02d.eml", n)), bytes.NewReader(raw)); err != nil {
			return err
		}
		t.say("letter %d: %s", n, m.Subject)
	}
	return nil
}

// proof saves the evidence and verifies it as an auditor would.
func (t *tour) proof(session string) error {
	body, err := t.client.open(t.cmd.Context(), http.MethodGet, t.client.address(t.path(t.client, "/evidence"), nil), session, nil)
	if err != nil {
		return err
	}
	name := filepath.Join(t.out, "evidence.zip")
	_, _, err = save(name, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	report, err := verifyBundle(name, evidence.VerifyOptions{})
	if err != nil {
		return err
	}
	if !report.OK() {
		return fault.New(fault.Internal, "the evidence does not verify")
	}
	t.say("the evidence is complete and unchanged: %s", name)
	return nil
}

type keptMail struct {
	ID, To, Subject string
	Date            time.Time
}

func (t *tour) mails() ([]keptMail, error) {
	raw, err := t.client.call(t.cmd.Context(), http.MethodGet, "/dev/mail", nil, "", nil)
	if err != nil {
		return nil, err
	}
	list, err := decode[struct{ Messages []keptMail }](raw)
	return list.Messages, err
}

func (t *tour) mail(ctx context.Context, id string) (json.RawMessage, error) {
	return t.client.call(ctx, http.MethodGet, "/dev/mail/"+id, nil, "", nil)
}

var mailedCodeLine = regexp.MustCompile(`(?m)^\s*(\d{4}) ?(\d{4})\s*$`)

// mailedCode waits for the mail of the request and reads its code.
func (t *tour) mailedCode(ctx context.Context) (string, error) {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
		list, err := t.mails()
		if err != nil {
			return "", err
		}
		for _, m := range list[min(t.seen, len(list)):] {
			if !strings.Contains(m.Subject, t.reference) {
				continue
			}
			raw, err := t.mail(ctx, m.ID)
			if err != nil {
				return "", err
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
			if err != nil {
				return "", fault.Wrap(fault.Internal, err, "reading a mail")
			}
			if c := mailedCodeLine.FindStringSubmatch(e.Text); c != nil {
				return c[1] + c[2], nil
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return "", fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the mail")
		}
	}
	return "", fault.New(fault.Unavailable, "no mail with a code has arrived within 30 seconds")
}
