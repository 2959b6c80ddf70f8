package pages

import "io"

// ConsoleSignIn asks staff who they are. Form fields: email, password.
type ConsoleSignIn struct {
	Frame
	Form     Form
	Email    string
	Errors   Errors
	Ended    bool   // a session has just ended by itself
	Left     bool   // somebody has just signed out
	LeaveURL string // where the session with OIDC ends as well; optional
	OIDCURL  string // sign-in elsewhere; empty = none
	OIDC     string // the name of that place
	// ByPassword shows the form. Emergency says that passwords are for administrators in an emergency; EmergencyURL leads
	// there from a page without the form.
	ByPassword   bool
	Emergency    bool
	EmergencyURL string
}

// ConsoleSignIn writes the page.
func (r *Renderer) ConsoleSignIn(w io.Writer, m ConsoleSignIn) error {
	return r.render(w, m.Lang, "console-sign-in", m)
}

// SignInProblem is why somebody who came back from an issuer is not signed in.
type SignInProblem string

// The problems. The first five are of somebody whom the issuer knows, and end only when an administrator acts or she signs in
// in another way.
const (
	SignInUnknown    SignInProblem = "unknown"    // nobody of the staff
	SignInUnverified SignInProblem = "unverified" // not known yet, and the issuer vouches for no address
	SignInTaken      SignInProblem = "taken"      // the staff record of the address belongs to another account
	SignInClosed     SignInProblem = "closed"     // the staff record is closed
	SignInWeak       SignInProblem = "weak"       // without the second step that is asked for
	SignInStale      SignInProblem = "stale"      // too late, used up, or begun in another browser
	SignInDeclined   SignInProblem = "declined"   // the issuer did not sign her in
	SignInDoubt      SignInProblem = "doubt"      // what the issuer said cannot be believed
	SignInDown       SignInProblem = "down"       // the issuer cannot be reached
	SignInSetup      SignInProblem = "setup"      // the issuer and Habeas do not fit together
)

// SignInProblems lists every problem.
func SignInProblems() []SignInProblem {
	return []SignInProblem{SignInUnknown, SignInUnverified, SignInTaken, SignInClosed, SignInWeak, SignInStale, SignInDeclined, SignInDoubt, SignInDown, SignInSetup}
}

// ConsoleSignInProblem says why somebody is not signed in, and what to do.
type ConsoleSignInProblem struct {
	Frame
	Problem  SignInProblem
	Place    string // where she signed in
	Account  string // her account there as the place calls it, for the administrator who ties it to her record; optional
	AgainURL string
}

// ConsoleSignInProblem writes the page.
func (r *Renderer) ConsoleSignInProblem(w io.Writer, m ConsoleSignInProblem) error {
	return r.render(w, m.Lang, "console-sign-in-problem", m)
}
