package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Sizes of what is sealed here, in bytes.
const (
	keyBytes       = 32      // AES-256, HMAC-SHA256 and ed25519 seeds alike
	MaxSecretBytes = 4 << 10 // what a Keeper wraps; KMS encrypts no more at a time
	sealVersion    = 1       // first byte of a sealed document
	recordStanza   = "habeas-record-v1"
)

// Binding returns the canonical encoding of parts: each preceded by its length as 8 bytes, big endian. Two different lists
// never encode alike, so ("ab", "c") cannot pass for ("a", "bc"). Keepers bind a Context with it.
func Binding(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint64(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

// Binding returns the canonical encoding of the context, for use as additional authenticated data.
func (c Context) Binding() []byte {
	return Binding("habeas/keys/context/v1", c.Tenant, c.Case, c.Purpose)
}

// Check returns fault.Invalid unless the context names a tenant and a purpose.
func (c Context) Check() error {
	if c.Tenant == "" || c.Purpose == "" {
		return fault.New(fault.Invalid, "a key context needs a tenant and a purpose")
	}
	return nil
}

// NewAEAD returns AES-256-GCM under a key of 32 bytes; nonces are random and travel in front of the ciphertext, so one key
// is good for 2^32 seals (NIST SP 800-38D, 8.3).
func NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keyBytes {
		return nil, fault.New(fault.Internal, "an AES-256 key has 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing cipher")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, fault.Wrap(fault.Internal, err, "preparing cipher")
}

// recordKey is the record key as an age recipient and identity: the stream's file key is sealed under the record key
// itself, bound to tenant, case and label. No public-key operation is needed by somebody who has the record key anyway.
type recordKey struct {
	aead    cipher.AEAD
	binding []byte
}

// Wrap implements age.Recipient.
func (k recordKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: recordStanza, Body: k.aead.Seal(nil, nil, fileKey, k.binding)}}, nil
}

// Unwrap implements age.Identity.
func (k recordKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != recordStanza {
		return nil, age.ErrIncorrectIdentity
	}
	fileKey, err := k.aead.Open(nil, nil, stanzas[0].Body, k.binding)
	if err != nil {
		return nil, age.ErrIncorrectIdentity
	}
	return fileKey, nil
}

// openAge decrypts r. The texts of age quote what they could not parse, so they are dropped: an object that was not sealed
// would show in them. An error of r itself comes through as it is.
func openAge(r io.Reader, id age.Identity) (io.Reader, error) {
	src := &source{r: r}
	plain, err := age.Decrypt(src, id)
	if err != nil {
		return nil, src.explain()
	}
	return &opened{plain: plain, src: src}, nil
}

var errStream = fault.New(fault.Internal, "the sealed stream does not open: changed, cut off, or sealed for something else")

// source remembers why its reader failed.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) explain() error {
	if s.err != nil {
		return s.err
	}
	return errStream
}

type opened struct {
	plain io.Reader
	src   *source
}

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.plain.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader: the end is io.EOF itself
		err = o.src.explain()
	}
	return n, err
}
