package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// fixtures returns the keys of two cases of one tenant and of the same case id at another tenant.
func fixtures(t testing.TB) (here, otherCase, otherTenant *keys.CaseKeys) {
	store, keeper := openStore(t), openKeeper(t)
	v := keys.NewVault(store, keeper)
	return newCase(t, v, store, tenant, caseID), newCase(t, v, store, tenant, "other"), newCase(t, v, store, "globex", caseID)
}

func TestSealedDocumentOpensOnlyInItsPlace(t *testing.T) {
	here, otherCase, otherTenant := fixtures(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		label := rapid.String().Draw(t, "label")
		sealed := here.SealDoc(label, plain)
		if got, err := here.OpenDoc(label, sealed); err != nil || !bytes.Equal(got.Reveal(), plain) {
			t.Fatalf("OpenDoc: other content or %v", err)
		}
		if len(sealed) != len(plain)+29 || bytes.Equal(sealed, here.SealDoc(label, plain)) {
			t.Fatalf("sealed %d bytes into %d", len(plain), len(sealed))
		}
		refuse := func(k *keys.CaseKeys, label string, sealed []byte, what string) {
			if got, err := k.OpenDoc(label, sealed); !fault.Has(err, fault.Internal) || !got.IsZero() {
				t.Fatalf("%s: %v, want internal and nothing", what, err)
			}
		}
		refuse(here, label+"x", sealed, "another label")
		refuse(otherCase, label, sealed, "another case")
		refuse(otherTenant, label, sealed, "another tenant")
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		refuse(here, label, sealed[:at], "cut off")
		bad := bytes.Clone(sealed)
		bad[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		refuse(here, label, bad, "changed")
	})
}

func seal(t testing.TB, open func(io.Writer) (io.WriteCloser, error), plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := open(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestSealedStreams runs the record's and the results' streams through the same table.
func TestSealedStreams(t *testing.T) {
	here, otherCase, otherTenant := fixtures(t)
	type openFunc func(k *keys.CaseKeys, r io.Reader) (io.Reader, error)
	for name, s := range map[string]struct {
		seal func(io.Writer) (io.WriteCloser, error)
		open openFunc
	}{
		"record": {
			func(w io.Writer) (io.WriteCloser, error) { return here.SealStream(w, "spool/1") },
			func(k *keys.CaseKeys, r io.Reader) (io.Reader, error) { return k.OpenStream(r, "spool/1") },
		},
		"results": {here.SealResults, func(k *keys.CaseKeys, r io.Reader) (io.Reader, error) { return k.OpenResults(t.Context(), r) }},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(k *keys.CaseKeys, sealed []byte) ([]byte, error) {
				r, err := s.open(k, bytes.NewReader(sealed))
				if err != nil {
					return nil, err
				}
				return io.ReadAll(r)
			}
			for _, n := range []int{0, 1, 64<<10 - 1, 64 << 10, 200_000} {
				plain := bytes.Repeat([]byte("c4nary! "), n/8+1)[:n]
				sealed := seal(t, s.seal, plain)
				if got, err := read(here, sealed); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("%d bytes: other content or %v", n, err)
				}
				if n > 8 && bytes.Contains(sealed, plain[:8]) {
					t.Errorf("%d bytes: the content shows", n)
				}
				if _, err := read(here, sealed[:len(sealed)-1]); !fault.Has(err, fault.Internal) {
					t.Errorf("%d bytes, cut off: %v, want internal", n, err)
				}
			}
			plain := []byte("canary-plain@example.com")
			sealed := seal(t, s.seal, plain)
			for i := range sealed {
				bad := bytes.Clone(sealed)
				bad[i] ^= 1
				if _, err := read(here, bad); !fault.Has(err, fault.Internal) {
					t.Errorf("byte %d changed: %v, want internal", i, err)
				}
			}
			for _, k := range []*keys.CaseKeys{otherCase, otherTenant} {
				if _, err := read(k, sealed); !fault.Has(err, fault.Internal) {
					t.Errorf("keys of another case: %v, want internal", err)
				}
			}
			if _, err := read(here, plain); !fault.Has(err, fault.Internal) || strings.Contains(err.Error(), "canary") {
				t.Error("what was never sealed must fail without being quoted")
			}
			broken := errors.New("disk gone")
			if r, err := s.open(here, iotest.ErrReader(broken)); r != nil || !errors.Is(err, broken) {
				t.Errorf("a broken source: %v", err)
			}
			late := io.MultiReader(bytes.NewReader(sealed[:len(sealed)-4]), iotest.ErrReader(broken))
			r, err := s.open(here, late)
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if !errors.Is(err, broken) {
				t.Errorf("a source that breaks late: %v", err)
			}
		})
	}
}

func TestStreamsDoNotMix(t *testing.T) {
	here, _, _ := fixtures(t)
	stream := seal(t, func(w io.Writer) (io.WriteCloser, error) { return here.SealStream(w, "a") }, []byte("x"))
	results := seal(t, here.SealResults, []byte("x"))
	if _, err := here.OpenStream(bytes.NewReader(stream), "b"); !fault.Has(err, fault.Internal) {
		t.Errorf("another label: %v", err)
	}
	if _, err := here.OpenStream(bytes.NewReader(results), "a"); !fault.Has(err, fault.Internal) {
		t.Errorf("results opened with the record key: %v", err)
	}
	if _, err := here.OpenResults(t.Context(), bytes.NewReader(stream)); !fault.Has(err, fault.Internal) {
		t.Errorf("a stream opened with the results key: %v", err)
	}
}

func TestTenantKeys(t *testing.T) {
	v := keys.NewVault(openStore(t), openKeeper(t))
	get := func(tenant string) *keys.TenantKeys {
		k, err := v.Tenant(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	acme, globex := get("acme"), get("globex")
	id := func(kind subject.Kind, value string) subject.Identifier {
		i, err := subject.New(kind, value)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	ann := acme.Ref(id(subject.Email, "ann@example.com"))
	if ann != acme.Ref(id(subject.Email, "Ann@Example.COM")) {
		t.Error("identifiers that are the same have different refs")
	}
	for name, other := range map[string]subject.Ref{
		"another person": acme.Ref(id(subject.Email, "bob@example.com")),
		"another kind":   acme.Ref(id("account", "ann@example.com")),
		"another tenant": globex.Ref(id(subject.Email, "ann@example.com")),
	} {
		if other == ann {
			t.Errorf("%s has the same ref", name)
		}
	}
	if acme.IndexVersion() != 1 {
		t.Errorf("index version %d, want 1", acme.IndexVersion())
	}
	msg := []byte("head")
	if !ed25519.Verify(acme.Public(), msg, acme.Sign(msg)) || ed25519.Verify(globex.Public(), msg, acme.Sign(msg)) {
		t.Error("signatures do not tell tenants apart")
	}
	mac := acme.MAC("code", []byte("123456"))
	if len(mac) != 32 || !bytes.Equal(mac, acme.MAC("code", []byte("123456"))) {
		t.Error("a MAC is 32 bytes, always the same")
	}
	if bytes.Equal(mac, acme.MAC("link", []byte("123456"))) || bytes.Equal(mac, globex.MAC("code", []byte("123456"))) ||
		bytes.Equal(acme.MAC("a", []byte("bc")), acme.MAC("ab", []byte("c"))) {
		t.Error("MACs do not tell purposes or tenants apart")
	}
}

func TestKeysPrintNothing(t *testing.T) {
	here, _, _ := fixtures(t)
	tk, err := keys.NewVault(openStore(t), openKeeper(t)).Tenant(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{here, *here, tk, *tk} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			if got := fmt.Sprintf(verb, v); got != redact.Mask {
				t.Errorf("%s of %T prints more than the mask", verb, v)
			}
		}
		var buf bytes.Buffer
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "k", v)
		if !strings.Contains(buf.String(), `"k":"`+redact.Mask+`"`) {
			t.Errorf("slog of %T prints more than the mask", v)
		}
		if _, err := json.Marshal(v); !errors.Is(err, redact.ErrMarshal) {
			t.Errorf("marshalling %T: %v", v, err)
		}
	}
}

func TestBindingTellsListsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringN(0, 4, 8), 1, 4)
		a, b := parts.Draw(t, "a"), parts.Draw(t, "b")
		same := fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)
		if bytes.Equal(keys.Binding(a...), keys.Binding(b...)) != same {
			t.Fatalf("%q and %q encode alike", a, b)
		}
	})
}
