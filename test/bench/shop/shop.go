// Package shop makes the target database of the benchmarks: a shop on SQLite with eleven tables in which every customer has
// 21 rows, and, when asked for, one customer with any number of orders. The data follows from the row numbers alone.
//
// The rows of customer i: the customer, two addresses, a card, three orders with two items each, two visits, five logins and
// a service request. Customers are found by Email(i).
package shop

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
)

//go:embed schema.sql
var schema string

//go:embed dataset.yml
var dataset string

// Figures of the shop.
const (
	RowsPerCustomer = 21
	Products        = 50
	Employees       = 100
	Reports         = 60

	// LargeEmail finds the customer that LargeSubject adds; she has LargeRows rows besides her orders.
	LargeEmail = "large@example.com"
	LargeRows  = 4

	largeID      = 900_000_001
	largeHome    = 2_000_000_001
	largeBilling = 2_000_000_002
)

// Email returns the address of customer i, counted from 1.
func Email(i int) string { return fmt.Sprintf("customer-%d@example.com", i) }

// Schema returns the statements that make the empty tables and their indexes.
func Schema() string { return schema }

// Dataset returns the data map of the shop as dataset YAML.
func Dataset() string { return dataset }

// numbers is a table of the numbers from 1 to its parameter.
const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) `

// staff fills what does not depend on the number of customers.
var staff = []struct {
	insert string
	rows   int
}{
	{`INSERT INTO product SELECT i, 'Product ' || i, 'What product ' || i || ' is good for', round(i * 1.37, 2) FROM n`, Products},
	{`INSERT INTO address SELECT 1000000000 + i, i, 'Counting House Street', 'Officeton', 'NY', '10001' FROM n`, Employees},
	{`INSERT INTO employee SELECT i, 'employee-' || i || '@shop.test', 'Employee ' || i, 1000000000 + i FROM n`, Employees},
	{`INSERT INTO report SELECT i, 'reports@shop.test', 'Month at a glance', 2020 + i / 12, i % 12 + 1, i * 100 FROM n`, Reports},
}

// people fills what every customer has; k and m count a customer's orders, items, visits and logins.
var people = []string{
	`INSERT INTO address SELECT 2 * i - 2 + k.k, (2 * i + k.k) % 900 + 1, 'Sample Road ' || ((2 * i + k.k) % 5000), 'Town ' || ((2 * i + k.k) % 300),
		substr('NYCATXWAOR', (2 * i + k.k) % 5 * 2 + 1, 2), printf('%05d', (2 * i + k.k) % 99999) FROM n, (SELECT 1 AS k UNION ALL SELECT 2) AS k ORDER BY 1`,
	`INSERT INTO customer SELECT i, 'customer-' || i || '@example.com', 'Customer Number ' || i, printf('+1555010%04d', i % 10000),
		datetime('2020-01-01', i || ' minutes'), 2 * i - 1 FROM n`,
	`INSERT INTO payment_card SELECT printf('pay_%08d', i), 'Card of ' || i, printf('4111%012d', i * 7919 % 1000000000000), printf('%03d', i % 1000), 1, i, 2 * i FROM n`,
	`INSERT INTO orders SELECT printf('ord_%08d_%d', i, k.k), i, 2 * i, printf('pay_%08d', i), datetime('2022-01-01', (3 * i + k.k) || ' minutes'),
		(i * 31 + k.k * 17) % 50000 / 100.0, 'Customer Number ' || i, 'Please ring twice, order ' || k.k FROM n, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3) AS k`,
	`INSERT INTO order_item SELECT printf('ord_%08d_%d', i, k.k), m.m, (i + k.k * m.m) % 50 + 1, m.m
		FROM n, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3) AS k, (SELECT 1 AS m UNION ALL SELECT 2) AS m`,
	`INSERT INTO visit SELECT 2 * i - 2 + k.k, 'customer-' || i || '@example.com', datetime('2023-01-01', (2 * i + k.k) || ' minutes'), '198.51.100.' || (i % 250)
		FROM n, (SELECT 1 AS k UNION ALL SELECT 2) AS k`,
	`INSERT INTO login SELECT 5 * i - 5 + k.k, i, datetime('2023-06-01', (5 * i + k.k) || ' minutes'), '203.0.113.' || ((i + k.k) % 250), 'Mozilla/5.0 (X11; Linux x86_64) bench/' || k.k
		FROM n, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS k`,
	`INSERT INTO service_request SELECT printf('ser_%08d', i), 'customer-' || i || '@example.com', CASE WHEN i % 4 = 0 THEN 'alt-' || i || '@shop.test' END,
		date('2023-01-01', (i % 700) || ' days'), date('2023-01-03', (i % 700) || ' days'), i % 100 + 1, 'My order ' || i || ' has not arrived, please call me.' FROM n`,
}

// Generate fills an empty schema with n customers and what belongs to nobody.
func Generate(ctx context.Context, db *sql.DB, n int) error {
	return transact(ctx, db, func(tx *sql.Tx) error {
		for _, s := range staff {
			if _, err := tx.ExecContext(ctx, numbers+s.insert, s.rows); err != nil {
				return fmt.Errorf("filling the shop: %w", err)
			}
		}
		for _, insert := range people {
			if _, err := tx.ExecContext(ctx, numbers+insert, n); err != nil {
				return fmt.Errorf("filling the shop with customers: %w", err)
			}
		}
		return nil
	})
}

// LargeSubject adds one customer with m orders without items, LargeRows + m rows in all.
func LargeSubject(ctx context.Context, db *sql.DB, m int) error {
	return transact(ctx, db, func(tx *sql.Tx) error {
		for _, row := range []struct {
			insert string
			args   []any
		}{
			{`INSERT INTO address VALUES (?, '1', 'Large Street', 'Largetown', 'NY', '00001'), (?, '2', 'Large Street', 'Largetown', 'NY', '00002')`, []any{largeHome, largeBilling}},
			{`INSERT INTO customer VALUES (?, ?, 'Large Customer', '+15550109999', '2019-01-01 00:00:00', ?)`, []any{largeID, LargeEmail, largeHome}},
			{`INSERT INTO payment_card VALUES ('pay_large', 'Card of Large', '4111000000000000', '123', 1, ?, ?)`, []any{largeID, largeBilling}},
			{numbers + `INSERT INTO orders SELECT printf('ordL_%08d', i), ?2, ?3, 'pay_large', datetime('2022-01-01', i || ' minutes'), i % 50000 / 100.0,
				'Large Customer', 'Please ring twice, order ' || i FROM n`, []any{m, largeID, largeBilling}},
		} {
			if _, err := tx.ExecContext(ctx, row.insert, row.args...); err != nil {
				return fmt.Errorf("adding the large customer: %w", err)
			}
		}
		return nil
	})
}

func transact(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	if _, err := db.ExecContext(ctx, "ANALYZE"); err != nil { //nolint:misspell // SQL
		return fmt.Errorf("analysing: %w", err)
	}
	return nil
}
