package evidence

import (
	"archive/zip"
	"context"
	"crypto/ed25519"
	_ "embed" // the schema of bundle.json
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Names inside a bundle. Entries of a chain lie in entries/<chain>.jsonl, one per line.
const (
	fileBundle     = "bundle.json"
	fileCheckpoint = "checkpoint"
	fileKey        = "key.pub"
	entriesPrefix  = "entries/"
	entriesSuffix  = ".jsonl"
)

//go:embed schema/bundle.schema.json
var bundleSchema string

// BundleSchema returns the JSON Schema (draft 2020-12) of bundle.json.
func BundleSchema() []byte { return []byte(bundleSchema) }

// Signer signs in the name of a tenant; keys.TenantKeys is one.
type Signer interface {
	Sign(msg []byte) []byte // ed25519 (RFC 8032)
	Public() ed25519.PublicKey
}

// BundleInput is what a bundle is made of. Entries come in the order of Read. Heads are the heads that the case's record
// holds, by chain: the entries must end there, so that a ledger whose tail was cut off is never signed. A chain not named
// in Heads is taken as it is found. Receipt, when there is one, is that of the same case, and its head is one of the case's
// chain.
type BundleInput struct {
	Tenant, Case, Reference string
	ExportedAt              time.Time
	Entries                 iter.Seq2[Entry, error]
	Heads                   map[string]Head
	Signer                  Signer
	Receipt                 *Receipt
}

// bundle is bundle.json.
type bundle struct {
	SchemaVersion int         `json:"schemaVersion"`
	Tenant        string      `json:"tenant"`
	Case          string      `json:"case"`
	Reference     string      `json:"reference"`
	ExportedAt    time.Time   `json:"exportedAt"`
	KeyName       string      `json:"keyName"`
	Heads         []chainHead `json:"heads"` // in order of chain
	Counts        counts      `json:"counts"`
	Files         []fileHash  `json:"files,omitempty"` // besides entries, checkpoint and key, in order of name
}

type fileHash struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

type chainHead struct {
	Chain string `json:"chain"`
	Head
}

type counts struct {
	Chains   int   `json:"chains"`
	Entries  int64 `json:"entries"`
	Unsealed int64 `json:"unsealed"` // entries that the receipt does not cover: all of them when there is none
}

// PublicKey returns a tenant's evidence key in the form that key.pub and VerifyOptions.Key have: that of signed notes,
// "<name>+<hash>+<key>". The name is "habeas/<tenant>".
func PublicKey(tenant string, public ed25519.PublicKey) (string, error) {
	if !isName(tenant) {
		return "", fault.New(fault.Invalid, "this names no tenant")
	}
	key, err := note.NewEd25519VerifierKey(keyName(tenant), public)
	if err != nil {
		return "", fault.New(fault.Invalid, "this is no ed25519 public key")
	}
	return key, nil
}

const keyPrefix = "habeas/"

func keyName(tenant string) string { return keyPrefix + tenant }

// WriteBundle writes the bundle of a case as a zip to w, streaming. Entries that do not form whole chains, or do not end at
// the given heads, are fault.Internal: the ledger is damaged, and a signature would vouch for it. What was written to w
// before an error is no bundle.
func WriteBundle(ctx context.Context, w io.Writer, in BundleInput) error {
	key, err := PublicKey(in.Tenant, in.Signer.Public())
	if err != nil {
		return fmt.Errorf("naming evidence key: %w", err)
	}
	if !isName(in.Case) || in.ExportedAt.IsZero() || len(in.Reference) > 64 {
		return fault.New(fault.Invalid, "a bundle names a case, a reference of at most 64 bytes and the time of its export")
	}
	receipt, err := receiptFiles(in, key)
	if err != nil {
		return err
	}
	zw := zip.NewWriter(w)
	heads, sealed, err := writeEntries(ctx, zw, in)
	if err != nil {
		return err
	}
	b := bundle{
		SchemaVersion: 1, Tenant: in.Tenant, Case: in.Case, Reference: in.Reference, KeyName: keyName(in.Tenant),
		ExportedAt: in.ExportedAt.UTC().Truncate(time.Millisecond), Heads: heads, Counts: count(heads, sealed),
	}
	for _, f := range receipt {
		b.Files = append(b.Files, fileHash{f.name, hash([]byte(f.text))})
	}
	raw, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing bundle.json")
	}
	raw = append(raw, '\n')
	checkpoint, err := sign(checkpointText(raw, heads), key, in.Signer)
	if err != nil {
		return err
	}
	for _, f := range append([]file{{fileBundle, string(raw)}, {fileCheckpoint, checkpoint}, {fileKey, key + "\n"}}, receipt...) {
		member, err := create(zw, f.name, b.ExportedAt)
		if err == nil {
			_, err = io.WriteString(member, f.text)
		}
		if err != nil {
			return fmt.Errorf("writing bundle: %w", err)
		}
	}
	if err := zw.Close(); err != nil {
		return fmt.Errorf("finishing bundle: %w", err)
	}
	return nil
}

// file is a member of a bundle that is written whole.
type file struct{ name, text string }

// writeEntries writes one file per chain and returns where the chains end, and how far the receipt covers each.
func writeEntries(ctx context.Context, zw *zip.Writer, in BundleInput) ([]chainHead, coverage, error) {
	damaged := fault.New(fault.Internal, "the evidence of the case is damaged and was not signed")
	heads, sealed := []chainHead{}, newCoverage(in.Receipt)
	var member io.Writer
	for e, err := range in.Entries {
		if err = firstError(err, ctx.Err()); err != nil {
			return nil, sealed, fmt.Errorf("reading evidence: %w", err)
		}
		if len(heads) == 0 || heads[len(heads)-1].Chain != e.Chain {
			if len(heads) > 0 && heads[len(heads)-1].Chain >= e.Chain {
				return nil, sealed, fault.Wrap(fault.Internal, damaged, "ordering chains")
			}
			heads = append(heads, chainHead{Chain: e.Chain})
			if member, err = create(zw, entriesPrefix+e.Chain+entriesSuffix, in.ExportedAt); err != nil {
				return nil, sealed, fmt.Errorf("writing bundle: %w", err)
			}
		}
		last := &heads[len(heads)-1]
		line, err := e.encode()
		if err != nil || e.Tenant != in.Tenant || e.Case != in.Case || !follows(e, last.Head) {
			return nil, sealed, fault.Wrap(fault.Internal, damaged, "linking entries")
		}
		if _, err := member.Write(append(line, '\n')); err != nil {
			return nil, sealed, fmt.Errorf("writing bundle: %w", err)
		}
		last.Head = Head{Seq: e.Seq, Hash: e.Hash}
		sealed.see(e)
	}
	for chain, want := range in.Heads {
		i := slices.IndexFunc(heads, func(h chainHead) bool { return h.Chain == chain })
		if (i < 0 && want != Head{}) || (i >= 0 && heads[i].Head != want) {
			return nil, sealed, fault.Wrap(fault.Internal, damaged, "comparing heads")
		}
	}
	if !sealed.onChain {
		return nil, sealed, fault.Wrap(fault.Internal, damaged, "finding the sealed head")
	}
	return heads, sealed, nil
}

// follows reports whether e is the entry after h, unchanged since it was written.
func follows(e Entry, h Head) bool {
	prev := h.Hash
	if h.Seq == 0 {
		prev = origin(e.Tenant, e.Case, e.Chain)
	}
	digest, err := e.digest()
	return err == nil && e.check() == nil && e.Seq == h.Seq+1 && e.Prev == prev && e.Hash == digest
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func create(zw *zip.Writer, name string, at time.Time) (io.Writer, error) {
	return zw.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.UTC()})
}

func count(heads []chainHead, sealed coverage) counts {
	c := counts{Chains: len(heads)}
	for _, h := range heads {
		c.Entries += h.Seq
		c.Unsealed += h.Seq - min(h.Seq, sealed.upTo[h.Chain])
	}
	return c
}

// checkpointText is what the checkpoint signs: the hash of bundle.json, then a line per chain with number and hash of its
// last entry.
func checkpointText(bundleJSON []byte, heads []chainHead) string {
	var b strings.Builder
	fmt.Fprintf(&b, "habeas evidence bundle v1\n%s %s\n", fileBundle, hash(bundleJSON))
	for _, h := range heads {
		fmt.Fprintf(&b, "%s %d %s\n", h.Chain, h.Seq, h.Hash)
	}
	return b.String()
}

// sign returns the text as a signed note (C2SP signed-note).
func sign(text, key string, s Signer) (string, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "reading evidence key")
	}
	signed, err := note.Sign(&note.Note{Text: text}, noteSigner{verifier, s})
	return string(signed), fault.Wrap(fault.Internal, err, "signing checkpoint")
}

// noteSigner makes a note.Signer of a Signer; name and hash are those of the verifier.
type noteSigner struct {
	note.Verifier
	signer Signer
}

// Sign implements note.Signer.
func (s noteSigner) Sign(msg []byte) ([]byte, error) { return s.signer.Sign(msg), nil }
