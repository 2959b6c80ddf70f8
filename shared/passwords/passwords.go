// Package passwords keeps passwords of staff as argon2id hashes in PHC strings ("$argon2id$v=19$m=19456,t=2,p=1$salt$hash"),
// with the parameters that OWASP recommends at the least: 19 MiB, 2 passes, 1 lane. It stores nothing and knows no account.
package passwords

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Bounds of a new password in bytes (NIST SP 800-63B-4, 3.1.1.2: 15 characters where nothing else protects the account, and
// room for at least 64).
const (
	MinBytes = 15
	MaxBytes = 256
)

// The parameters of new hashes.
const (
	memoryKiB = 19 << 10
	passes    = 2
	lanes     = 1
	saltBytes = 16
	hashBytes = 32
)

// What a stored hash may ask for at the most: a spoiled record must not take the memory of the process.
const (
	maxMemoryKiB = 64 << 10
	maxPasses    = 10
	maxLanes     = 4
)

// Hasher makes and checks hashes, a few at a time: each takes 19 MiB while it runs. Safe for use by several goroutines.
type Hasher struct{ slots chan struct{} }

// New returns a hasher that works on at most parallel passwords at once.
func New(parallel int) *Hasher { return &Hasher{make(chan struct{}, max(1, parallel))} }

// Generate returns a random password of 120 bits, for accounts that somebody else sets up.
func Generate() redact.Text {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return redact.NewText(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Hash returns the PHC string of a new password; fault.Invalid when it is too short or too long.
func (h *Hasher) Hash(ctx context.Context, password redact.Text) (string, error) {
	p := clean(password)
	if len(p) < MinBytes || len(p) > MaxBytes {
		return "", fault.InvalidField("/password", fmt.Sprintf("a password has %d to %d characters", MinBytes, MaxBytes))
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	var out string
	err := h.work(ctx, func() {
		sum := argon2.IDKey(p, salt, passes, memoryKiB, lanes, hashBytes)
		out = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
			base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
	})
	return out, err
}

// Fits reports whether the password is the one behind the PHC string, in constant time. An empty string, for an account that
// does not exist or has no password, costs the same work and never fits. A string that is no hash of ours is
// fault.Misconfigured.
func (h *Hasher) Fits(ctx context.Context, phc string, password redact.Text) (bool, error) {
	want := params{memoryKiB, passes, lanes, make([]byte, saltBytes), make([]byte, hashBytes)}
	if phc != "" {
		var err error
		if want, err = parse(phc); err != nil {
			return false, err
		}
	}
	p := clean(password)
	fits := len(p) <= MaxBytes && phc != ""
	if len(p) > MaxBytes {
		p = p[:MaxBytes]
	}
	err := h.work(ctx, func() {
		sum := argon2.IDKey(p, want.salt, want.passes, want.memory, want.lanes, uint32(len(want.hash)))
		fits = subtle.ConstantTimeCompare(sum, want.hash) == 1 && fits
	})
	return fits && err == nil, err
}

func (h *Hasher) work(ctx context.Context, do func()) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting to check a password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	do()
	return nil
}

// clean makes the same characters the same bytes, however a keyboard composed them (NIST SP 800-63B-4: NFC or NFKC).
func clean(password redact.Text) []byte { return norm.NFKC.Bytes([]byte(password.Reveal())) }

type params struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func parse(phc string) (params, error) {
	bad := fault.New(fault.Misconfigured, "a stored password hash is not of the form this version writes")
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return params{}, bad
	}
	numbers := map[string]uint64{}
	for kv := range strings.SplitSeq(part[3], ",") {
		name, value, _ := strings.Cut(kv, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || n == 0 {
			return params{}, bad
		}
		numbers[name] = n
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil || len(salt) < 8 || len(salt) > 64 {
		return params{}, bad
	}
	sum, err := base64.RawStdEncoding.DecodeString(part[5])
	if err != nil || len(sum) < 16 || len(sum) > 64 {
		return params{}, bad
	}
	m, t, p := numbers["m"], numbers["t"], numbers["p"]
	if len(numbers) != 3 || m == 0 || t == 0 || p == 0 || m > maxMemoryKiB || t > maxPasses || p > maxLanes {
		return params{}, bad
	}
	return params{uint32(m), uint32(t), uint8(p), salt, sum}, nil
}
