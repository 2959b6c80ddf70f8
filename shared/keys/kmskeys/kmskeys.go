// Package kmskeys wraps keys under a key of AWS KMS, which never leaves KMS. It is the keys.Keeper of an installation on AWS.
//
// One key serves all tenants; what binds a secret to its tenant, case and purpose is the encryption context, which KMS checks and
// which the policies of roles can ask for (condition kms:EncryptionContext:purpose). CloudTrail shows the context in the open: it
// holds ids and no personal data. A role that only wraps needs kms:Encrypt, one that unwraps kms:Decrypt.
//
// How often KMS is asked is decided by keys.Vault, which remembers what it unwrapped for as long as its process lives: two calls for
// a new case, one for every process that opens the case for the first time, three for every process that meets a tenant, and one for
// an assembly, a review and a download each. A case that some twenty processes touch costs about 25 calls, less than a hundredth of
// a cent. Data keys (GenerateDataKey) would save none of them: every case has keys of its own, and they are wrapped once.
package kmskeys

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const (
	version  = 1 // first byte of what Wrap returns
	sumBytes = 8 // of a SHA-256 of the ciphertext
	head     = 1 + sumBytes
	maxBlob  = 6144 // bytes of a ciphertext that KMS takes
)

// API is what the keeper uses of a KMS client. Retries and time-outs are the client's.
type API interface {
	Encrypt(ctx context.Context, in *kms.EncryptInput, o ...func(*kms.Options)) (*kms.EncryptOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput, o ...func(*kms.Options)) (*kms.DecryptOutput, error)
}

// Keeper wraps under one KMS key. Every Wrap and every Unwrap is one request. Safe for use by several goroutines.
type Keeper struct {
	api API
	key string
}

var _ keys.Keeper = (*Keeper)(nil)

// New returns a keeper under the symmetric key with that ARN, or that of its alias. That the key is there, enabled and allowed shows
// when it is used: fault.Misconfigured.
func New(api API, key string) (*Keeper, error) {
	if key == "" {
		return nil, fault.New(fault.Misconfigured, "no key of KMS is set")
	}
	return &Keeper{api, key}, nil
}

// Format implements fmt.Formatter: a mask under every verb.
func (Keeper) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// LogValue implements slog.LogValuer: a mask.
func (Keeper) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// Wrap implements keys.Keeper: a version byte, the beginning of a SHA-256 of what follows, and the ciphertext of KMS.
func (k *Keeper) Wrap(ctx context.Context, c keys.Context, secret redact.Bytes) ([]byte, error) {
	if n := len(secret.Reveal()); n == 0 || n > keys.MaxSecretBytes {
		return nil, fault.New(fault.Invalid, "a secret to wrap has 1 to 4096 bytes")
	}
	if err := check(ctx, c); err != nil {
		return nil, err
	}
	out, err := k.api.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.key, Plaintext: secret.Reveal(), EncryptionContext: encryptionContext(c)})
	if err != nil {
		return nil, awsfault.Wrap(err, "wrapping a secret")
	}
	if len(out.CiphertextBlob) == 0 {
		return nil, fault.New(fault.Unavailable, "wrapping a secret: KMS answered nothing")
	}
	return append(append([]byte{version}, sum(out.CiphertextBlob)...), out.CiphertextBlob...), nil
}

// Unwrap implements keys.Keeper. What was wrapped under another key of KMS is fault.Misconfigured.
//
// KMS tells a ciphertext that was damaged from one of another key only by luck of the byte, because a ciphertext names its key; the
// sum tells them apart. It protects against accidents; against forgery KMS does.
func (k *Keeper) Unwrap(ctx context.Context, c keys.Context, wrapped []byte) (redact.Bytes, error) {
	if err := check(ctx, c); err != nil {
		return redact.Bytes{}, err
	}
	if len(wrapped) <= head || len(wrapped) > head+maxBlob || wrapped[0] != version {
		return redact.Bytes{}, fault.New(fault.Invalid, "the wrapped secret has an unknown form")
	}
	blob := wrapped[head:]
	if !bytes.Equal(wrapped[1:head], sum(blob)) {
		return redact.Bytes{}, fault.New(fault.Invalid, "the wrapped secret was changed")
	}
	out, err := k.api.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.key, CiphertextBlob: blob, EncryptionContext: encryptionContext(c)})
	if err != nil {
		return redact.Bytes{}, awsfault.Wrap(err, "unwrapping a secret")
	}
	if len(out.Plaintext) == 0 {
		return redact.Bytes{}, fault.New(fault.Unavailable, "unwrapping a secret: KMS answered nothing")
	}
	return redact.NewBytes(out.Plaintext), nil
}

func check(ctx context.Context, c keys.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "asking KMS")
	}
	return c.Check()
}

// encryptionContext is what KMS binds the ciphertext to: tenant, purpose and, unless it is a key of the whole tenant, case. An empty
// case is left out, because KMS takes no empty value; no other context reads alike.
func encryptionContext(c keys.Context) map[string]string {
	out := map[string]string{"tenant": c.Tenant, "purpose": c.Purpose}
	if c.Case != "" {
		out["case"] = c.Case
	}
	return out
}

func sum(blob []byte) []byte {
	s := sha256.Sum256(blob)
	return s[:sumBytes]
}
