package keys

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"filippo.io/age"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// CaseKeys holds the keys of one case and is safe for use by several goroutines: the record key and the public half of the
// results key in the open; the private half stays wrapped until OpenResults. It never prints: every fmt verb and slog show a
// mask, JSON fails.
type CaseKeys struct {
	tenant, caseID string
	record         cipher.AEAD
	recipient      *age.X25519Recipient
	results        []byte // the private half, wrapped
	keeper         Keeper
}

// caseRow is the body of a casekeys row. Record wraps the record key followed by the public half, so that nobody who can
// write to the table can slip in a public half of his own.
type caseRow struct {
	SchemaVersion int    `json:"schemaVersion"`
	Record        []byte `json:"record"`
	Results       []byte `json:"results"`
}

// newCaseKeys makes fresh keys and the body of their row.
func newCaseKeys(ctx context.Context, keeper Keeper, tenant, caseID string) (*CaseKeys, []byte, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, err, "generating results key")
	}
	secret := make([]byte, keyBytes, keyBytes+64)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	secret = append(secret, identity.Recipient().String()...)
	row := caseRow{SchemaVersion: 1}
	if row.Record, err = keeper.Wrap(ctx, Context{tenant, caseID, "record"}, redact.NewBytes(secret)); err != nil {
		return nil, nil, fmt.Errorf("wrapping record key: %w", err)
	}
	if row.Results, err = keeper.Wrap(ctx, Context{tenant, caseID, "results"}, redact.NewBytes([]byte(identity.String()))); err != nil {
		return nil, nil, fmt.Errorf("wrapping results key: %w", err)
	}
	body, err := json.Marshal(row)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, err, "writing case keys")
	}
	k, err := buildCaseKeys(keeper, tenant, caseID, secret, row.Results)
	return k, body, err
}

// readCaseKeys unwraps a stored row.
func readCaseKeys(ctx context.Context, keeper Keeper, tenant, caseID string, body []byte) (*CaseKeys, error) {
	var row caseRow
	if err := json.Unmarshal(body, &row); err != nil || row.SchemaVersion != 1 {
		return nil, fault.New(fault.Internal, "the stored case keys are not readable")
	}
	secret, err := unwrapOwn(ctx, keeper, Context{tenant, caseID, "record"}, row.Record)
	if err != nil {
		return nil, err
	}
	return buildCaseKeys(keeper, tenant, caseID, secret, row.Results)
}

func buildCaseKeys(keeper Keeper, tenant, caseID string, secret, results []byte) (*CaseKeys, error) {
	if len(secret) <= keyBytes {
		return nil, fault.New(fault.Internal, "the stored record key is too short")
	}
	aead, err := NewAEAD(secret[:keyBytes])
	if err != nil {
		return nil, err
	}
	recipient, err := age.ParseX25519Recipient(string(secret[keyBytes:]))
	if err != nil {
		// The text of age quotes the input, part of a secret.
		return nil, fault.New(fault.Internal, "the stored results key is not readable")
	}
	return &CaseKeys{tenant, caseID, aead, recipient, results, keeper}, nil
}

// unwrapOwn unwraps what this installation wrapped. That it does not open is a matter of configuration: another master key,
// or a row from another installation.
func unwrapOwn(ctx context.Context, keeper Keeper, c Context, wrapped []byte) ([]byte, error) {
	secret, err := keeper.Unwrap(ctx, c, wrapped)
	if fault.Has(err, fault.Invalid) {
		return nil, fault.Wrap(fault.Misconfigured, err, "unwrapping stored keys with the key of this installation")
	}
	if err != nil {
		return nil, fmt.Errorf("unwrapping stored keys: %w", err)
	}
	return secret.Reveal(), nil
}

// SealDoc seals a small document under the record key, bound to tenant, case and label (the place where it is stored, such
// as "case/person" or "task/<taskId>/identifiers"): moved to another place it does not open. Sealing the same document twice
// gives different bytes, 29 more than plain has.
func (k *CaseKeys) SealDoc(label string, plain []byte) []byte {
	return k.record.Seal([]byte{sealVersion}, nil, plain, k.binding("document", label))
}

// OpenDoc opens what SealDoc sealed under the same tenant, case and label; anything else is fault.Internal, because sealed
// documents come out of our own store.
func (k *CaseKeys) OpenDoc(label string, sealed []byte) (redact.Bytes, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return redact.Bytes{}, fault.New(fault.Internal, "the sealed document has an unknown form")
	}
	plain, err := k.record.Open(nil, nil, sealed[1:], k.binding("document", label))
	if err != nil {
		return redact.Bytes{}, fault.New(fault.Internal, "the sealed document does not open: changed, or sealed for something else")
	}
	return redact.NewBytes(plain), nil
}

// SealStream returns a writer that seals everything written to it into w under the record key, bound to tenant, case and
// label. Close writes the end and must be called; w itself stays open. Memory is bounded (64 KiB chunks, age v1).
func (k *CaseKeys) SealStream(w io.Writer, label string) (io.WriteCloser, error) {
	sealed, err := age.Encrypt(w, recordKey{k.record, k.binding("stream", label)})
	if err != nil {
		return nil, fmt.Errorf("starting sealed stream: %w", err)
	}
	return sealed, nil
}

// OpenStream reads what SealStream wrote under the same tenant, case and label. A changed or cut-off stream gives
// fault.Internal, here or while reading; what was read before is genuine, but only io.EOF says that it was everything.
func (k *CaseKeys) OpenStream(r io.Reader, label string) (io.Reader, error) {
	return openAge(r, recordKey{k.record, k.binding("stream", label)})
}

// SealResults returns a writer that seals everything written to it into w with the public half of the results key. Close
// writes the end and must be called; w itself stays open.
func (k *CaseKeys) SealResults(w io.Writer) (io.WriteCloser, error) {
	sealed, err := age.Encrypt(w, k.recipient)
	if err != nil {
		return nil, fmt.Errorf("starting sealed results: %w", err)
	}
	return sealed, nil
}

// OpenResults reads what SealResults wrote. Each call unwraps the private half, which on AWS only assembly, review and
// delivery may do. Errors are those of OpenStream and of Keeper.Unwrap.
func (k *CaseKeys) OpenResults(ctx context.Context, r io.Reader) (io.Reader, error) {
	return k.ResultsOpener()(ctx, r)
}

// ResultsOpener returns an OpenResults for many objects of one piece of work: it unwraps the private half when it is first used,
// and remembers it as long as the opener lives. Safe for use by several goroutines.
func (k *CaseKeys) ResultsOpener() func(ctx context.Context, r io.Reader) (io.Reader, error) {
	var mu sync.Mutex
	var held *age.X25519Identity
	unwrapped := func(ctx context.Context) (*age.X25519Identity, error) {
		mu.Lock()
		defer mu.Unlock()
		if held != nil {
			return held, nil
		}
		secret, err := unwrapOwn(ctx, k.keeper, Context{k.tenant, k.caseID, "results"}, k.results)
		if err != nil {
			return nil, err
		}
		if held, err = age.ParseX25519Identity(string(secret)); err != nil {
			return nil, fault.New(fault.Internal, "the stored results key is not readable")
		}
		return held, nil
	}
	return func(ctx context.Context, r io.Reader) (io.Reader, error) {
		identity, err := unwrapped(ctx)
		if err != nil {
			return nil, err
		}
		return openAge(r, identity)
	}
}

func (k *CaseKeys) binding(use, label string) []byte {
	return Binding("habeas/keys/"+use+"/v1", k.tenant, k.caseID, label)
}

// Format implements fmt.Formatter: a mask under every verb.
func (CaseKeys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// LogValue implements slog.LogValuer: a mask.
func (CaseKeys) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// MarshalJSON always fails with redact.ErrMarshal.
func (CaseKeys) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }
