package filekeys_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/keys/keystest"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestSuite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := filekeys.Create(path); err != nil {
		t.Fatal(err)
	}
	keystest.Run(t, func(t testing.TB) keys.Keeper {
		k, err := filekeys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}

func TestCreateMakesOnePrivateFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	var created atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := filekeys.Create(path); {
			case err == nil:
				created.Add(1)
			case !fault.Has(err, fault.Conflict):
				t.Errorf("Create: %v, want conflict", err)
			case strings.Contains(err.Error(), dir):
				t.Error("the error quotes the path")
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 {
		t.Errorf("%d callers created the key, want 1", created.Load())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the file has mode %v and %d bytes (%v), want 0600 and 32", info.Mode(), info.Size(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left (%v), want the key only", len(entries), err)
	}
}

func TestCreateNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := filekeys.Create(path); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := filekeys.Create(path); !fault.Has(err, fault.Conflict) {
		t.Errorf("Create: %v, want conflict", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the key was replaced")
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		size int
		mode os.FileMode
		want fault.Class
	}{
		"group may read":   {32, 0o640, fault.Misconfigured},
		"others may read":  {32, 0o604, fault.Misconfigured},
		"others may write": {32, 0o602, fault.Misconfigured},
		"too short":        {31, 0o600, fault.Misconfigured},
		"too long":         {33, 0o600, fault.Misconfigured},
		"empty":            {0, 0o600, fault.Misconfigured},
		"owner only":       {32, 0o600, ""},
		"read only":        {32, 0o400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.key")
			if err := os.WriteFile(path, make([]byte, tt.size), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := filekeys.Open(path); fault.ClassOf(err) != tt.want {
				t.Errorf("Open: %v, want class %q", err, tt.want)
			}
		})
	}
	if _, err := filekeys.Open(filepath.Join(t.TempDir(), "none")); !fault.Has(err, fault.NotFound) {
		t.Errorf("Open of nothing: %v, want not_found", err)
	}
	if _, err := filekeys.Open(t.TempDir()); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("Open of a directory: %v, want misconfigured", err)
	}
}

func TestAnotherInstallationOpensNothing(t *testing.T) {
	c := keys.Context{Tenant: "acme", Purpose: "index"}
	var keepers []*filekeys.Keeper
	for range 2 {
		path := filepath.Join(t.TempDir(), "master.key")
		if err := filekeys.Create(path); err != nil {
			t.Fatal(err)
		}
		k, err := filekeys.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		keepers = append(keepers, k)
	}
	wrapped, err := keepers[0].Wrap(t.Context(), c, redact.NewBytes([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keepers[1].Unwrap(t.Context(), c, wrapped); !fault.Has(err, fault.Invalid) {
		t.Errorf("Unwrap: %v, want invalid", err)
	}
}
