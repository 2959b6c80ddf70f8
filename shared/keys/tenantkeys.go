package keys

import (
	"context"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// TenantKeys holds the keys of one tenant and is safe for use by several goroutines: the index key behind keyed rows, the key that
// signs evidence, and the key behind one-time codes and tokens. It never prints: every fmt verb and slog show a mask, JSON
// fails.
type TenantKeys struct {
	tenant       string
	index        []byte
	indexVersion int
	sign         ed25519.PrivateKey
	mac          []byte
}

// tenantRow is the body of a tenant's KEYS row in table registry. Index holds every version that keyed rows may still be
// under, the current one last.
type tenantRow struct {
	SchemaVersion int            `json:"schemaVersion"`
	Index         []indexVersion `json:"index"`
	Evidence      []byte         `json:"evidence"`
	Session       []byte         `json:"session"`
}

type indexVersion struct {
	Version int    `json:"version"`
	Key     []byte `json:"key"`
}

// newTenantRow makes fresh keys, wrapped.
func newTenantRow(ctx context.Context, keeper Keeper, tenant string) ([]byte, error) {
	wrap := func(purpose string) ([]byte, error) {
		secret := make([]byte, keyBytes)
		_, _ = rand.Read(secret) // never fails (crypto/rand)
		wrapped, err := keeper.Wrap(ctx, Context{Tenant: tenant, Purpose: purpose}, redact.NewBytes(secret))
		if err != nil {
			return nil, fmt.Errorf("wrapping tenant key: %w", err)
		}
		return wrapped, nil
	}
	row := tenantRow{SchemaVersion: 1, Index: []indexVersion{{Version: 1}}}
	var err error
	if row.Index[0].Key, err = wrap("index"); err != nil {
		return nil, err
	}
	if row.Evidence, err = wrap("evidence"); err != nil {
		return nil, err
	}
	if row.Session, err = wrap("session"); err != nil {
		return nil, err
	}
	body, err := json.Marshal(row)
	return body, fault.Wrap(fault.Internal, err, "writing tenant keys")
}

// readTenantKeys unwraps a stored row.
func readTenantKeys(ctx context.Context, keeper Keeper, tenant string, body []byte) (*TenantKeys, error) {
	var row tenantRow
	if err := json.Unmarshal(body, &row); err != nil || row.SchemaVersion != 1 || len(row.Index) == 0 {
		return nil, fault.New(fault.Internal, "the stored tenant keys are not readable")
	}
	current := row.Index[len(row.Index)-1]
	wrapped := [...]struct {
		purpose string
		secret  []byte
	}{{"index", current.Key}, {"evidence", row.Evidence}, {"session", row.Session}}
	var secrets [len(wrapped)][]byte
	var errs [len(wrapped)]error
	// At once, because a process that starts on AWS waits for each answer of KMS.
	var wg sync.WaitGroup
	for i, w := range wrapped {
		wg.Go(func() {
			secrets[i], errs[i] = unwrapOwn(ctx, keeper, Context{Tenant: tenant, Purpose: w.purpose}, w.secret)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		if len(secrets[i]) != keyBytes {
			return nil, fault.New(fault.Internal, "a stored tenant key has the wrong length")
		}
	}
	return &TenantKeys{
		tenant: tenant, indexVersion: current.Version, index: secrets[0], sign: ed25519.NewKeyFromSeed(secrets[1]), mac: secrets[2],
	}, nil
}

// Ref returns the keyed pseudonym of an identifier: the hex of HMAC-SHA256 over its kind and normalised value under the
// tenant's current index key. Equal for identifiers that are Same, different for every tenant and index version.
func (k *TenantKeys) Ref(id subject.Identifier) subject.Ref {
	n := id.Normalise()
	return subject.Ref(hex.EncodeToString(keyed(k.index, "habeas/keys/index/v1", k.tenant, string(n.Kind), n.Value.Reveal())))
}

// IndexVersion returns the version of the index key that Ref uses, from 1. Rows keyed by a Ref record it.
func (k *TenantKeys) IndexVersion() int { return k.indexVersion }

// Sign signs msg with the tenant's evidence key (ed25519, RFC 8032).
func (k *TenantKeys) Sign(msg []byte) []byte { return ed25519.Sign(k.sign, msg) }

// Public returns the public half of the evidence key.
func (k *TenantKeys) Public() ed25519.PublicKey { return k.sign.Public().(ed25519.PublicKey) }

// MAC returns HMAC-SHA256 (32 bytes) of data under the tenant's session key, separated by purpose ("code", "link",
// "session"): what is stored in place of a one-time code or a token. Compare with hmac.Equal.
func (k *TenantKeys) MAC(purpose string, data []byte) []byte {
	return keyed(k.mac, "habeas/keys/mac/v1", k.tenant, purpose, string(data))
}

func keyed(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(Binding(parts...)) // never fails (hash.Hash)
	return h.Sum(nil)
}

// Format implements fmt.Formatter: a mask under every verb.
func (TenantKeys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// LogValue implements slog.LogValuer: a mask.
func (TenantKeys) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// MarshalJSON always fails with redact.ErrMarshal.
func (TenantKeys) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }

// SealDoc seals a small document of the tenant that belongs to no case (whom a legal hold is about), bound to label. Its key is
// derived from the session key of the tenant and lives as long as that.
func (k *TenantKeys) SealDoc(label string, plain []byte) ([]byte, error) {
	aead, err := k.documents()
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte{sealVersion}, nil, plain, Binding("habeas/keys/document/v1", k.tenant, label)), nil
}

// OpenDoc opens what SealDoc sealed under the same tenant and label; anything else is fault.Internal.
func (k *TenantKeys) OpenDoc(label string, sealed []byte) (redact.Bytes, error) {
	aead, err := k.documents()
	if err != nil {
		return redact.Bytes{}, err
	}
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return redact.Bytes{}, fault.New(fault.Internal, "the sealed document has an unknown form")
	}
	plain, err := aead.Open(nil, nil, sealed[1:], Binding("habeas/keys/document/v1", k.tenant, label))
	if err != nil {
		return redact.Bytes{}, fault.New(fault.Internal, "the sealed document does not open: changed, or sealed for something else")
	}
	return redact.NewBytes(plain), nil
}

func (k *TenantKeys) documents() (cipher.AEAD, error) {
	return NewAEAD(keyed(k.mac, "habeas/keys/documents/v1", k.tenant))
}
