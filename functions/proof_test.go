package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// provable is a data map whose rows hold details that a person knows of herself.
const provable = `dataset:
  - fides_key: %s
    collections:
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, identity: customer_id}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
          - {name: zip, data_categories: [user.contact.address.postal_code], habeas_meta: {proof: postcode}}
          - {name: ssn, data_categories: [user.government_id]}
`

// shopper is a rig with a shop that holds enough to prove who somebody is, and Ada in it.
func shopper(t *testing.T) *rig {
	r := newRig(t)
	r.register("shop", func(s *registry.System) {
		s.Dataset = fmt.Sprintf(provable, "shop")
		s.Rights = []dsar.Right{dsar.Access, dsar.Erasure}
	})
	text := func(field, v string) fieldOf { return fieldOf{field, v} }
	r.row("c-1", text("id", "c-1"), text("email", ada), text("name", "Ada"), text("zip", "90210"), text("ssn", "078-05-1120"))
	return r
}

// californian opens a request of somebody who lives in California and takes it to the confirmed address.
func (r *rig) californian(right dsar.Right, edit ...func(*casefile.Opening)) casefile.Case {
	r.t.Helper()
	c := r.create(append([]func(*casefile.Opening){func(o *casefile.Opening) {
		o.Right, o.Country, o.Person.Region = right, "US", redact.NewText("CA")
	}}, edit...)...)
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	if res := r.enter(c, ""); res.Outcome != verification.Accepted {
		r.t.Fatalf("the code is %s", res.Outcome)
	}
	return r.one(c)
}

func asked(c casefile.Case) (out []string) {
	for _, a := range c.Verification.Asked {
		if a.Open() {
			out = append(out, strings.TrimSuffix(string(a.What)+":"+string(a.Of), ":"))
		}
	}
	return out
}

func (r *rig) detail(c casefile.Case, kind subject.Kind, value string) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		if err := f.GiveDetail(subject.Revealed{Kind: kind, Value: value}.Identifier()); err != nil {
			return err
		}
		return r.set.Portal.Desk.Settled(r.t.Context(), f)
	})
}

func (r *rig) declare(c casefile.Case) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) error {
		return f.Declare(redact.NewText("I declare that it is me."), redact.NewText("Ada Marlow-Canary"))
	})
}

// canaries are what a person types: none of it may stand anywhere in the open.
var canaries = []string{"90210-canary", "c-1-canary", "Marlow-Canary", "canary"}

// silent looks for what was typed in every row of the case and in its evidence.
func (r *rig) silent(c casefile.Case) {
	r.t.Helper()
	var rows bytes.Buffer
	for _, pk := range []string{"T#" + c.Tenant + "#C#" + c.ID} {
		for q := (table.Query{Table: table.Cases, PK: pk}); ; {
			page, err := r.table.Query(r.t.Context(), q)
			r.ok(err)
			for _, it := range page.Items {
				rows.Write(it.Body)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	for e, err := range evidence.Read(r.t.Context(), r.table, c.Tenant, c.ID) {
		r.ok(err)
		raw, err := json.Marshal(e)
		r.ok(err)
		rows.Write(raw)
	}
	for _, w := range canaries {
		if bytes.Contains(bytes.ToLower(rows.Bytes()), []byte(strings.ToLower(w))) {
			r.t.Errorf("%q stands in the open", w)
		}
	}
}

// TestSpecificPiecesAreProved: in California a copy of the data itself wants three things that match and a declaration.
func TestSpecificPiecesAreProved(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.californian(dsar.Access)
	if got := asked(c); !slices.Equal(got, []string{"data_point:postcode", "data_point:customer_id", "declaration"}) {
		t.Fatalf("asked for %q", got)
	}
	for _, a := range c.Verification.Asked {
		if a.Why == "" || a.Basis == "" {
			t.Errorf("asked without a reason: %+v", a)
		}
	}
	if !c.Verification.VerifiedAt.IsZero() || c.Verification.Level != string(verification.High) {
		t.Fatalf("verified too early: %+v", c.Verification)
	}
	r.detail(c, "postcode", "90 210")
	r.detail(c, subject.CustomerID, "C-1")
	r.declare(c)
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	c = r.one(c)
	if v := c.Verification; v.Verdict != verification.Reached || v.Reached != verification.High || v.CategoriesOnly() || v.VerifiedAt.IsZero() {
		t.Fatalf("not reached: %+v", v)
	}
	r.silent(c)
	r.finish(c)
	p, err := r.load(c).Person()
	r.ok(err)
	if len(p.Typed)+len(p.Held) > 0 || p.Declaration == nil || p.Declaration.Name.Reveal() != "Ada Marlow-Canary" {
		t.Errorf("kept: %d typed, %d held, %v", len(p.Typed), len(p.Held), p.Declaration)
	}
	pack := r.pack(c)
	if !strings.Contains(pack, `"zip":"90210"`) || strings.Contains(pack, "078-05-1120") || !strings.Contains(pack, "held_government_number") {
		t.Errorf("the package:\n%s", pack)
	}
	r.verified(c)
}

// TestWrongDetailsFallBackToCategories: who reads the mail of another gets three guesses, is never told which was wrong, and in the end
// an answer without any data.
func TestWrongDetailsFallBackToCategories(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.californian(dsar.Access)
	r.detail(c, "postcode", "90210-canary")
	r.detail(c, subject.CustomerID, "c-1")
	r.declare(c)
	r.locate(c)
	for try := 1; try < verification.MaxTries; try++ {
		generation := r.one(c).Generation
		r.next("PlanCase", c, step.Superseded)
		c = r.one(c)
		if c.Generation != generation+1 || c.Phase != dsar.PhaseVerify || !c.Verification.VerifiedAt.IsZero() || !slices.Equal(asked(c), []string{"data_point:postcode"}) {
			t.Fatalf("try %d: %+v", try, c.Verification)
		}
		if text := r.text(c, letters.ProveAgain); strings.Contains(text, "postcode") || strings.Contains(text, "customer") || !strings.Contains(text, "times, until") && !strings.Contains(text, "once more") {
			t.Errorf("the letter: %s", text)
		}
		_, token := r.token()
		r.next("VerifyIdentity", c, step.Again, token)
		r.silent(c)
		r.detail(c, "postcode", "90210-canary")
		r.locate(c)
	}
	r.next("PlanCase", c, step.Proceed)
	c = r.one(c)
	if v := c.Verification; v.Verdict != verification.NotReached || !v.CategoriesOnly() || v.Reached != verification.Reasonable || v.Tries != verification.MaxTries {
		t.Fatalf("%+v", v)
	}
	r.finish(c)
	pack := r.pack(c)
	if strings.Contains(pack, "90210") || strings.Contains(pack, "Ada\"") || !strings.Contains(pack, `"scope": "categories"`) || !strings.Contains(pack, "user.government_id") {
		t.Errorf("the package:\n%s", pack)
	}
	if text := r.text(c, letters.ResponseReady); !strings.Contains(text, "does not show the data itself") {
		t.Errorf("the letter: %s", text)
	}
	r.silent(c)
	r.verified(c)
}

// TestAnUnprovedErasureIsRefused, with its reason, and nothing is changed.
func TestAnUnprovedErasureIsRefused(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.californian(dsar.Erasure)
	if got := asked(c); !slices.Equal(got, []string{"data_point:postcode", "data_point:customer_id"}) { // government numbers are sensitive
		t.Fatalf("asked for %q", got)
	}
	r.change(c, func(f *casefile.File) error { return f.DeclineProof(evidence.Subject) })
	r.locate(c)
	r.next("PlanCase", c, step.Close)
	r.next("CloseCase", c, step.Proceed)
	c = r.one(c)
	if c.Status != dsar.Refused || c.Refusal.Decision != casefile.Unverified || c.Plan != nil {
		t.Errorf("%s, %+v", c.Status, c.Refusal)
	}
	if text := r.text(c, letters.Refused); !strings.Contains(text, "could not be sure that it is you") {
		t.Errorf("the letter: %s", text)
	}
	r.verified(c)
}

// TestOptOutsAskNothing, and Europe asks for the address alone whatever is held.
func TestOptOutsAskNothing(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.create(func(o *casefile.Opening) {
		o.Right, o.Country, o.Person.Region = dsar.OptOut, "US", redact.NewText("CA")
	})
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Verified)
	if v := r.one(c).Verification; len(v.Asked) != 0 || v.Codes != 0 {
		t.Errorf("%+v", v)
	}
	c = r.create()
	r.verify(c)
	if v := r.one(c).Verification; len(v.Asked) != 1 || v.Need != nil || v.VerifiedAt.IsZero() || v.Reached != verification.Address {
		t.Errorf("%+v", v)
	}
	scope := r.create(func(o *casefile.Opening) { o.Scope = policy.Categories })
	r.verify(scope)
	if v := r.one(scope).Verification; !v.CategoriesOnly() {
		t.Errorf("who asks for categories gets %+v", v)
	}
}

// TestSilenceFallsBack: who confirms the address and answers nothing more is answered with what that proves, at the time that was set.
func TestSilenceFallsBack(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.californian(dsar.Access)
	r.now = c.Verification.ExpiresAt
	r.sweep(0)
	c = r.one(c)
	if c.Verification.Expired || c.Verification.VerifiedAt.IsZero() || len(asked(c)) > 0 {
		t.Fatalf("%+v", c.Verification)
	}
	r.locate(c)
	r.next("PlanCase", c, step.Close) // the address alone is not enough for categories either
	if c = r.one(c); c.Refusal == nil {
		t.Errorf("%+v", c.Verification)
	}
}

// TestStaffProveWhoAsks: a person of the team who is sure settles everything, with a reason.
func TestStaffProveWhoAsks(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.californian(dsar.Access)
	for name, bad := range map[string]error{
		"no reason": step.Change(t.Context(), r.set.Cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error { return f.Vouch("staff:1", "in_person", redact.Text{}) }),
		"no method": step.Change(t.Context(), r.set.Cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error {
			return f.Vouch("staff:1", "a feeling", redact.NewText("x"))
		}),
	} {
		if bad == nil {
			t.Errorf("%s is taken", name)
		}
	}
	r.change(c, func(f *casefile.File) error {
		return f.Vouch("staff:1", "in_person", redact.NewText("She stood at the counter with her card: canary."))
	})
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	c = r.one(c)
	if v := c.Verification; v.Reached != verification.High || v.CategoriesOnly() || v.Staff == nil || len(asked(c)) > 0 {
		t.Errorf("%+v", v)
	}
	r.silent(c)
	r.verified(c)
}

type fieldOf struct{ name, value string }

// row puts a record of any fields into the systems.
func (r *rig) row(id string, fields ...fieldOf) {
	rec := &connector.Record{Collection: "customer", Key: connector.Key{connector.Text(id)}}
	for _, f := range fields {
		rec.Fields = append(rec.Fields, connector.Field{Name: f.name, Value: connector.Text(f.value)})
	}
	r.system.Put(rec)
}

// finish takes a planned access to its answer.
func (r *rig) finish(c casefile.Case) {
	r.t.Helper()
	for range 3 {
		a := r.step("OpenTasks", c, with("phase", "run"))
		if a.Next == step.Proceed {
			break
		}
		r.run(c, a.Items)
	}
	r.assemble(c)
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
}

// pack returns every file of the package, one after the other.
func (r *rig) pack(c casefile.Case) string {
	r.t.Helper()
	var all strings.Builder
	for _, text := range r.unzip(c, 1) {
		all.WriteString(text)
	}
	return all.String()
}

// TestADocumentIsSeenByOneAndThenGone: where the law allows it, and never longer than it says.
func TestADocumentIsSeenByOneAndThenGone(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	one, other := evidence.Staff("01"), evidence.Staff("02")
	forbidden := r.californian(dsar.Access)
	err := step.Change(t.Context(), r.set.Cases, tenant, forbidden.ID, func(_ context.Context, f *casefile.File) error {
		return f.AskDocument(one, false, "", redact.NewText("Doubt."))
	})
	if !fault.Has(err, fault.Forbidden) {
		t.Errorf("asked where nobody may: %v", err)
	}
	sent := func() (casefile.Case, string) {
		c := r.create()
		r.next("Triage", c, step.Proceed)
		r.next("Acknowledge", c, step.Proceed)
		r.enter(c, "")
		r.change(c, func(f *casefile.File) error {
			return f.AskDocument(one, true, "GDPR Art. 12(6)", redact.NewText("Two accounts have your name."))
		})
		f := r.load(c)
		name := casefile.DocumentObject(tenant, c.ID)
		r.ok(objects.Put(t.Context(), r.ports.Blobs, f.Keys, name, func(w io.Writer) error {
			_, err := io.WriteString(w, "%PDF-1.7 canary")
			return err
		}))
		r.change(c, func(f *casefile.File) error {
			return f.TakeDocument(name, 15, "application/pdf", f.Now().AddDate(0, 0, 5))
		})
		return c, name
	}
	there := func(name string) bool {
		body, _, err := r.ports.Blobs.Open(t.Context(), name, 0)
		if err == nil {
			_ = body.Close()
		}
		return err == nil
	}
	c, name := sent()
	look := func(actor string) error {
		return step.Change(t.Context(), r.set.Cases, tenant, c.ID, func(_ context.Context, f *casefile.File) error {
			_, err := f.LookAtDocument(actor)
			return err
		})
	}
	decide := func(actor string) error {
		return step.Change(t.Context(), r.set.Cases, tenant, c.ID, func(_ context.Context, f *casefile.File) error {
			return f.DecideDocument(actor, true, "name compared", redact.NewText("It is her."))
		})
	}
	if err := decide(one); !fault.Has(err, fault.Conflict) {
		t.Errorf("decided without a look: %v", err)
	}
	if err := look(other); !fault.Has(err, fault.Forbidden) {
		t.Errorf("somebody else looks: %v", err)
	}
	r.ok(look(one))
	if err := decide(other); !fault.Has(err, fault.Forbidden) {
		t.Errorf("somebody else decides: %v", err)
	}
	r.ok(decide(one))
	if !there(name) {
		t.Fatal("gone before anybody deleted it")
	}
	r.ok(r.set.Portal.Desk.DropDocument(t.Context(), r.ports.Blobs, tenant, c.ID))
	d := r.one(c).Verification.Document
	if there(name) || d.Object != "" || !d.Accepted || d.GoneAt.IsZero() || r.count(c, "document_deleted") != 1 {
		t.Errorf("%+v", d)
	}
	r.silent(c)
	r.verified(c)

	// Nobody looks: the sweeper deletes it when its time is over, and the person need not wait for it.
	c, name = sent()
	r.sweep(4 * 24 * time.Hour)
	if !there(name) {
		t.Fatal("deleted before its time")
	}
	r.sweep(24*time.Hour + time.Minute)
	d = r.one(c).Verification.Document
	if there(name) || d.GoneAt.IsZero() || r.count(c, "document_deleted") != 1 {
		t.Errorf("%+v", d)
	}
}

// TestHeirsAndChildren: somebody who stands in the place of a person shows that they may, to a person of the team; nothing is searched
// before, and letters go to them.
func TestHeirsAndChildren(t *testing.T) {
	t.Parallel()
	r := shopper(t)
	c := r.create(func(o *casefile.Opening) {
		o.Person.Agent = &casefile.Agent{Kind: casefile.Heir, Name: redact.NewText("Bob"), Email: redact.NewText(bob), Mandate: redact.NewText("Her son.")}
	})
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	if res := r.enter(c, ""); res.Outcome != verification.Accepted {
		t.Fatalf("the code is %s", res.Outcome)
	}
	ms, ls, err := r.set.Cases.Letters(t.Context(), tenant, c.ID, 10)
	r.ok(err)
	for n := range ms {
		if ls[n].To.Reveal() != bob {
			t.Errorf("letter %s goes to another address", ms[n].Kind)
		}
	}
	got := r.one(c)
	if !got.Verification.VerifiedAt.IsZero() || !slices.Equal(asked(got), []string{"mandate"}) || len(got.Verification.Asked[1].Needs) == 0 {
		t.Fatalf("%+v", got.Verification)
	}
	r.change(c, func(f *casefile.File) error {
		return f.DecideMandate(evidence.Staff("01"), casefile.Approve, redact.NewText("Both certificates."))
	})
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	r.finish(c)
	if pack := r.pack(c); !strings.Contains(pack, ada) {
		t.Error("the answer is not about the person")
	}
	r.verified(c)

	refused := r.create(func(o *casefile.Opening) {
		o.Person.Agent = &casefile.Agent{Kind: casefile.Guardian, Name: redact.NewText("Bob"), Email: redact.NewText(bob)}
	})
	r.next("Triage", refused, step.Proceed)
	r.next("Acknowledge", refused, step.Proceed)
	r.enter(refused, "")
	r.change(refused, func(f *casefile.File) error {
		return f.DecideMandate(evidence.Staff("01"), casefile.Refuse, redact.NewText("The paper names another child."))
	})
	r.next("CloseCase", refused, step.Proceed)
	if text := r.text(refused, letters.Refused); !strings.Contains(text, "names another child") {
		t.Errorf("the letter: %s", text)
	}

	child := r.create(func(o *casefile.Opening) {
		o.Country, o.Person.Region, o.Person.AgeBand = "US", redact.NewText("CA"), "under_13"
	})
	r.step("Triage", child)
	if got := asked(r.one(child)); !slices.Contains(got, "mandate") {
		t.Errorf("a child of California asks alone: %q", got)
	}
	if v := r.one(c).Verification; v.Requester.Allowed || v.Requester.Basis != "GDPR Recital 27" {
		t.Errorf("the team is not told what the law says: %+v", v.Requester)
	}
	agent := r.create(func(o *casefile.Opening) {
		o.Person.Agent = &casefile.Agent{Name: redact.NewText("Bob"), Email: redact.NewText(bob)}
	})
	r.verify(agent)
	if v := r.one(agent).Verification; v.Requester == nil || !v.Requester.Direct || len(asked(r.one(agent))) > 0 || v.VerifiedAt.IsZero() {
		t.Errorf("with an agent: %+v", v)
	}
}
