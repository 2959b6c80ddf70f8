package kmskeys_test

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/keystest"
	"github.com/habeas-dsar/habeas/shared/keys/kmskeys"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// fakeKMS does what the reference of KMS says of Encrypt and Decrypt under symmetric keys: a ciphertext names its key, opens under
// its context only, and plaintexts have 1 to 4,096 bytes. The driver passes the same suite over it as over an emulator.
type fakeKMS struct {
	master [32]byte
	fail   error
	asked  atomic.Int32
}

func newKMS() *fakeKMS {
	k := &fakeKMS{}
	_, _ = rand.Read(k.master[:])
	return k
}

func (k *fakeKMS) Encrypt(ctx context.Context, in *kms.EncryptInput, _ ...func(*kms.Options)) (*kms.EncryptOutput, error) {
	k.asked.Add(1)
	if err := errors.Join(ctx.Err(), k.fail, refuse("ValidationException", len(in.Plaintext) == 0 || len(in.Plaintext) > 4096 || hasEmpty(in.EncryptionContext))); err != nil {
		return nil, err
	}
	return &kms.EncryptOutput{CiphertextBlob: k.under(*in.KeyId).Seal(sum(*in.KeyId), nil, in.Plaintext, bound(in.EncryptionContext))}, nil
}

func (k *fakeKMS) Decrypt(ctx context.Context, in *kms.DecryptInput, _ ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	k.asked.Add(1)
	blob := in.CiphertextBlob
	if err := errors.Join(ctx.Err(), k.fail, refuse("InvalidCiphertextException", len(blob) < 32), refuse("ValidationException", hasEmpty(in.EncryptionContext))); err != nil {
		return nil, err
	}
	if string(blob[:32]) != string(sum(*in.KeyId)) {
		return nil, refuse("IncorrectKeyException", true)
	}
	plain, err := k.under(*in.KeyId).Open(nil, nil, blob[32:], bound(in.EncryptionContext))
	return &kms.DecryptOutput{Plaintext: plain}, refuse("InvalidCiphertextException", err != nil)
}

func (k *fakeKMS) under(id string) cipher.AEAD {
	key := sha256.Sum256(append(k.master[:], id...))
	aead, err := keys.NewAEAD(key[:])
	if err != nil {
		panic(err)
	}
	return aead
}

func sum(id string) []byte {
	s := sha256.Sum256([]byte(id))
	return s[:]
}

// bound is the context in one spelling: encoding/json sorts the names.
func bound(c map[string]string) []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

func hasEmpty(c map[string]string) bool {
	for name, value := range c {
		if name == "" || value == "" {
			return true
		}
	}
	return false
}

func refuse(code string, when bool) error {
	if !when {
		return nil
	}
	return &smithy.OperationError{ServiceID: "KMS", OperationName: "Decrypt", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "canary of a message"},
	}}
}

func open(t testing.TB, api kmskeys.API, key string) *kmskeys.Keeper {
	t.Helper()
	k, err := kmskeys.New(api, key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestContract(t *testing.T) {
	api := newKMS()
	keystest.Run(t, func(t testing.TB) keys.Keeper { return open(t, api, "key") })
}

var (
	where  = keys.Context{Tenant: "acme", Case: "018f2f6e-7c1a-7000-8000-000000000001", Purpose: "record"}
	secret = redact.NewBytes([]byte("canary of a secret"))
)

func TestClasses(t *testing.T) {
	api := newKMS()
	k := open(t, api, "key")
	wrapped, err := k.Wrap(t.Context(), where, secret)
	if err != nil {
		t.Fatal(err)
	}
	for code, class := range map[string]fault.Class{
		"DisabledException": fault.Misconfigured, "KMSInvalidStateException": fault.Misconfigured, "NotFoundException": fault.Misconfigured,
		"AccessDeniedException": fault.Misconfigured, "IncorrectKeyException": fault.Misconfigured, "InvalidKeyUsageException": fault.Misconfigured,
		"ThrottlingException": fault.Throttled, "LimitExceededException": fault.Throttled, "KeyUnavailableException": fault.Unavailable,
		"KMSInternalException": fault.Unavailable, "DependencyTimeoutException": fault.Unavailable, "InvalidCiphertextException": fault.Invalid,
	} {
		api.fail = refuse(code, true)
		_, err1 := k.Wrap(t.Context(), where, secret)
		got, err2 := k.Unwrap(t.Context(), where, wrapped)
		for call, err := range map[string]error{"Wrap": err1, "Unwrap": err2} {
			if !fault.Has(err, class) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s, %s: %v, want %s", call, code, err, class)
			}
		}
		if !got.IsZero() {
			t.Errorf("%s: something opens", code)
		}
	}
}

// TestAnotherKey: what another installation wrapped is no damage.
func TestAnotherKey(t *testing.T) {
	api := newKMS()
	wrapped, err := open(t, api, "key").Wrap(t.Context(), where, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, api, "other").Unwrap(t.Context(), where, wrapped); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("another key: %v, want misconfigured", err)
	}
	if _, err := kmskeys.New(api, ""); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("no key: %v, want misconfigured", err)
	}
}

// TestAsksOnlyWhatKMSCanAnswer: what cannot be right costs no request.
func TestAsksOnlyWhatKMSCanAnswer(t *testing.T) {
	api := newKMS()
	k := open(t, api, "key")
	wrapped, err := k.Wrap(t.Context(), where, secret)
	if err != nil {
		t.Fatal(err)
	}
	api.asked.Store(0)
	damaged := append([]byte(nil), wrapped...)
	damaged[len(damaged)-1] ^= 1
	for _, w := range [][]byte{nil, wrapped[:5], wrapped[:9], damaged, append([]byte{9}, wrapped[1:]...), make([]byte, 10_000)} {
		if _, err := k.Unwrap(t.Context(), where, w); !fault.Has(err, fault.Invalid) {
			t.Errorf("Unwrap of %d bytes: %v, want invalid", len(w), err)
		}
	}
	if _, err := k.Wrap(t.Context(), where, redact.NewBytes(make([]byte, 4097))); !fault.Has(err, fault.Invalid) {
		t.Errorf("Wrap of 4097 bytes: %v, want invalid", err)
	}
	if n := api.asked.Load(); n != 0 {
		t.Errorf("KMS was asked %d times", n)
	}
}
