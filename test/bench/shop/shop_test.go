package shop_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/test/bench/shop"
)

func newShop(t testing.TB, customers, large int) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), shop.Schema()); err != nil {
		t.Fatal(err)
	}
	if err := shop.Generate(t.Context(), db, customers); err != nil {
		t.Fatal(err)
	}
	if err := shop.LargeSubject(t.Context(), db, large); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t testing.TB, db *sql.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestEveryCustomerHasTheirRows(t *testing.T) {
	const customers, large = 200, 321
	db := newShop(t, customers, large)
	total := 0
	for _, table := range []string{"address", "customer", "payment_card", "orders", "order_item", "visit", "login", "service_request"} {
		total += count(t, db, "SELECT count(*) FROM "+table)
	}
	if want := customers*shop.RowsPerCustomer + shop.LargeRows + large + shop.Employees; total != want {
		t.Errorf("%d rows of people, want %d", total, want)
	}
	if n := count(t, db, "SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer_id WHERE c.email = ?", shop.Email(7)); n != 3 {
		t.Errorf("customer 7 has %d orders, want 3", n)
	}
	if n := count(t, db, "SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer_id WHERE c.email = ?", shop.LargeEmail); n != large {
		t.Errorf("the large customer has %d orders, want %d", n, large)
	}
	if n := count(t, db, "SELECT count(*) FROM pragma_foreign_key_check"); n != 0 {
		t.Errorf("%d references lead nowhere", n)
	}
	if n := count(t, db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"); n != 11 {
		t.Errorf("%d tables, want 11", n)
	}
}

func TestDatasetIsRead(t *testing.T) {
	loaded, err := datamap.Load([]byte(shop.Dataset()))
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.Datasets) != 1 || len(loaded.Datasets[0].Collections) != 11 {
		t.Error("the data map does not have the eleven tables")
	}
}
