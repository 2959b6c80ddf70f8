package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// Anybody can check the receipt with the command, and the command sees what was changed.
func TestTheCommandChecksEvidence(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	r.WantStatus("fulfilled")
	raw := r.Evidence()
	key := ""
	for name, body := range members(t, raw) {
		if name == "key.pub" {
			key = strings.TrimSpace(string(body))
		}
	}
	good := s.Save("good.zip", raw)
	if out, err := exec.Command(kit.Binary(t), "evidence", "verify", good, "--key", key, "--json").Output(); err != nil {
		t.Errorf("a whole bundle: %v: %s", err, out)
	} else if !json.Valid(out) {
		t.Errorf("--json prints %s", out)
	}
	for what, change := range map[string]func(name string, body []byte) []byte{
		"an entry says something else": func(name string, body []byte) []byte {
			return bytes.Replace(body, []byte(`"kind":"identity_verified"`), []byte(`"kind":"identity_vErified"`), 1)
		},
		"the last entry is gone": func(name string, body []byte) []byte {
			if name != "entries/case.jsonl" {
				return body
			}
			return body[:bytes.LastIndexByte(body[:len(body)-1], '\n')+1]
		},
		"a chain is gone": func(name string, body []byte) []byte {
			if strings.HasPrefix(name, "entries/task/") {
				return nil
			}
			return body
		},
	} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, body := range members(t, raw) {
			if body = change(name, body); body == nil {
				continue
			}
			f, err := w.Create(name)
			if err == nil {
				_, err = f.Write(body)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(kit.Binary(t), "evidence", "verify", s.Save("changed.zip", b.Bytes())).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
			t.Errorf("%s: the command ends with %v: %s", what, err, out)
		}
	}
}

// members returns the files of a zip.
func members(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestEvidenceIsSealed(t *testing.T) { evidenceIsSealed(t) }

func TestEvidenceIsSealedThoughTheIndexLags(t *testing.T) {
	evidenceIsSealed(t, testkit.Args("--index-lag", "200ms"))
}

// evidenceIsSealed: what was done is sealed within minutes, the person can prove it with the receipt, and an auditor who kept a checkpoint sees,
// after any number of requests and a killed process, that the log only grew.
func evidenceIsSealed(t *testing.T, opts ...testkit.Option) {
	t.Helper()
	s := site(t, opts...)
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	r.WantStatus("fulfilled")
	r.WantEvidence() // whole at any time
	sealed := func(r *testkit.Request) {
		t.Helper()
		s.Eventually("everything is sealed", 10*time.Second, func() bool {
			s.Settle()
			report := r.WantEvidence()
			return report.Sealed != nil && report.Unsealed == 0
		})
	}
	sealed(r)
	files := members(t, r.Evidence())
	if !strings.Contains(string(files["receipt.txt"]), r.Reference) || !json.Valid(files["receipt.json"]) {
		t.Errorf("the receipt says %s", files["receipt.txt"])
	}
	var kept struct{ Key, Checkpoint string }
	s.Call("GET", "/api/v1/log/checkpoint?tenant=lumen", s.Token("auditor"), nil).Want(200).JSON(&kept)
	since := s.Save("checkpoint", []byte(kept.Checkpoint))
	auditor := s.Token("auditor")
	s.Kill()
	s.Restart()
	other := s.Ask("lumen", "access", testkit.Typical).Verify()
	sealed(other)
	for _, who := range []*testkit.Request{r, other} {
		bundle := s.Save("bundle-"+who.Reference+".zip", who.Evidence())
		cmd := exec.Command(kit.Binary(t), "evidence", "verify", bundle, "--key", kept.Key, "--since", since, "--server", s.URL, "--token", auditor, "--tenant", "lumen", "--json")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `"since":{"size":`) {
			t.Errorf("%v: %s", err, out)
		}
	}
}
