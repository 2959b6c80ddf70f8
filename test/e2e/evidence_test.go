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
