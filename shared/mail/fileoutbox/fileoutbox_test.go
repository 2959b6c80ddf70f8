package fileoutbox_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/mail/mailtest"
)

// childEnv makes the test binary a process that sends mail until it is killed.
const childEnv = "HABEAS_TEST_SEND_INTO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		sendForever(dir)
		return
	}
	os.Exit(m.Run())
}

func sendForever(dir string) {
	o, err := fileoutbox.Open(dir)
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		if state, err := o.Send(context.Background(), mailtest.Message(n)); state != mail.Sent {
			panic(err)
		}
		fmt.Println(n) // handed over: must be there after the kill
	}
}

func open(t testing.TB, dir string) *fileoutbox.Outbox {
	t.Helper()
	o, err := fileoutbox.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// contents reads every mail of an outbox.
func contents(t testing.TB, o *fileoutbox.Outbox) [][]byte {
	t.Helper()
	var out [][]byte
	for {
		page, err := o.Messages(context.Background(), len(out))
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return out
		}
		for _, r := range page {
			raw, err := o.Message(context.Background(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, raw)
		}
	}
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t testing.TB) mailtest.Harness {
		o := open(t, filepath.Join(t.TempDir(), "outbox"))
		return mailtest.Harness{Sender: o, Delivered: func() [][]byte { return contents(t, o) }, CanTell: true}
	})
}

func TestMailboxIsInOrderOfSending(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	for i := range 30 {
		if i == 15 {
			o = open(t, dir) // a restart keeps the order
		}
		m := mailtest.Message(1000 - i) // names are not in order
		m.Subject = fmt.Sprintf("Brief %d – ä", i)
		m.Date = m.Date.Add(-time.Duration(i) * time.Hour) // nor are dates
		if state, err := o.Send(t.Context(), m); state != mail.Sent {
			t.Fatal(err)
		}
	}
	for _, from := range []int{0, 7, 29, 30, 31} {
		got, err := o.Messages(t.Context(), from)
		if err != nil || len(got) != max(0, 30-from) {
			t.Fatalf("from %d: %d mails, %v", from, len(got), err)
		}
		for i, r := range got {
			want := mailtest.Message(1000 - from - i)
			if r.ID != want.MessageID || r.Subject != fmt.Sprintf("Brief %d – ä", from+i) || r.To != want.To ||
				!r.Date.Equal(want.Date.Add(-time.Duration(from+i)*time.Hour)) {
				t.Errorf("from %d, mail %d: %+v", from, i, r)
			}
		}
	}
	if _, err := o.Messages(t.Context(), -1); !fault.Has(err, fault.Invalid) {
		t.Errorf("from -1: %v, want invalid", err)
	}
	for _, id := range []string{"none@example.com", "../x", ""} {
		if _, err := o.Message(t.Context(), id); !fault.Has(err, fault.NotFound) {
			t.Errorf("Message(%q): %v, want not_found", id, err)
		}
	}
}

// TestOrderSurvivesASetBackClock: a mail sent after a restart comes last, even if the clock now says otherwise.
func TestOrderSurvivesASetBackClock(t *testing.T) {
	dir := t.TempDir()
	first, second := mailtest.Message(2), mailtest.Message(1)
	if state, err := open(t, dir).Send(t.Context(), first); state != mail.Sent {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, first.MessageID+".eml"), later, later); err != nil {
		t.Fatal(err)
	}
	o := open(t, dir)
	if state, err := o.Send(t.Context(), second); state != mail.Sent {
		t.Fatal(err)
	}
	if got, err := o.Messages(t.Context(), 0); err != nil || len(got) != 2 || got[1].ID != second.MessageID {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestSameMailAtOnce: of many who send the same mail, all hear Sent, and one mail is there.
func TestSameMailAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 2 {
		o := open(t, dir)
		for range 8 {
			wg.Go(func() {
				if state, err := o.Send(t.Context(), mailtest.Message(1)); state != mail.Sent || err != nil {
					t.Errorf("Send: %s, %v", state, err)
				}
			})
		}
	}
	wg.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files (%v), want 1", len(entries), err)
	}
}

// TestSurvivesAKill kills a sending process: what it said was sent is there, once and whole, and nothing half is.
func TestSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines, sent := bufio.NewScanner(out), 0
	for lines.Scan() {
		if sent++; sent == 25 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed, as asked
	if sent < 25 {
		t.Fatalf("the child sent %d mails", sent)
	}
	o := open(t, dir)
	for n := range sent + 2 {
		m := mailtest.Message(n)
		state, err := o.Lookup(t.Context(), m.MessageID)
		if err != nil || (n < sent && state != mail.Sent) {
			t.Errorf("mail %d of %d: %s, %v", n, sent, state, err)
		}
		if state != mail.Sent {
			continue
		}
		want, err := mail.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.Message(t.Context(), m.MessageID); err != nil || !bytes.Equal(got, want) {
			t.Errorf("mail %d is not whole (%v)", n, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(e.Name(), ".eml") {
			t.Errorf("%s with mode %v is left (%v)", e.Name(), info.Mode(), err)
		}
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileoutbox.Open(path); !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), path) {
		t.Errorf("Open: %v, want misconfigured without the path", err)
	}
}
