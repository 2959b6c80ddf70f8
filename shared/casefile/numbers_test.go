package casefile_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/numbers"
	"github.com/habeas-dsar/habeas/shared/table"
)

func (r *rig) numbers(from, to time.Time) []numbers.Row {
	r.t.Helper()
	var out []numbers.Row
	for row, err := range r.cases.Numbers(r.t.Context(), tenant, from, to) {
		r.ok(err)
		out = append(out, row)
	}
	return out
}

func TestNumbersFollowTheCase(t *testing.T) {
	r := newRig(t)
	c := r.create()
	start := r.now
	want := numbers.Row{
		Case: c.ID, Reference: c.Reference, Right: dsar.Access, Channel: "portal", Status: dsar.Received, Result: numbers.Open, ReceivedAt: start,
	}
	check := func(when string) {
		t.Helper()
		got := r.numbers(time.Time{}, time.Time{})
		if diff := cmp.Diff([]numbers.Row{want}, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check("received")
	r.change(c, func(f *casefile.File) {
		f.Case.Law.Pack, f.Case.Due.At = "us-ca", start.AddDate(0, 0, 45)
		r.ok(f.Case.Become(dsar.InProgress))
	})
	want.Law, want.DueAt, want.Status = "us-ca", start.AddDate(0, 0, 45), dsar.InProgress
	check("triaged")
	r.now = start.AddDate(0, 0, 46)
	r.change(c, func(f *casefile.File) { f.Case.Answered = true })
	want.AnsweredAt, want.Late = r.now, true
	check("answered")
	r.now = start.AddDate(0, 0, 47)
	r.change(c, func(f *casefile.File) {
		kept := f.AddTask("shop", dsar.Erase)
		kept.Because = string(dsar.Hold)
		kept.Done(dsar.Retained, f.Now())
		f.AddTask("forum", dsar.Erase).Done(dsar.Erased, f.Now())
		r.ok(f.Case.Become(dsar.Fulfilled))
		f.Case.ClosedAt = f.Now()
	})
	want.Status, want.Result, want.ClosedAt, want.Grounds = dsar.Fulfilled, numbers.InPart, r.now, []numbers.Ground{{Code: "hold"}}
	check("closed")
	r.now = start.AddDate(0, 0, 50)
	r.change(c, func(f *casefile.File) {
		r.ok(f.Case.Become(dsar.InProgress))
		f.Case.Answered, f.Case.ClosedAt = false, time.Time{}
	})
	want.Status, want.Result, want.ClosedAt, want.Grounds = dsar.InProgress, numbers.Open, time.Time{}, nil
	check("opened again: the first answer stays what it was")
}

func TestNumbersOfARangeInTheOrderOfReceipt(t *testing.T) {
	r := newRig(t)
	start := r.now
	for _, day := range []int{2, 0, 1, 3} {
		r.now = start.AddDate(0, 0, day)
		r.create()
	}
	got := r.numbers(start.AddDate(0, 0, 1), start.AddDate(0, 0, 3))
	if len(got) != 2 || !got[0].ReceivedAt.Equal(start.AddDate(0, 0, 1)) || !got[1].ReceivedAt.Equal(start.AddDate(0, 0, 2)) {
		t.Errorf("got %+v", got)
	}
	for row := range r.cases.Numbers(t.Context(), tenant, time.Time{}, time.Time{}) {
		if row.ReceivedAt.After(start) {
			t.Error("the walk went on after it was left")
		}
		break
	}
}

func TestNumbersOfEachEnding(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(r *rig, f *casefile.File)
		result  numbers.Result
		grounds []numbers.Ground
		answer  bool
	}{
		"refused": {func(_ *rig, f *casefile.File) {
			f.Case.Status, f.Case.Refusal = dsar.Refused, &casefile.Decision{Decision: casefile.Refuse, Ground: "exemption:legal_claims", Citation: "Civ. Code 1798.145(a)"}
		}, numbers.Denied, []numbers.Ground{{Code: "exemption:legal_claims", Citation: "Civ. Code 1798.145(a)"}}, true},
		"refused without a code": {func(_ *rig, f *casefile.File) {
			f.Case.Status, f.Case.Refusal = dsar.Refused, &casefile.Decision{Decision: casefile.Refuse}
		}, numbers.Denied, []numbers.Ground{{Code: "other"}}, true},
		"not identifiable": {func(_ *rig, f *casefile.File) { f.Case.Status = dsar.NotIdentifiable }, numbers.Denied, []numbers.Ground{{Code: "identity"}}, true},
		"expired":          {func(_ *rig, f *casefile.File) { f.Case.Status = dsar.Expired }, numbers.Unverified, []numbers.Ground{{Code: "identity"}}, false},
		"withdrawn":        {func(_ *rig, f *casefile.File) { f.Case.Status = dsar.Withdrawn }, numbers.Withdrawn, nil, false},
		"nothing held": {func(_ *rig, f *casefile.File) {
			f.Case.Status = dsar.Fulfilled
			f.AddTask("shop", dsar.Erase).Done(dsar.NothingHeld, f.Now())
		}, numbers.Complied, nil, true},
		"everything kept": {func(_ *rig, f *casefile.File) {
			f.Case.Status = dsar.Fulfilled
			t := f.AddTask("shop", dsar.Erase)
			t.Done(dsar.Retained, f.Now())
			t.Collections = []casefile.Collection{{Name: "invoice", Outcome: dsar.Retained, Because: "exemption"}}
			f.Case.Exemptions = []casefile.Exemption{{System: "shop", Citation: "HGB 257"}}
		}, numbers.Denied, []numbers.Ground{{Code: "exemption", Citation: "HGB 257"}}, true},
		"one system left out, for an effort out of proportion": {func(_ *rig, f *casefile.File) {
			f.Case.Status = dsar.PartlyFulfilled
			f.AddTask("forum", dsar.ReadOut).Done(dsar.Found, f.Now())
			t := f.AddTask("tape", dsar.ReadOut)
			t.Because = casefile.LeftOut
			t.Done(dsar.NotDone, f.Now())
			f.Case.Claims = []casefile.Claim{{Kind: casefile.ClaimEffort, System: "tape", Ground: "disproportionate_effort", Citation: "11 CCR 7024(h)", Decision: &casefile.Decision{Decision: casefile.Approve}}}
		}, numbers.InPart, []numbers.Ground{{Code: "disproportionate_effort", Citation: "11 CCR 7024(h)"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			one := r.create()
			r.now = r.now.Add(24 * time.Hour)
			r.change(one, func(f *casefile.File) {
				c.edit(r, f)
				f.Case.ClosedAt = f.Now()
			})
			got := r.numbers(time.Time{}, time.Time{})[0]
			if got.Result != c.result || got.AnsweredAt.Equal(r.now) != c.answer {
				t.Errorf("got %+v", got)
			}
			if diff := cmp.Diff(c.grounds, got.Grounds); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A case that was closed before it kept such a row is counted from what it says itself, and has a row after its next change.
func TestNumbersOfACaseFromBefore(t *testing.T) {
	r := newRig(t)
	c := r.create()
	start := r.now
	r.now = start.AddDate(0, 0, 9)
	r.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.ClosedAt = dsar.Refused, f.Now()
	})
	closed := r.now
	r.forget(c)
	r.now = start.AddDate(0, 0, 30)
	check := func(when string) {
		t.Helper()
		got := r.numbers(time.Time{}, time.Time{})
		if len(got) != 1 || got[0].Result != numbers.Denied || !got[0].AnsweredAt.Equal(closed) || got[0].Reference != c.Reference {
			t.Errorf("%s: %+v", when, got)
		}
	}
	check("read from the case")
	r.change(c, func(f *casefile.File) { f.Case.Disposal.ClearedAt = f.Now() })
	check("read from its row")
	if !r.read(c.ID).AnsweredAt.Equal(closed) {
		t.Error("the instant of the answer was not taken from the closing")
	}
}

// forget makes the case one of before: without a row of numbers, and without the instant of its answer.
func (r *rig) forget(c casefile.Case) {
	r.t.Helper()
	for key, it := range r.table.written {
		if !strings.Contains(key.PK, c.ID) || (key.SK != "P#RECEIVED" && key.SK != casefile.SKCase) {
			continue
		}
		if key.SK == casefile.SKCase {
			var doc map[string]any
			r.ok(json.Unmarshal(it.Body, &doc))
			delete(doc, "answeredAt")
			body, err := json.Marshal(doc)
			r.ok(err)
			it.Body = body
		} else {
			it.Body = []byte(`{}`)
		}
		r.ok(r.table.Store.Transact(r.t.Context(), table.Write{Op: table.Put, Item: it, If: table.AnyVersion}))
	}
}

func TestNumbersOutliveTheContent(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.now = r.now.AddDate(0, 0, 3)
	r.change(c, func(f *casefile.File) {
		kept := f.AddTask("shop", dsar.Erase)
		kept.Because = string(dsar.Exemption)
		kept.Done(dsar.Retained, f.Now())
		f.Case.Status, f.Case.ClosedAt = dsar.Fulfilled, f.Now()
	})
	before := r.numbers(time.Time{}, time.Time{})
	r.now = r.now.AddDate(2, 0, 0)
	f := r.load(c)
	_, err := f.Empty(t.Context())
	r.ok(err)
	f = r.load(c)
	r.ok(f.Dispose(t.Context(), casefile.Certificate{RetentionDays: 730}))
	r.commit(f)
	if diff := cmp.Diff(before, r.numbers(time.Time{}, time.Time{})); diff != "" {
		t.Error(diff)
	}
	if len(before) != 1 || before[0].Result != numbers.Denied || len(before[0].Grounds) != 1 {
		t.Errorf("before: %+v", before)
	}
}

// Nothing of the person is in what is counted.
func TestNumbersAreOpenAndHoldNothingPersonal(t *testing.T) {
	r := newRig(t)
	c := r.create()
	for key, it := range r.table.written {
		if key.SK != "P#RECEIVED" {
			continue
		}
		for _, s := range []string{"Quillfeather", "canary"} {
			if strings.Contains(string(it.Body), s) {
				t.Errorf("the row holds %q", s)
			}
		}
		if !strings.Contains(string(it.Body), c.Reference) {
			t.Errorf("the row is sealed or empty: %s", it.Body)
		}
	}
}
