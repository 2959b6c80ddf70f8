package passwords_test

import (
	"context"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func text(s string) redact.Text { return redact.NewText(s) }

func TestHashFitsItsPasswordOnly(t *testing.T) {
	h := passwords.New(2)
	const right = "correct horse battery"
	phc, err := h.Hash(t.Context(), text(right))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash does not carry the parameters: %s", phc[:40])
	}
	for _, c := range []struct {
		name, phc, password string
		want                bool
	}{
		{"the password", phc, right, true},
		{"another one", phc, right + "!", false},
		{"empty", phc, "", false},
		{"far too long", phc, strings.Repeat(right, 100), false},
		{"no account", "", right, false},
		{"no account, zero password", "", "", false},
	} {
		got, err := h.Fits(t.Context(), c.phc, text(c.password))
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	again, err := h.Hash(t.Context(), text(right))
	if err != nil || again == phc {
		t.Errorf("two hashes of one password are the same, or %v", err)
	}
}

// TestComposition: e with an accent is one character or two, depending on the keyboard.
func TestComposition(t *testing.T) {
	h := passwords.New(1)
	phc, err := h.Hash(t.Context(), text("caf\u00e9 with long name"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Fits(t.Context(), phc, text("cafe\u0301 with long name")); !ok || err != nil {
		t.Errorf("the same characters composed differently: %v, %v", ok, err)
	}
}

func TestHashFromElsewhere(t *testing.T) {
	// A vector published with the reference implementation: t=2, m=2^8 KiB, p=1, salt "somesalt".
	const phc = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if ok, err := passwords.New(1).Fits(t.Context(), phc, text("password")); !ok || err != nil {
		t.Errorf("published vector: %v, %v", ok, err)
	}
}

func TestBounds(t *testing.T) {
	h := passwords.New(1)
	for _, p := range []string{"", "too short", strings.Repeat("x", passwords.MaxBytes+1)} {
		if _, err := h.Hash(t.Context(), text(p)); !fault.Has(err, fault.Invalid) {
			t.Errorf("password of %d bytes: %v, want invalid", len(p), err)
		}
	}
	if p := passwords.Generate(); len(p.Reveal()) < passwords.MinBytes || p == passwords.Generate() {
		t.Error("generated passwords are too short or repeat")
	}
}

func TestStrangeHashes(t *testing.T) {
	good := "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	for name, edit := range map[string][2]string{
		"other algorithm": {"argon2id", "argon2i"}, "other version": {"v=19", "v=16"}, "huge memory": {"m=19456", "m=4194304"},
		"many passes": {"t=2", "t=1000"}, "many lanes": {"p=1", "p=255"}, "no lanes": {"p=1", "p=0"}, "no number": {"t=2", "t=two"},
		"a parameter twice": {"p=1", "t=1"}, "broken salt": {"c29tZXNhbHQ", "!"}, "broken hash": {"nf65EOgL", "****"}, "short hash": {"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "nf65"},
		"no fields": {"$m=19456,t=2,p=1", ""},
	} {
		if ok, err := passwords.New(1).Fits(t.Context(), strings.Replace(good, edit[0], edit[1], 1), text("password")); ok || !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v, %v, want misconfigured", name, ok, err)
		}
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := passwords.New(1)
	busy := 0
	for range 50 { // a free slot and an ended context are both ready: either may be chosen
		if _, err := h.Hash(ctx, text("correct horse battery")); fault.Has(err, fault.Unavailable) {
			busy++
			break
		}
	}
	if busy == 0 {
		t.Error("an ended context never ended the wait")
	}
}
