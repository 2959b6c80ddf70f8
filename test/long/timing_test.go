package long

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

const (
	tries     = 200
	tolerance = 0.10
)

// TestTimingTellsNothing compares how long answers take for somebody who is known and somebody who is not. Medians may differ
// by a tenth.
func TestTimingTellsNothing(t *testing.T) {
	s := kit.Start(t)
	known := customers(t, s, 2*tries)
	t.Run("of a request", func(t *testing.T) {
		submit := func(email string) {
			s.Call("POST", testkit.API("lumen"), "", map[string]any{"right": "access", "email": email, "country": "DE"}).Want(202)
		}
		compare(t, s, func(n int) { submit(known[n]) }, func(n int) { submit(fmt.Sprintf("%s.%d@%s", "someone.else", n, "example.com")) })
	})
	t.Run("of a code", func(t *testing.T) {
		var references []string
		for n := range tries / 4 {
			references = append(references, s.Ask("lumen", "access", known[tries+n]).Reference)
		}
		try := func(reference string) {
			s.Call("POST", testkit.API("lumen")+"/"+reference+"/verification", "", map[string]string{"code": "00000000"}).Want(401)
		}
		// Four wrong codes for each: the fifth would lock it and write a letter.
		compare(t, s, func(n int) { try(references[n%len(references)]) }, func(n int) { try(fmt.Sprintf("ZZ%03d-ZZZZZ", n)) })
	})
	t.Run("of asking for a code", func(t *testing.T) {
		var references []string
		for n := range tries / 4 {
			references = append(references, s.Ask("lumen", "access", known[tries+tries/4+n]).Reference)
		}
		ask := func(reference string) {
			s.Call("POST", testkit.API("lumen")+"/"+reference+"/code", "", map[string]any{}).Want(202)
		}
		compare(t, s, func(n int) { ask(references[n%len(references)]) }, func(n int) { ask(fmt.Sprintf("ZZ%03d-ZZZZZ", n)) })
	})
}

// compare times both in random order, each as often as tries says, with nothing else under way.
func compare(t *testing.T, s *testkit.Site, one, other func(n int)) {
	t.Helper()
	var took [2][]time.Duration
	calls := [2]func(int){one, other}
	var order []int
	for n := range 2 * tries {
		order = append(order, n%2)
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, which := range order {
		s.Settle()
		n := len(took[which])
		start := time.Now()
		calls[which](n)
		took[which] = append(took[which], time.Since(start))
	}
	a, b := median(took[0]), median(took[1])
	t.Logf("medians over %d tries each: known %s, unknown %s", tries, a, b)
	if d := float64(a-b) / float64(b); d > tolerance || d < -tolerance {
		t.Errorf("known people are answered in %s, others in %s: %.0f %% apart", a, b, d*100)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}
