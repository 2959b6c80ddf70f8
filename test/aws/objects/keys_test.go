package objects

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/keystest"
	"github.com/habeas-dsar/habeas/shared/keys/kmskeys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func newKey(t testing.TB, cloud *emulator.Cloud) string {
	t.Helper()
	out, err := kms.NewFromConfig(cloud.Config(t, "")).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

func keeper(t testing.TB, key string, o ...func(*kms.Options)) *kmskeys.Keeper {
	t.Helper()
	k, err := kmskeys.New(kms.NewFromConfig(emulator.Ministack(t).Config(t, ""), o...), key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysContract(t *testing.T) {
	key := newKey(t, emulator.Ministack(t))
	keystest.Run(t, func(t testing.TB) keys.Keeper { return keeper(t, key) })
}

var (
	where  = keys.Context{Tenant: "acme", Case: "018f2f6e-7c1a-7000-8000-000000000001", Purpose: "record"}
	secret = redact.NewBytes([]byte("canary of a secret"))
)

// TestKMSChecksTheContext: it is KMS that refuses another context; the driver only passes it on.
func TestKMSChecksTheContext(t *testing.T) {
	key := newKey(t, emulator.Ministack(t))
	c := kms.NewFromConfig(emulator.Ministack(t).Config(t, ""))
	wrapped, err := keeper(t, key).Wrap(t.Context(), where, secret)
	if err != nil {
		t.Fatal(err)
	}
	blob := wrapped[9:] // behind version and sum
	exact := map[string]string{"tenant": where.Tenant, "case": where.Case, "purpose": where.Purpose}
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: &key, EncryptionContext: exact})
	if err != nil || !bytes.Equal(out.Plaintext, secret.Reveal()) {
		t.Fatalf("under tenant, case and purpose: %v", err)
	}
	for _, without := range []string{"tenant", "case", "purpose"} {
		less := map[string]string{}
		for k, v := range exact {
			if k != without {
				less[k] = v
			}
		}
		if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: &key, EncryptionContext: less}); err == nil {
			t.Errorf("it opens without %s", without)
		}
	}
}

// TestKeysInTrouble: one trouble is overcome, one that lasts is told by its class, and no error tells a secret or what KMS says.
func TestKeysInTrouble(t *testing.T) {
	f := &faults{}
	key := newKey(t, emulator.Ministack(t))
	k := keeper(t, key, func(o *kms.Options) {
		f.next, f.seen = o.HTTPClient, map[string]int{}
		o.HTTPClient = f
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 3, 2*time.Millisecond, ratelimit.None
		})
	})
	for kind, class := range map[trouble]fault.Class{refused: fault.Throttled, failing: fault.Unavailable, lost: fault.Unavailable, unanswered: fault.Unavailable} {
		for ever, what := range map[bool]func(string, trouble) func(string, int) trouble{false: once, true: always} {
			f.set(what("Encrypt", kind))
			wrapped, err := k.Wrap(t.Context(), where, secret)
			if (err != nil) != ever || (err != nil && !fault.Has(err, class)) {
				t.Errorf("Wrap in trouble %d, for ever %t: %v", kind, ever, err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("the error tells too much: %v", err)
				}
				f.set(nil)
				if wrapped, err = k.Wrap(t.Context(), where, secret); err != nil {
					t.Fatal(err)
				}
			}
			f.set(what("Decrypt", kind))
			got, err := k.Unwrap(t.Context(), where, wrapped)
			if (err != nil) != ever || (err != nil && (!fault.Has(err, class) || !got.IsZero())) || (err == nil && !bytes.Equal(got.Reveal(), secret.Reveal())) {
				t.Errorf("Unwrap in trouble %d, for ever %t: %v", kind, ever, err)
			}
		}
	}
}

// TestKeyOutOfUse: a key that somebody disabled, scheduled for deletion or never made is a matter of setting up, and what was wrapped
// opens again when the key is back.
func TestKeyOutOfUse(t *testing.T) {
	c := kms.NewFromConfig(emulator.Ministack(t).Config(t, ""))
	key := newKey(t, emulator.Ministack(t))
	k := keeper(t, key)
	wrapped, err := k.Wrap(t.Context(), where, secret)
	if err != nil {
		t.Fatal(err)
	}
	for what, step := range map[string][2]func() error{
		"disabled": {
			func() error { _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); return err },
			func() error { _, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); return err },
		},
		"scheduled for deletion": {
			func() error {
				_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
				return err
			},
			func() error {
				_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &key})
				if err == nil {
					_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key})
				}
				return err
			},
		},
	} {
		if err := step[0](); err != nil {
			t.Fatal(err)
		}
		_, err1 := k.Wrap(t.Context(), where, secret)
		got, err2 := k.Unwrap(t.Context(), where, wrapped)
		if !fault.Has(err1, fault.Misconfigured) || !fault.Has(err2, fault.Misconfigured) || !got.IsZero() {
			t.Errorf("%s: %v and %v, want misconfigured", what, err1, err2)
		}
		if err := step[1](); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Unwrap(t.Context(), where, wrapped); err != nil || !bytes.Equal(got.Reveal(), secret.Reveal()) {
			t.Errorf("after it was %s: %v", what, err)
		}
	}
	none := keeper(t, strings.Replace(key, "key/", "key/0", 1))
	if _, err := none.Wrap(t.Context(), where, secret); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a key that is not there: %v, want misconfigured", err)
	}
}
