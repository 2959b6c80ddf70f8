package casefile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
)

// inform tells recipients of a change, in as many commits as it takes, and returns how many these were.
func (r *rig) inform(c casefile.Case, recipients []string, system string, what dsar.Outcome) (commits int) {
	r.t.Helper()
	for more := true; more; commits++ {
		r.change(c, func(f *casefile.File) {
			var err error
			more, err = f.Inform(r.t.Context(), recipients, system, what)
			r.ok(err)
		})
	}
	return commits
}

func (r *rig) notice(c casefile.Case, recipient string) *casefile.Notice {
	r.t.Helper()
	n, err := r.load(c).NoticeTo(r.t.Context(), recipient)
	r.ok(err)
	return n
}

// with changes a notice of the case.
func (r *rig) with(c casefile.Case, recipient string, do func(f *casefile.File, n *casefile.Notice)) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) {
		n, err := f.NoticeTo(r.t.Context(), recipient)
		r.ok(err)
		do(f, n)
	})
}

func TestANoticeIsOnePerRecipientAndCase(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.inform(c, []string{"parcels", "agency"}, "shop", dsar.Erased)
	r.inform(c, []string{"parcels"}, "crm", dsar.Corrected)
	r.inform(c, []string{"parcels", "agency"}, "shop", dsar.Erased)
	all, err := r.load(c).Notices(t.Context())
	r.ok(err)
	if len(all) != 2 || all[0].Recipient != "agency" || len(all[0].Changes) != 1 || len(all[1].Changes) != 2 || all[1].Revision != 1 {
		t.Errorf("%+v", all)
	}
	starts := 0
	for _, o := range r.outbox(c) {
		if o.Kind == casefile.OutNotify {
			starts++
		}
	}
	if starts != 2 {
		t.Errorf("%d executions are asked for", starts)
	}
	for _, n := range all {
		ref, err := r.cases.NoticeByID(t.Context(), tenant, n.ID)
		r.ok(err)
		if ref != (casefile.NoticeRef{CaseID: c.ID, Recipient: n.Recipient}) {
			t.Errorf("%+v", ref)
		}
	}
	r.verify(c)
	f := r.load(c)
	_, err = f.Inform(t.Context(), []string{"parcels"}, "shop", dsar.Found)
	r.want(err, fault.Internal)
}

// Any number of recipients is told, whatever a transaction takes.
func TestManyRecipientsTakeSeveralCommits(t *testing.T) {
	r := newRig(t)
	c := r.create()
	var many []string
	for n := range 45 {
		many = append(many, fmt.Sprintf("recipient-%02d", n))
	}
	if n := r.inform(c, many, "shop", dsar.Erased); n < 3 || n > 5 {
		t.Errorf("%d commits", n)
	}
	all, err := r.load(c).Notices(t.Context())
	r.ok(err)
	if len(all) != len(many) || len(r.table.last) > table.MaxTransactionItems {
		t.Errorf("%d notices", len(all))
	}
}

// Two commits that tell the same recipient cannot both win; the second one finds the first one's notice.
func TestNoticesAreNotTornApart(t *testing.T) {
	r := newRig(t)
	c := r.create()
	one, two := r.load(c), r.load(c)
	for f, system := range map[*casefile.File]string{one: "shop", two: "crm"} {
		_, err := f.Inform(t.Context(), []string{"parcels"}, system, dsar.Erased)
		r.ok(err)
	}
	r.commit(one)
	r.want(r.cases.Commit(t.Context(), two), fault.Conflict)
	r.inform(c, []string{"parcels"}, "crm", dsar.Erased)
	if n := r.notice(c, "parcels"); len(n.Changes) != 2 {
		t.Errorf("%+v", n)
	}
}

// A token is no business of the case: leaving one contends with no step.
func TestATokenOfANoticeDoesNotContend(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.inform(c, []string{"parcels"}, "shop", dsar.Erased)
	waits, task := r.load(c), r.load(c)
	n, err := waits.NoticeTo(t.Context(), "parcels")
	r.ok(err)
	waits.AwaitNotice(n, canaryToken)
	task.AddTask("shop", dsar.Erase)
	r.commit(task)
	r.commit(waits)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		token, ok, err := f.TakeNoticeToken(n)
		if err != nil || !ok || string(token.Reveal()) != canaryToken {
			t.Errorf("%v %v", ok, err)
		}
		if _, ok, _ = f.TakeNoticeToken(n); ok {
			t.Error("a token was taken twice")
		}
	})
}

// What a recipient is told lies nowhere in the open.
func TestNoticesAreSealed(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.change(c, func(f *casefile.File) {
		p, err := f.Person()
		r.ok(err)
		p.Proven = []subject.Identifier{p.Email}
		customer, err := subject.New(subject.CustomerID, canaryCustomer)
		r.ok(err)
		p.Located = []subject.Identifier{customer}
	})
	r.inform(c, []string{"parcels"}, "shop", dsar.Corrected)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		told, err := f.Tell(n, []subject.Kind{subject.Email, subject.CustomerID, subject.Phone})
		r.ok(err)
		if len(told.Identifiers) != 2 || told.Identifiers[0].Value.Reveal() != canaryEmail || told.Identifiers[1].Value.Reveal() != canaryCustomer || len(told.Corrections) != 1 {
			t.Errorf("%d identifiers, %d corrections", len(told.Identifiers), len(told.Corrections))
		}
		r.ok(f.ClaimNotice(n, casefile.ByWebhook, []subject.Kind{subject.Email}, redact.NewBytes([]byte(canaryEmail+canaryCustomer+canaryValue))))
		f.AwaitNotice(n, canaryToken)
	})
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		body, err := f.NoticePayload(n)
		if err != nil || string(body.Reveal()) != canaryEmail+canaryCustomer+canaryValue {
			t.Errorf("the payload does not open: %v", err)
		}
		r.ok(f.NoticeRefused(n, 1, fault.Unavailable, 0))
		r.ok(f.DecideNotice(n, "staff:jo", casefile.Disproportionate, redact.NewText(canaryReason)))
	})
	if got := r.leaks(canaryEmail, canaryCustomer, canaryValue, canaryReason, canaryToken); len(got) > 0 {
		t.Errorf("in the open: %q", got)
	}
	r.verify(c)
}

// The rows that find a notice follow it: due while there is something to do, in the list while a person must look.
func TestRowsFollowTheNotice(t *testing.T) {
	r := newRig(t)
	c := r.create()
	r.inform(c, []string{"parcels"}, "shop", dsar.Erased)
	due := func() bool {
		r.t.Helper()
		for shard := range uint32(casefile.DueShards) {
			refs, _, err := r.cases.DueCases(t.Context(), shard, r.now.Add(365*24*time.Hour), 100, "")
			r.ok(err)
			if slices.Contains(refs, casefile.DueRef{Tenant: tenant, CaseID: c.ID, Recipient: "parcels"}) {
				return true
			}
		}
		return false
	}
	listed := func() bool {
		r.t.Helper()
		refs, _, err := r.cases.StuckNotices(t.Context(), tenant, 100, "")
		r.ok(err)
		return slices.Contains(refs, casefile.NoticeRef{CaseID: c.ID, Recipient: "parcels"})
	}
	expect := func(what string, wantDue, wantListed bool) {
		t.Helper()
		if due() != wantDue || listed() != wantListed {
			t.Errorf("%s: due %t, listed %t", what, due(), listed())
		}
	}
	expect("open", true, false)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		r.ok(f.ClaimNotice(n, casefile.ByWebhook, nil, redact.NewBytes([]byte("{}"))))
	})
	expect("claimed", true, false)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) { f.PostponeNotice(n, time.Hour, fault.Unavailable) })
	expect("stuck", true, true)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) { r.ok(f.GiveUpNotice(n, fault.Unavailable)) })
	expect("given up", false, true)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		r.ok(f.DecideNotice(n, "staff:jo", casefile.Retry, redact.Text{}))
	})
	expect("tried again", true, false)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		r.ok(f.ClaimNotice(n, casefile.ByWebhook, nil, redact.NewBytes([]byte("{}"))))
		r.ok(f.NoticeDelivered(n, 1, true))
	})
	expect("told", false, false)
	r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
		r.want(f.AcknowledgeNotice(n, 2, "link"), fault.Conflict)
		r.ok(f.AcknowledgeNotice(n, 1, "link"))
		r.ok(f.AcknowledgeNotice(n, 1, "link"))
		r.want(f.DecideNotice(n, "staff:jo", casefile.Retry, redact.Text{}), fault.Conflict)
	})
	expect("confirmed", false, false)
	r.verify(c)
}

// Whatever happens to a notice in whatever order: it has something due or is settled, its evidence verifies, and no revision that
// was added is forgotten.
func TestNoticesKeepTheirPromises(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(t *rapid.T) {
		c := r.create()
		r.inform(c, []string{"parcels"}, "s0", dsar.Erased)
		systems := 1
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			act := rapid.SampledFrom([]string{"claim", "deliver", "unknown", "refuse", "acknowledge", "retry", "waive", "add", "give up"}).Draw(t, "act")
			if act == "add" {
				r.inform(c, []string{"parcels"}, fmt.Sprintf("s%d", systems), dsar.Erased)
				systems++
			}
			r.now = r.now.Add(time.Minute)
			r.with(c, "parcels", func(f *casefile.File, n *casefile.Notice) {
				switch {
				case act == "claim" && n.Status == casefile.NoticeOpen:
					r.ok(f.ClaimNotice(n, casefile.ByWebhook, nil, redact.NewBytes([]byte("{}"))))
				case act == "deliver" && n.Claimed > 0:
					r.ok(f.NoticeDelivered(n, n.Claimed, true))
				case act == "unknown" && n.Claimed > 0:
					r.ok(f.NoticeDelivered(n, n.Claimed, false))
				case act == "refuse":
					r.ok(f.NoticeRefused(n, max(n.Claimed, 1), fault.Unavailable, 0))
				case act == "acknowledge":
					_ = f.AcknowledgeNotice(n, max(n.Claimed, 1), "link") // of an older revision it is refused
				case act == "retry":
					_ = f.DecideNotice(n, "staff:jo", casefile.Retry, redact.Text{}) // refused where nothing is to be decided
				case act == "waive":
					_ = f.DecideNotice(n, "staff:jo", casefile.Impossible, redact.NewText("no"))
				case act == "give up" && !n.Settled():
					r.ok(f.GiveUpNotice(n, fault.Internal))
				}
			})
			n := r.notice(c, "parcels")
			settled := !slices.Contains([]casefile.NoticeStatus{casefile.NoticeOpen, casefile.NoticeClaimed}, n.Status)
			if n.Settled() != settled {
				t.Fatalf("after %s it is %s with due %s", act, n.Status, n.DueAt)
			}
			told := n.Status == casefile.NoticeSent || n.Status == casefile.NoticeAcknowledged
			if len(n.Changes) != systems || (told && n.Claimed != n.Revision) {
				t.Fatalf("after %s: %d changes of %d, revision %d, sent %d", act, len(n.Changes), systems, n.Revision, n.Claimed)
			}
		}
		r.verify(c)
	})
}
