// Package keystest is the conformance suite of keys.Keeper. A driver passes when Run finds nothing.
package keystest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Run holds a driver to the contract of keys.Keeper. open returns the keeper of one and the same installation each time, as
// a fresh process would open it.
func Run(t *testing.T, open func(t testing.TB) keys.Keeper) {
	for name, test := range map[string]func(*testing.T, func(testing.TB) keys.Keeper){
		"round trip": roundTrip, "restart": restart, "other context": otherContext, "changed": changed, "sizes": sizes,
		"hides the secret": hides, "prints nothing": prints, "needs tenant and purpose": needsNames, "ended context": ended,
		"at once": atOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var (
	secret = bytes.Repeat([]byte("canary-secret-"), 3)
	here   = keys.Context{Tenant: "acme", Case: "018f2f6e-7c1a-7000-8000-000000000001", Purpose: "record"}
)

func wrap(t *testing.T, k keys.Keeper, c keys.Context, plain []byte) []byte {
	t.Helper()
	wrapped, err := k.Wrap(t.Context(), c, redact.NewBytes(plain))
	if err != nil {
		t.Fatalf("Wrap: %v", err)
	}
	return wrapped
}

func mustOpen(t *testing.T, k keys.Keeper, c keys.Context, wrapped, want []byte) {
	t.Helper()
	got, err := k.Unwrap(t.Context(), c, wrapped)
	if err != nil || !bytes.Equal(got.Reveal(), want) {
		t.Errorf("Unwrap: other content or %v", err)
	}
}

func mustRefuse(t *testing.T, k keys.Keeper, c keys.Context, wrapped []byte, what string) {
	t.Helper()
	got, err := k.Unwrap(t.Context(), c, wrapped)
	if !fault.Has(err, fault.Invalid) || !got.IsZero() {
		t.Errorf("Unwrap of %s: %v, want invalid and nothing", what, err)
	}
}

func roundTrip(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	for _, c := range []keys.Context{here, {Tenant: "acme", Purpose: "index"}, {Tenant: "other", Case: here.Case, Purpose: "results"}} {
		mustOpen(t, k, c, wrap(t, k, c, secret), secret)
	}
}

func restart(t *testing.T, open func(testing.TB) keys.Keeper) {
	mustOpen(t, open(t), here, wrap(t, open(t), here, secret), secret)
}

func otherContext(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	wrapped := wrap(t, k, here, secret)
	for _, c := range []keys.Context{
		{Tenant: "acme2", Case: here.Case, Purpose: here.Purpose},
		{Tenant: "ACME", Case: here.Case, Purpose: here.Purpose},
		{Tenant: here.Tenant, Case: "", Purpose: here.Purpose},
		{Tenant: here.Tenant, Case: here.Case + "0", Purpose: here.Purpose},
		{Tenant: here.Tenant, Case: here.Case, Purpose: "results"},
		// The same letters, cut elsewhere.
		{Tenant: here.Tenant + here.Case[:1], Case: here.Case[1:], Purpose: here.Purpose},
		{Tenant: here.Tenant, Case: here.Case + here.Purpose[:1], Purpose: here.Purpose[1:]},
	} {
		mustRefuse(t, k, c, wrapped, fmt.Sprintf("what was wrapped under another context (%d bytes of case)", len(c.Case)))
	}
}

func changed(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	wrapped := wrap(t, k, here, secret)
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 0x10
		mustRefuse(t, k, here, bad, fmt.Sprintf("a wrap with byte %d changed", i))
	}
	for _, n := range []int{0, 1, 12, len(wrapped) / 2, len(wrapped) - 1} {
		mustRefuse(t, k, here, wrapped[:n], fmt.Sprintf("a wrap cut to %d bytes", n))
	}
	mustRefuse(t, k, here, append(bytes.Clone(wrapped), 0), "a wrap with a byte more")
	mustOpen(t, k, here, wrapped, secret)
}

func sizes(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	for _, n := range []int{1, 32, keys.MaxSecretBytes} {
		plain := bytes.Repeat([]byte{7}, n)
		mustOpen(t, k, here, wrap(t, k, here, plain), plain)
	}
	for _, n := range []int{0, keys.MaxSecretBytes + 1} {
		if _, err := k.Wrap(t.Context(), here, redact.NewBytes(make([]byte, n))); !fault.Has(err, fault.Invalid) {
			t.Errorf("Wrap of %d bytes: %v, want invalid", n, err)
		}
	}
}

func hides(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	one, two := wrap(t, k, here, secret), wrap(t, k, here, secret)
	if bytes.Equal(one, two) {
		t.Error("two wraps of one secret are alike")
	}
	if bytes.Contains(one, secret[:8]) {
		t.Error("the secret shows in its wrap")
	}
}

func prints(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != redact.Mask {
			t.Errorf("%s prints %d bytes that are not the mask", verb, len(got))
		}
	}
}

func needsNames(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	for _, c := range []keys.Context{{}, {Tenant: "acme"}, {Purpose: "record"}} {
		if _, err := k.Wrap(t.Context(), c, redact.NewBytes(secret)); !fault.Has(err, fault.Invalid) {
			t.Errorf("Wrap: %v, want invalid", err)
		}
		mustRefuse(t, k, c, wrap(t, k, here, secret), "a context without names")
	}
}

func ended(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	wrapped := wrap(t, k, here, secret)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Wrap(ctx, here, redact.NewBytes(secret)); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Wrap: %v, want unavailable", err)
	}
	if _, err := k.Unwrap(ctx, here, wrapped); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Unwrap: %v, want unavailable", err)
	}
}

func atOnce(t *testing.T, open func(testing.TB) keys.Keeper) {
	k := open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			c := keys.Context{Tenant: fmt.Sprintf("tenant-%d", i%4), Purpose: "index"}
			plain := fmt.Appendf(nil, "secret %d", i)
			wrapped, err := k.Wrap(t.Context(), c, redact.NewBytes(plain))
			if err != nil {
				t.Errorf("Wrap: %v", err)
				return
			}
			if got, err := k.Unwrap(t.Context(), c, wrapped); err != nil || !bytes.Equal(got.Reveal(), plain) {
				t.Errorf("Unwrap: other content or %v", err)
			}
		})
	}
	wg.Wait()
}
