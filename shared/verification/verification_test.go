package verification_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/verification"
)

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

const bound = "default/01/verify"

func keyed(key string) verification.MAC {
	return func(m []byte) []byte {
		h := hmac.New(sha256.New, []byte(key))
		_, _ = h.Write(m)
		return h.Sum(nil)
	}
}

var mac = keyed("a key of the tenant")

func issue(t testing.TB) (verification.Challenge, verification.Secret) {
	t.Helper()
	return verification.Issue(start, mac, bound, verification.DefaultRules())
}

func TestCodeIsAcceptedOnce(t *testing.T) {
	c, s := issue(t)
	code := s.Code.Reveal()
	if len(code) != 8 || strings.Trim(code, "0123456789") != "" || len(s.Link.Reveal()) < 26 {
		t.Fatal("the shape of the secret")
	}
	c, r := c.Attempt(start.Add(time.Minute), mac, bound, " "+code[:4]+" - "+code[4:])
	if r.Outcome != verification.Accepted {
		t.Fatalf("got %+v", r)
	}
	if _, r = c.Attempt(start.Add(2*time.Minute), mac, bound, code); r.Outcome != verification.Used {
		t.Errorf("second time: got %+v", r)
	}
	if _, r = c.Follow(start.Add(2*time.Minute), mac, bound, s.Link.Reveal()); r.Outcome != verification.Used {
		t.Errorf("the link after the code: got %+v", r)
	}
}

func TestFiveTries(t *testing.T) {
	c, s := issue(t)
	wrong := "00000000"
	if s.Code.Reveal() == wrong {
		wrong = "00000001"
	}
	for left := 4; left >= 0; left-- {
		var r verification.Result
		c, r = c.Attempt(start, mac, bound, wrong)
		want := verification.Result{Outcome: verification.Wrong, Left: left}
		if left == 0 {
			want = verification.Result{Outcome: verification.Locked, JustLocked: true}
		}
		if r != want {
			t.Fatalf("with %d left: got %+v", left, r)
		}
	}
	for _, code := range []string{wrong, s.Code.Reveal()} {
		if _, r := c.Attempt(start, mac, bound, code); r.Outcome != verification.Locked || r.JustLocked {
			t.Errorf("after the lock: got %+v", r)
		}
	}
	if _, r := c.Follow(start, mac, bound, s.Link.Reveal()); r.Outcome != verification.Locked {
		t.Errorf("the link after the lock: got %+v", r)
	}
}

func TestLink(t *testing.T) {
	c, s := issue(t)
	for range 100 {
		var r verification.Result
		if c, r = c.Follow(start, mac, bound, "guess"); r.Outcome != verification.Wrong || r.Left != 5 {
			t.Fatalf("a wrong link: got %+v", r)
		}
	}
	if _, r := c.Follow(start, mac, bound, s.Code.Reveal()); r.Outcome != verification.Wrong {
		t.Errorf("a code is no link: got %+v", r)
	}
	if c, r := c.Follow(start, mac, bound, s.Link.Reveal()); r.Outcome != verification.Accepted || c.Answerable(start) {
		t.Errorf("got %+v", r)
	}
}

func TestExpiryAndForeignChallenges(t *testing.T) {
	c, s := issue(t)
	code := s.Code.Reveal()
	for _, x := range []struct {
		name  string
		c     verification.Challenge
		at    time.Duration
		mac   verification.MAC
		bound string
		want  verification.Outcome
	}{
		{"last moment", c, 30*time.Minute - 1, mac, bound, verification.Accepted},
		{"expired", c, 30 * time.Minute, mac, bound, verification.Expired},
		{"another key", c, 0, keyed("another"), bound, verification.Wrong},
		{"another case", c, 0, mac, "default/02/verify", verification.Wrong},
		{"no challenge", verification.Challenge{}, 0, mac, bound, verification.Expired},
		{"id moved to another challenge", func() verification.Challenge { d := c; d.ID = "OTHER"; return d }(), 0, mac, bound, verification.Wrong},
		{"hash wiped", func() verification.Challenge { d := c; d.Code = ""; return d }(), 0, mac, bound, verification.Wrong},
	} {
		if _, r := x.c.Attempt(start.Add(x.at), x.mac, x.bound, code); r.Outcome != x.want {
			t.Errorf("%s: got %+v, want %s", x.name, r, x.want)
		}
	}
}

// TestRecordDoesNotAnswerItself: what is kept survives JSON and holds neither code nor link.
func TestRecordDoesNotAnswerItself(t *testing.T) {
	c, s := issue(t)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), s.Code.Reveal()) || strings.Contains(string(b), s.Link.Reveal()) {
		t.Error("the record holds a secret in the open")
	}
	if got := fmt.Sprintf("%v %+v", s, s); strings.Contains(got, s.Code.Reveal()) {
		t.Error("the secret prints")
	}
	if _, err := json.Marshal(s); err == nil {
		t.Error("the secret marshals")
	}
	var back verification.Challenge
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if _, r := back.Attempt(start, mac, bound, s.Code.Reveal()); r.Outcome != verification.Accepted {
		t.Errorf("after JSON: got %+v", r)
	}
}

// TestNoOrderOfAttemptsHelps drives a challenge through random attempts beside a model of what may happen.
func TestNoOrderOfAttemptsHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, s := verification.Issue(start, mac, bound, verification.DefaultRules())
		now, wrong, used := start, 0, false
		for range rapid.IntRange(1, 20).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "minutes")) * time.Minute)
			right, link := rapid.Bool().Draw(t, "right"), rapid.Bool().Draw(t, "link")
			answer := map[bool]string{true: s.Code.Reveal(), false: "x"}[right]
			try := c.Attempt
			if link {
				answer, try = map[bool]string{true: s.Link.Reveal(), false: "x"}[right], c.Follow
			}
			open := now.Before(start.Add(30*time.Minute)) && wrong < 5 && !used
			next, r := try(now, mac, bound, answer)
			if (r.Outcome == verification.Accepted) != (open && right) {
				t.Fatalf("open %v, right %v: got %+v", open, right, r)
			}
			if open && !right && !link {
				wrong++
			}
			if next.TriesLeft != 5-wrong || r.JustLocked != (open && !right && !link && wrong == 5) {
				t.Fatalf("after %d wrong: got %+v, %+v", wrong, next.TriesLeft, r)
			}
			used = used || r.Outcome == verification.Accepted
			c = next
		}
	})
}

func TestSessions(t *testing.T) {
	r := verification.DefaultRules()
	for _, c := range []struct {
		after        time.Duration
		alive, fresh bool
	}{{0, true, true}, {15*time.Minute - 1, true, true}, {15 * time.Minute, true, false}, {30*time.Minute - 1, true, false}, {30 * time.Minute, false, false}, {-1, false, false}} {
		now := start.Add(c.after)
		if r.SessionAlive(start, now) != c.alive || r.Fresh(start, now) != c.fresh {
			t.Errorf("after %s: alive %v, fresh %v", c.after, r.SessionAlive(start, now), r.Fresh(start, now))
		}
	}
	if r.SessionAlive(time.Time{}, start) || !r.SessionEnds(start).Equal(start.Add(30*time.Minute)) {
		t.Error("ends of sessions")
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []verification.Rules{{}, {CodeLife: 1, Tries: 11, SessionLife: 1, Freshness: 1}, {CodeLife: 1, Tries: 5, SessionLife: 1, Freshness: 2}} {
		if err := bad.Check(); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

// TestWindowKeepsEveryLimit compares the window with counting by hand, and asks again after the wait it was told.
func TestWindowKeepsEveryLimit(t *testing.T) {
	limits := []verification.Limit{{3, 10 * time.Minute}, {5, time.Hour}}
	rapid.Check(t, func(t *rapid.T) {
		var w verification.Window
		var taken []time.Time
		now := start
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 900).Draw(t, "seconds")) * time.Second)
			next, wait := w.Take(now, limits)
			if len(next.Times) > 5 {
				t.Fatalf("the window holds %d times", len(next.Times))
			}
			if wait == 0 {
				taken = append(taken, now)
			} else if _, again := next.Take(now.Add(wait), limits); again != 0 {
				t.Fatalf("told to wait %s, then %s more", wait, again)
			} else if _, again := next.Take(now.Add(wait-1), limits); again == 0 {
				t.Fatalf("told to wait %s, but less was enough", wait)
			}
			w = next
			for _, l := range limits {
				n := 0
				for _, at := range taken {
					if now.Sub(at) < l.Per {
						n++
					}
				}
				if n > l.Max {
					t.Fatalf("%d events within %s", n, l.Per)
				}
			}
		}
	})
	if w, wait := (verification.Window{}).Take(start, nil); wait != 0 || len(w.Times) != 0 {
		t.Error("no limit must allow everything and keep nothing")
	}
	if _, wait := (verification.Window{}).Take(start, []verification.Limit{{0, time.Hour}}); wait != time.Hour {
		t.Error("a limit of none allows nothing")
	}
}
