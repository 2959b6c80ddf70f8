package demo_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/infra/local/demo"
)

func fresh(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := demo.Seed(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// once seeds a directory that all tests share; the first to ask keeps it until the process ends.
var once = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return "", err
	}
	return dir, demo.Seed(context.Background(), dir, nil)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := once(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// seed returns a directory of its own with the demo data in it.
func seed(t testing.TB) string {
	t.Helper()
	shared, err := once()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(shared)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func number(t testing.TB, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestSeedMakesTheShop(t *testing.T) {
	db := open(t, filepath.Join(seed(t), demo.ShopDatabase))
	if n := number(t, db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"); n != 12 {
		t.Errorf("%d tables, want 12", n)
	}
	rows := 0
	for table := range strings.FieldsSeq("customers addresses orders order_items products payments reviews newsletter_subscriptions tickets ticket_messages logins employees") {
		n := number(t, db, "SELECT count(*) FROM "+table)
		t.Logf("%-26s %6d", table, n)
		rows += n
	}
	if rows < 140_000 || rows > 160_000 {
		t.Errorf("%d rows, want about 150,000", rows)
	}
	for query, least := range map[string]int{
		"SELECT count(*) FROM customers":                                                                                                                      5000,
		"SELECT count(DISTINCT email) FROM customers":                                                                                                         5000,
		"SELECT count(*) FROM orders WHERE gift_for_id IS NOT NULL":                                                                                           500,
		"SELECT count(*) FROM (SELECT home_address_id FROM customers GROUP BY 1 HAVING count(*) = 2)":                                                         200,
		"SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)":                                               300,
		"SELECT count(*) FROM (SELECT customer_id FROM orders GROUP BY 1 HAVING count(*) > 100)":                                                              5,
		"SELECT count(*) FROM customers WHERE referred_by IS NOT NULL":                                                                                        500,
		"SELECT count(*) FROM reviews WHERE reply_to IS NOT NULL":                                                                                             500,
		"SELECT count(*) FROM newsletter_subscriptions WHERE CAST(email AS BLOB) <> CAST(lower(email) AS BLOB)":                                               100,
		"SELECT count(DISTINCT locale) FROM customers":                                                                                                        18,
		"SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id JOIN customers g ON g.id = o.gift_for_id WHERE o.shipping_address_id IS NULL": 100,
	} {
		if n := number(t, db, query); n < least {
			t.Errorf("%s: %d, want at least %d", query, n, least)
		}
	}
	if n := number(t, db, "SELECT count(*) FROM pragma_foreign_key_check"); n != 0 {
		t.Errorf("%d references lead nowhere", n)
	}
}

// Nobody but the pair that shows it may be ambiguous, and a gift must not lead to the home of its receiver.
func TestSeedKeepsPeopleApart(t *testing.T) {
	db := open(t, filepath.Join(seed(t), demo.ShopDatabase))
	if n := number(t, db, "SELECT count(*) FROM (SELECT phone FROM customers WHERE phone IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"); n != 1 {
		t.Errorf("%d telephones are shared, want the one of the pair", n)
	}
	for query, args := range map[string][]any{
		"SELECT count(*) FROM customers a JOIN customers b ON a.phone = b.phone WHERE a.email = ? AND b.email = ?":                                   {demo.SharedPhoneEmail, demo.SharedPhoneOtherEmail},
		"SELECT count(*) FROM customers WHERE email = ? AND alt_email = ?":                                                                           {demo.TwoMailsEmail, demo.TwoMailsSecondEmail},
		"SELECT count(*) FROM customers a JOIN customers b ON a.home_address_id = b.home_address_id AND a.name = ? AND b.name = ?":                   {demo.HouseholdName, demo.HouseholdOtherName},
		"SELECT count(*) FROM customers c WHERE c.email = ? AND NOT EXISTS (SELECT 1 FROM orders o WHERE c.id IN (o.customer_id, o.gift_for_id))":    {demo.NoOrdersEmail},
		"SELECT count(*) FROM customers c WHERE c.email = ? AND (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) = 640":                    {demo.BusyEmail},
		"SELECT count(*) FROM customers c WHERE c.email = ? AND EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.gift_for_id = 6)":    {demo.HouseholdEmail},
		"SELECT 1 - count(*) FROM tickets t WHERE t.email = ? AND t.customer_id IS NOT NULL":                                                         {demo.TwoMailsSecondEmail},
		"SELECT count(*) = 0 FROM customers WHERE email IN (?, ?)":                                                                                   {demo.UnknownEmail, demo.ClubOnlyEmail},
		"SELECT count(*) = 0 FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.shipping_address_id <> c.home_address_id AND ? = ?":      {1, 1},
		"SELECT count(*) = 0 FROM reviews r JOIN reviews p ON p.id = r.reply_to WHERE r.customer_id <> coalesce(p.customer_id, r.customer_id) AND ?": {1},
		"SELECT count(*) = 0 FROM customers WHERE email NOT LIKE '%@example.com' AND email NOT LIKE '%.test' AND ?":                                  {1},
		"SELECT count(*) = 0 FROM customers WHERE phone NOT LIKE '+1555010____' AND ?":                                                               {1},
		"SELECT count(*) > 0 FROM tickets WHERE email = ?":                                                                                           {demo.TwoMailsSecondEmail},
		"SELECT count(*) > 0 FROM reviews r JOIN customers c ON c.id = r.customer_id WHERE c.email = ?":                                              {demo.BusyEmail},
	} {
		if n := number(t, db, query, args...); n != 1 {
			t.Errorf("%s: %d, want 1", query, n)
		}
	}
}

func TestSeedMakesTheClub(t *testing.T) {
	db := open(t, filepath.Join(seed(t), demo.ClubDatabase))
	for _, email := range []string{demo.TypicalEmail, demo.ClubOnlyEmail} {
		if n := number(t, db, "SELECT count(*) FROM members m JOIN bookings b ON b.member_number = m.number WHERE m.email = ?", email); n == 0 {
			t.Errorf("a named member has no bookings")
		}
	}
	if n := number(t, db, "SELECT count(*) FROM (SELECT phone FROM members GROUP BY 1 HAVING count(*) > 1)"); n != 0 {
		t.Errorf("%d telephones are shared", n)
	}
	if n := number(t, db, "SELECT count(*) FROM pragma_foreign_key_check"); n != 0 {
		t.Errorf("%d references lead nowhere", n)
	}
}

func TestSeedIsTheSameEverywhereAndHappensOnce(t *testing.T) {
	a, b := seed(t), fresh(t)
	for _, name := range []string{demo.ShopDatabase, demo.ClubDatabase, demo.ShopDataset, demo.ClubDataset} {
		if digest(t, filepath.Join(a, name)) != digest(t, filepath.Join(b, name)) {
			t.Errorf("%s differs between two runs", name)
		}
	}
	db := open(t, filepath.Join(a, demo.ShopDatabase))
	if _, err := db.ExecContext(t.Context(), "DELETE FROM newsletter_subscriptions"); err != nil {
		t.Fatal(err)
	}
	if err := demo.Seed(t.Context(), a, func(string) { t.Error("a second call made something up") }); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT count(*) FROM newsletter_subscriptions"); n != 0 {
		t.Error("a second call brought back what was erased")
	}
}

func digest(t testing.TB, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

func TestSeedLeavesNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	// What a killed process left behind.
	if err := os.WriteFile(filepath.Join(dir, demo.ShopDatabase+".partial"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := demo.Seed(ctx, dir, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want a cancelled context", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
	if err := demo.Seed(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPeopleAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range demo.People() {
		if p.Name == "" || p.Shows == "" || seen[p.Email] {
			t.Errorf("%q is incomplete or listed twice", p.Name)
		}
		seen[p.Email] = true
	}
}

func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		fresh(b)
	}
}
