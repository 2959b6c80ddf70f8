// Package signin is the contract of signing staff in elsewhere: at an issuer that knows who somebody is. It owns what one
// sign-in hangs on between leaving for the issuer and coming back, and what the issuer says in the end. It never decides who
// may do what: roles lie in the staff record (package registry), and an issuer can only say which record is meant.
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// Life is how long somebody may take at the issuer.
const Life = 10 * time.Minute

// Place is where staff sign in elsewhere.
type Place struct {
	Issuer Issuer
	Name   string // as people know it: "Example SSO"
	// Only turns the passwords of built-in accounts off, but for those whose staff record says that they break the glass.
	Only bool
}

// Issuer is where somebody proves who she is. Its errors quote nothing of what the issuer sent.
type Issuer interface {
	// Begin returns the address at the issuer to which the browser is sent. It comes back to the address back, which the
	// issuer must know. fault.Unavailable when the issuer cannot be reached, fault.Misconfigured when it is not what the
	// settings say.
	Begin(ctx context.Context, a Attempt, back string) (string, error)
	// Finish turns the code that the browser brought back into who it is. a and back are those of Begin.
	// fault.Unauthenticated when the code is used up or what the issuer says cannot be believed, fault.Forbidden when the
	// sign-in was weaker than the settings ask for, otherwise as Begin.
	Finish(ctx context.Context, a Attempt, back, code string) (Identity, error)
	// Leave returns the address at which the session with the issuer ends and which goes on to back; "" when it has none.
	Leave(ctx context.Context, back string) string
	// ID is how the issuer calls itself, the first half of every (issuer, subject).
	ID() string
}

// Identity is what an issuer says of somebody who signed in.
type Identity struct {
	Issuer  string
	Subject redact.Text // never given to somebody else by the same issuer
	Email   redact.Text // the address that the issuer vouches for; zero when it vouches for none
}

// Attempt is one sign-in on its way. State travels through the issuer and the address bar; Browser never leaves the browser
// that began but to us. Who has only one of the two, or a copy of our tables, which hold a hash of each, can finish nothing.
type Attempt struct {
	State   redact.Text
	Browser redact.Text
}

// NewBrowser returns the half of an attempt that the browser keeps: 256 random bits.
func NewBrowser() redact.Text {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return redact.NewText(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Bind returns the hash by which Bound recognises the browser.
func Bind(browser redact.Text) string {
	sum := sha256.Sum256([]byte(browser.Reveal()))
	return hex.EncodeToString(sum[:])
}

// Bound reports whether the attempt comes from the browser of which bound is the hash.
func (a Attempt) Bound(bound string) bool {
	return bound != "" && subtle.ConstantTimeCompare([]byte(Bind(a.Browser)), []byte(bound)) == 1
}

// Nonce is what the issuer must repeat in its token. It follows from the secret in the browser, so that nobody has to store it
// (OpenID Connect Core 1.0, 15.5.2).
func (a Attempt) Nonce() string { return a.derive("nonce") }

// Verifier is the code verifier of the attempt (RFC 7636, 4.1): 43 characters.
func (a Attempt) Verifier() string { return a.derive("verifier") }

func (a Attempt) derive(what string) string {
	m := hmac.New(sha256.New, []byte(a.Browser.Reveal()))
	m.Write([]byte(what + "\n" + a.State.Reveal()))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
