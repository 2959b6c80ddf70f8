package testkit

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Persistent is a request with a person who does not give up, whatever becomes of the process meanwhile. Its steps return what
// went wrong, and nothing as long as all is well.
type Persistent struct {
	Request
	Right string
	More  map[string]any // fields of the request beyond right, email and country
	Post  *Post

	Lost    int // submissions whose answer was lost: each may have opened a case that nobody follows
	Asked   int // times a new code was asked for
	Problem string
}

// patience is how long a person waits before the next try.
const patience = 25 * time.Millisecond

// Step is a step of a persistent person, to be done by the given time.
type Step func(end time.Time) (problem string)

// Drive takes the steps one after the other, limit for each, and stops at the first problem.
func (c *Persistent) Drive(limit time.Duration, steps ...Step) {
	for _, step := range steps {
		if c.Problem = step(time.Now().Add(limit)); c.Problem != "" {
			c.Site.Errorf("a request (%s): %s", c.Right, c.Problem)
			return
		}
	}
}

// Send sends one call; nil when the process was gone before, while or after it was carried out.
func (c *Persistent) Send(method, path, token string, body any) *Answer {
	a, err := c.Site.Try(method, path, token, body)
	if err != nil {
		return nil
	}
	return a
}

// Submit makes the request.
func (c *Persistent) Submit(end time.Time) string {
	body := map[string]any{"right": c.Right, "email": c.Email, "country": "DE"}
	maps.Copy(body, c.More)
	for ; time.Now().Before(end); time.Sleep(patience) {
		a := c.Send("POST", API(c.Tenant), "", body)
		switch {
		case a == nil:
			c.Lost++
		case a.Status == 202:
			var in struct{ Reference string }
			a.JSON(&in)
			c.Reference = in.Reference
			return ""
		default:
			return fmt.Sprintf("submitting answers %d: %s", a.Status, a.Body)
		}
	}
	return "could not be submitted"
}

// Confirm enters the mailed code and keeps the session.
func (c *Persistent) Confirm(end time.Time) string {
	spent := map[string]bool{}
	quiet := time.Now()
	for ; time.Now().Before(end); time.Sleep(patience) {
		code := c.Post.Code(c.Email, c.Reference)
		if code == "" || spent[code] {
			// The code was spent, expired or never arrived; a person asks for another one after a while.
			if wait := time.Since(quiet); len(spent) > 0 && wait > time.Second || wait > 10*time.Second {
				c.Asked++
				quiet = time.Now()
				c.Send("POST", c.Path("/code"), "", map[string]any{})
			}
			continue
		}
		quiet = time.Now()
		a := c.Send("POST", c.Path("/verification"), "", map[string]string{"code": code})
		switch {
		case a == nil:
		case a.Status == 200:
			var in struct{ Session string }
			a.JSON(&in)
			c.Session = in.Session
			return ""
		case a.Status == 401:
			spent[code] = true
		default:
			return fmt.Sprintf("verifying answers %d: %s", a.Status, a.Body)
		}
	}
	return "could not be verified"
}

// Await waits until the request has one of the statuses.
func (c *Persistent) Await(statuses ...string) Step {
	return func(end time.Time) string {
		last := ""
		for ; time.Now().Before(end); time.Sleep(4 * patience) {
			a := c.Send("GET", c.Path(""), c.Session, nil)
			switch {
			case a == nil:
			case a.Status == 200:
				var st Status
				a.JSON(&st)
				if last = st.Status; slices.Contains(statuses, last) {
					return ""
				}
			case a.Status == 401: // half an hour has passed
				if problem := c.Confirm(end); problem != "" {
					return problem
				}
			default:
				return fmt.Sprintf("the status answers %d: %s", a.Status, a.Body)
			}
		}
		return fmt.Sprintf("%s is not %v but %s", c.Reference, statuses, last)
	}
}
