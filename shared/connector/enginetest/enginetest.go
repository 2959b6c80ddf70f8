// Package enginetest is what tests of connectors and of their engine share: an object store in memory, case keys that live
// as long as the test, a clock that moves only when told, and an engine made of them.
package enginetest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"io"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Kit is an engine with everything it stands on.
type Kit struct {
	Engine *engine.Engine
	Store  *Store
	Keys   *Keys
	Clock  *Clock
}

// New returns a kit. change may alter the configuration before the engine is made.
func New(tb testing.TB, change func(*engine.Config)) *Kit {
	tb.Helper()
	k := &Kit{Store: NewStore(), Keys: NewKeys(tb), Clock: NewClock()}
	cfg := engine.Config{Blobs: k.Store, Now: k.Clock.Now, Sleep: k.Clock.Sleep}
	if change != nil {
		change(&cfg)
	}
	var err error
	if k.Engine, err = engine.New(cfg); err != nil {
		tb.Fatalf("making an engine: %v", err)
	}
	return k
}

// Parts returns a reader over parts that turns of the kit's engine wrote.
func (k *Kit) Parts(refs []engine.PartRef) *engine.Parts {
	return engine.NewParts(k.Store, k.Keys.OpenResults, refs)
}

// Keys are the keys of one case that is never stored: AES-256-GCM for documents, age X25519 for results.
type Keys struct {
	record  cipher.AEAD
	results *age.X25519Identity
}

// NewKeys returns fresh keys.
func NewKeys(tb testing.TB) *Keys {
	tb.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	block, err := aes.NewCipher(secret)
	if err != nil {
		tb.Fatalf("making a cipher: %v", err)
	}
	k := &Keys{}
	if k.record, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		tb.Fatalf("making a cipher: %v", err)
	}
	if k.results, err = age.GenerateX25519Identity(); err != nil {
		tb.Fatalf("making a results key: %v", err)
	}
	return k
}

// SealDoc implements engine.Keys.
func (k *Keys) SealDoc(label string, plain []byte) []byte {
	return k.record.Seal(nil, nil, plain, []byte(label))
}

// OpenDoc implements engine.Keys.
func (k *Keys) OpenDoc(label string, sealed []byte) (redact.Bytes, error) {
	plain, err := k.record.Open(nil, nil, sealed, []byte(label))
	if err != nil {
		return redact.Bytes{}, fault.New(fault.Internal, "the sealed document does not open")
	}
	return redact.NewBytes(plain), nil
}

// SealResults implements engine.Keys.
func (k *Keys) SealResults(w io.Writer) (io.WriteCloser, error) {
	return age.Encrypt(w, k.results.Recipient())
}

// OpenResults is an engine.Opener.
func (k *Keys) OpenResults(_ context.Context, r io.Reader) (io.Reader, error) {
	return age.Decrypt(r, k.results)
}

// Clock stands still until it is told to move; sleeping moves it. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
	// Slept is all the time that was slept.
	slept time.Duration
}

// NewClock returns a clock that shows 1 March 2027, 09:00 UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)} }

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Sleep moves the clock by d at once, unless ctx has ended.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept += d
	return nil
}

// Slept returns how long was slept in all.
func (c *Clock) Slept() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slept
}
