package verification

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Rules are the settings of verification.
type Rules struct {
	CodeLife    time.Duration // a code and its link are good for so long
	Tries       int           // wrong codes that a challenge survives, less one
	SessionLife time.Duration // from the moment of verification; it is not prolonged by use
	Freshness   time.Duration // a step that hands out data asks for a verification younger than this
}

// DefaultRules returns the settings of an installation that sets none: 30 minutes, 5 tries, sessions of 30 minutes, 15
// minutes of freshness.
func DefaultRules() Rules {
	return Rules{CodeLife: 30 * time.Minute, Tries: 5, SessionLife: 30 * time.Minute, Freshness: 15 * time.Minute}
}

// Check returns fault.Misconfigured when a setting makes verification useless.
func (r Rules) Check() error {
	if r.CodeLife <= 0 || r.CodeLife > 24*time.Hour || r.Tries < 1 || r.Tries > 10 || r.SessionLife <= 0 || r.SessionLife > 24*time.Hour || r.Freshness <= 0 || r.Freshness > r.SessionLife {
		return fault.New(fault.Misconfigured, "verification: want code and session lives up to 24 hours, 1 to 10 tries, and freshness within a session")
	}
	return nil
}

// SessionAlive reports whether a session verified at verifiedAt still lasts.
func (r Rules) SessionAlive(verifiedAt, now time.Time) bool {
	return within(verifiedAt, now, r.SessionLife)
}

// SessionEnds returns when a session verified at verifiedAt ends.
func (r Rules) SessionEnds(verifiedAt time.Time) time.Time { return verifiedAt.Add(r.SessionLife) }

// Fresh reports whether a session verified at verifiedAt may still take a step that hands out data.
func (r Rules) Fresh(verifiedAt, now time.Time) bool {
	return r.SessionAlive(verifiedAt, now) && within(verifiedAt, now, r.Freshness)
}

// within treats a verification in the future as none: clocks differ, proofs do not run ahead.
func within(from, now time.Time, d time.Duration) bool {
	return !from.IsZero() && !now.Before(from) && now.Sub(from) < d
}

// MAC is a keyed hash under a key of the tenant (HMAC-SHA-256 or stronger). It must be a pure function of the message.
type MAC func(message []byte) []byte

// Challenge is one code and link that a person was sent, as it is kept: it can tell a right answer from a wrong one and
// cannot be answered from. It marshals to JSON. The zero value is no challenge and accepts nothing.
type Challenge struct {
	ID        string    `json:"id"`   // 128 random bits; every hash is bound to it, so none fits another challenge
	Code      string    `json:"code"` // hexadecimal MAC
	Link      string    `json:"link"` // hexadecimal MAC
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	TriesLeft int       `json:"triesLeft"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
}

// Secret is what the person gets. It does not print or marshal.
type Secret struct {
	Code redact.Text // 8 decimal digits
	Link redact.Text // 26 letters and digits of base32, at least 128 bits
}

// Issue returns a fresh challenge and its secret. bound names what the challenge is for (tenant, case and purpose, nothing
// personal): an answer is accepted only with the same words. A challenge issued before for the same thing must be replaced,
// so that only the last code is good.
func Issue(now time.Time, mac MAC, bound string, r Rules) (Challenge, Secret) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		panic(err) // rand.Reader never fails (crypto/rand)
	}
	secret := Secret{Code: redact.NewText(fmt.Sprintf("%08d", n)), Link: redact.NewText(rand.Text())}
	c := Challenge{ID: rand.Text(), IssuedAt: now, ExpiresAt: now.Add(r.CodeLife), TriesLeft: r.Tries}
	c.Code = c.hash(mac, bound, "code", secret.Code.Reveal())
	c.Link = c.hash(mac, bound, "link", secret.Link.Reveal())
	return c, secret
}

// Outcome is what became of an attempt. Wire values. The zero value is invalid.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted"
	Wrong    Outcome = "wrong"   // tries are left
	Locked   Outcome = "locked"  // this was the last try, or there was none left: only a new code helps
	Expired  Outcome = "expired" // too old, or there is no challenge
	Used     Outcome = "used"    // it was accepted before
)

// Result is the outcome of an attempt with the tries that are left.
type Result struct {
	Outcome    Outcome `json:"outcome"`
	Left       int     `json:"left"`
	JustLocked bool    `json:"justLocked,omitempty"` // this attempt locked it: the person is told by a letter, once
}

// Attempt tries a code as a person typed it (spaces and hyphens do not matter). The caller stores next in place of c, on
// condition that nobody stored another one meanwhile, before it acts on the result: that is what makes a code good once and
// five tries five. The work is the same whatever the state and the code.
func (c Challenge) Attempt(now time.Time, mac MAC, bound, code string) (next Challenge, r Result) {
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
	right := c.matches(mac, bound, "code", code, c.Code)
	if state := c.state(now); state != "" {
		return c, Result{Outcome: state, Left: c.TriesLeft}
	}
	if right {
		c.UsedAt = now
		return c, Result{Outcome: Accepted, Left: c.TriesLeft}
	}
	c.TriesLeft--
	if c.TriesLeft == 0 {
		return c, Result{Outcome: Locked, JustLocked: true}
	}
	return c, Result{Outcome: Wrong, Left: c.TriesLeft}
}

// Follow tries the secret of the link, after the person confirmed on the page behind it. A wrong secret takes no try: it
// cannot be guessed, and a stranger must not be able to lock somebody out. The caller stores next as after Attempt.
func (c Challenge) Follow(now time.Time, mac MAC, bound, secret string) (next Challenge, r Result) {
	right := c.matches(mac, bound, "link", secret, c.Link)
	if state := c.state(now); state != "" {
		return c, Result{Outcome: state, Left: c.TriesLeft}
	}
	if !right {
		return c, Result{Outcome: Wrong, Left: c.TriesLeft}
	}
	c.UsedAt = now
	return c, Result{Outcome: Accepted, Left: c.TriesLeft}
}

// state returns why the challenge can no longer be answered, or "".
func (c Challenge) state(now time.Time) Outcome {
	switch {
	case c.ID == "" || !now.Before(c.ExpiresAt):
		return Expired
	case !c.UsedAt.IsZero():
		return Used
	case c.TriesLeft <= 0:
		return Locked
	}
	return ""
}

// Answerable reports whether the challenge can still be answered.
func (c Challenge) Answerable(now time.Time) bool { return c.state(now) == "" }

// matches compares in constant time, for a challenge that can no longer be answered too.
func (c Challenge) matches(mac MAC, bound, kind, answer, want string) bool {
	return hmac.Equal([]byte(c.hash(mac, bound, kind, answer)), []byte(want)) && want != ""
}

// hash covers each part with its length, so that no two sets of parts share a message.
func (c Challenge) hash(mac MAC, bound, kind, value string) string {
	var m strings.Builder
	for _, part := range []string{"habeas/challenge/1", c.ID, bound, kind, value} {
		_, _ = fmt.Fprintf(&m, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(mac([]byte(m.String())))
}
