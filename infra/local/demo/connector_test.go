package demo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// target is one of the demo systems, opened as the product opens it.
type target struct {
	connector.Connector
	data *connector.Dataset
	kit  *enginetest.Kit
}

func openTarget(t *testing.T, dir, database, dataset string) target {
	t.Helper()
	yaml, err := os.ReadFile(filepath.Join(dir, dataset))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := datamap.Load(yaml)
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.Warnings) > 0 {
		t.Errorf("%s has warnings: %+v", dataset, loaded.Warnings)
	}
	settings, err := json.Marshal(map[string]string{"path": database})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sql.SQLite().Open(t.Context(), connector.OpenInput{Settings: settings, Dataset: loaded.Datasets[0], BaseDir: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return target{c, loaded.Datasets[0], enginetest.New(t, nil)}
}

// run settles a task about a person in turns, rounds of locate before it.
func (s target) run(t *testing.T, id, email string, change func(*engine.Instruction)) engine.Turn {
	t.Helper()
	who, err := subject.New(subject.Email, email)
	if err != nil {
		t.Fatal(err)
	}
	ins := engine.Instruction{
		Tenant: "demo", CaseID: "case", TaskID: id, System: "shop", Action: dsar.ReadOut, Right: dsar.Erasure,
		Connector: s.Connector, Dataset: s.data, Keys: s.kit.Keys, Proven: []subject.Identifier{who},
	}
	for range 4 {
		located, err := s.Locate(t.Context(), connector.Query{Proven: ins.Proven, Found: ins.Found})
		if err != nil {
			t.Fatal(err)
		}
		if len(located.Identifiers) == 0 {
			break
		}
		ins.Found = subject.Add(ins.Found, located.Identifiers...)
	}
	change(&ins)
	var parts []engine.PartRef
	for range 100 {
		turn, err := s.kit.Engine.Turn(t.Context(), ins)
		if err != nil {
			t.Fatal(err)
		}
		ins.State, parts = turn.State, append(parts, turn.Parts...)
		if turn.Status != engine.More {
			turn.Parts = parts
			return turn
		}
	}
	t.Fatal("the task does not end")
	return engine.Turn{}
}

func (s target) access(t *testing.T, email string) engine.Turn {
	t.Helper()
	return s.run(t, "access", email, func(*engine.Instruction) {})
}

// text opens every part of a turn.
func (s target) text(t *testing.T, turn engine.Turn) string {
	t.Helper()
	var b strings.Builder
	parts := s.kit.Parts(turn.Parts)
	for _, content := range parts.Contents() {
		for line, err := range parts.Records(t.Context(), content.Collection) {
			if err != nil {
				t.Fatal(err)
			}
			b.Write(line)
		}
	}
	return b.String()
}

func records(turn engine.Turn, collection string) int {
	for _, c := range turn.Collections {
		if c.Collection == collection {
			return c.Records
		}
	}
	return -1
}

func TestNamedPeopleShowWhatTheySay(t *testing.T) {
	dir := seed(t)
	shop := openTarget(t, dir, demo.ShopDatabase, demo.ShopDataset)

	typical := shop.access(t, demo.TypicalEmail)
	if typical.Outcome != connector.Found || records(typical, "orders") < 9 || records(typical, "tickets") != 2 || records(typical, "order_items") < 9 {
		t.Errorf("%s: %s %+v", demo.TypicalEmail, typical.Outcome, typical.Collections)
	}
	if busy := shop.access(t, demo.BusyEmail); records(busy, "orders") < 640 {
		t.Errorf("%s: %+v", demo.BusyEmail, busy.Collections)
	}
	if none := shop.access(t, demo.NoOrdersEmail); none.Outcome != connector.Found || records(none, "orders") != 0 || records(none, "customers") != 1 {
		t.Errorf("%s: %+v", demo.NoOrdersEmail, none.Collections)
	}
	if nobody := shop.access(t, demo.UnknownEmail); nobody.Outcome != connector.NothingHeld {
		t.Errorf("%s: %s", demo.UnknownEmail, nobody.Outcome)
	}
	if shared := shop.access(t, demo.SharedPhoneEmail); shared.Outcome != connector.Ambiguous || len(shared.Parts) != 0 {
		t.Errorf("%s: %s", demo.SharedPhoneEmail, shared.Outcome)
	}
	both := shop.access(t, demo.TwoMailsEmail)
	if text := shop.text(t, both); !strings.Contains(text, demo.TwoMailsSecondEmail) || records(both, "tickets") != 2 {
		t.Errorf("%s: %+v", demo.TwoMailsEmail, both.Collections)
	}
	club := openTarget(t, dir, demo.ClubDatabase, demo.ClubDataset)
	if member := club.access(t, demo.ClubOnlyEmail); member.Outcome != connector.Found || records(member, "bookings") == 0 {
		t.Errorf("%s: %+v", demo.ClubOnlyEmail, member.Collections)
	}
}

// Two people of one household share a home and give each other things: nothing of the other is in what one receives.
func TestHouseholdSeesNothingOfTheOther(t *testing.T) {
	shop := openTarget(t, seed(t), demo.ShopDatabase, demo.ShopDataset)
	for _, p := range [][3]string{
		{demo.HouseholdEmail, demo.HouseholdOtherEmail, demo.HouseholdOtherName}, {demo.HouseholdOtherEmail, demo.HouseholdEmail, demo.HouseholdName},
	} {
		turn := shop.access(t, p[0])
		text := shop.text(t, turn)
		if records(turn, "addresses") != 1 || records(turn, "orders") < 8 {
			t.Errorf("%+v", turn.Collections)
		}
		for _, other := range p[1:] {
			if strings.Contains(text, other) {
				t.Error("the package names the other person of the household")
			}
		}
	}
}

// The data maps allow an erasure from plan to end: what law keeps stays, the rest is gone or says nothing.
func TestTypicalPersonCanBeErased(t *testing.T) {
	dir := seed(t)
	shop := openTarget(t, dir, demo.ShopDatabase, demo.ShopDataset)
	plan := shop.run(t, "plan", demo.TypicalEmail, func(i *engine.Instruction) { i.Action = dsar.DryRun })
	done := shop.run(t, "erase", demo.TypicalEmail, func(i *engine.Instruction) { i.Action, i.Plan = dsar.Erase, plan.Plan })
	if done.Status != engine.Finished || done.Outcome != connector.Erased {
		t.Fatalf("planned %s %s: %+v\nerased %s %s: %s %s", plan.Status, plan.Outcome, plan.Collections, done.Status, done.Outcome, done.Reason, done.FaultClass)
	}
	db := open(t, filepath.Join(dir, demo.ShopDatabase))
	if n := number(t, db, "SELECT count(*) FROM customers WHERE id = 1 AND name = '[erased]' AND email NOT LIKE '%@%' AND phone = '[erased]'"); n != 1 {
		t.Error("the customer is not masked")
	}
	if n := number(t, db, "SELECT (SELECT count(*) FROM logins WHERE customer_id = 1) + (SELECT count(*) FROM tickets WHERE email = ?1) + (SELECT count(*) FROM newsletter_subscriptions WHERE email = ?1)", demo.TypicalEmail); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := number(t, db, "SELECT count(*) FROM orders WHERE customer_id = 1"); n != 9 {
		t.Errorf("%d orders are kept, want 9", n)
	}
	if n := number(t, db, "SELECT count(*) FROM customers WHERE name = '[erased]'"); n != 1 {
		t.Errorf("%d customers were masked", n)
	}
}
