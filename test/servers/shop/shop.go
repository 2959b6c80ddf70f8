// Package shop makes the shop of test/bench/shop on PostgreSQL: the same tables, the same data map, 21 rows for each customer
// and, when asked for, one customer with any number of orders. Customers are found by shop.Email(i) of that package.
package shop

import (
	_ "embed"
	"fmt"
	"testing"

	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

//go:embed schema.sql
var schema string

// Schema returns the statements that make the empty tables and their indexes.
func Schema() string { return schema }

// LargeRows are the rows of the customer with many orders besides her orders and their items.
const LargeRows = 4

// people fills what every customer has, and what belongs to nobody; %[1]d is the number of customers.
const people = `
INSERT INTO product SELECT i, 'Product ' || i, 'What product ' || i || ' is good for', i * 1.37 FROM generate_series(1, 50) i;
INSERT INTO address SELECT a, a %% 900 + 1, 'Sample Road ' || a %% 5000, 'Town ' || a %% 300, substr('NYCATXWAOR', a %% 5 * 2 + 1, 2), lpad((a %% 99999)::text, 5, '0') FROM generate_series(1, 2 * %[1]d) a;
INSERT INTO address SELECT 1000000000 + i, i, 'Counting House Street', 'Officeton', 'NY', '10001' FROM generate_series(1, 100) i;
INSERT INTO employee SELECT i, 'employee-' || i || '@shop.test', 'Employee ' || i, 1000000000 + i FROM generate_series(1, 100) i;
INSERT INTO report SELECT i, 'reports@shop.test', 'Month at a glance', 2020 + i / 12, i %% 12 + 1, i * 100 FROM generate_series(1, 60) i;
INSERT INTO customer SELECT i, 'customer-' || i || '@example.com', 'Customer Number ' || i, '+1555010' || lpad((i %% 10000)::text, 4, '0'), timestamptz '2020-01-01Z' + i * interval '1 minute', 2 * i - 1 FROM generate_series(1, %[1]d) i;
INSERT INTO payment_card SELECT 'pay_' || lpad(i::text, 8, '0'), 'Card of ' || i, '4111' || lpad((i * 7919::bigint %% 1000000000000)::text, 12, '0'), lpad((i %% 1000)::text, 3, '0'), true, i, 2 * i FROM generate_series(1, %[1]d) i;
INSERT INTO orders SELECT 'ord_' || lpad(i::text, 8, '0') || '_' || k, i, 2 * i, 'pay_' || lpad(i::text, 8, '0'), timestamptz '2022-01-01Z' + (3 * i + k) * interval '1 minute', (i * 31 + k * 17) %% 50000 / 100.0,
	'Customer Number ' || i, 'Please ring twice, order ' || k FROM generate_series(1, %[1]d) i, generate_series(1, 3) k;
INSERT INTO order_item SELECT 'ord_' || lpad(i::text, 8, '0') || '_' || k, m, (i + k * m) %% 50 + 1, m FROM generate_series(1, %[1]d) i, generate_series(1, 3) k, generate_series(1, 2) m;
INSERT INTO visit SELECT 2 * i - 2 + k, 'customer-' || i || '@example.com', timestamptz '2023-01-01Z' + (2 * i + k) * interval '1 minute', '198.51.100.' || i %% 250 FROM generate_series(1, %[1]d) i, generate_series(1, 2) k;
INSERT INTO login SELECT 5 * i - 5 + k, i, timestamptz '2023-06-01Z' + (5 * i + k) * interval '1 minute', '203.0.113.' || (i + k) %% 250, 'Mozilla/5.0 (X11; Linux x86_64) bench/' || k FROM generate_series(1, %[1]d) i, generate_series(1, 5) k;
INSERT INTO service_request SELECT 'ser_' || lpad(i::text, 8, '0'), 'customer-' || i || '@example.com', CASE WHEN i %% 4 = 0 THEN 'alt-' || i || '@shop.test' END, date '2023-01-01' + i %% 700, date '2023-01-03' + i %% 700,
	i %% 100 + 1, 'My order ' || i || ' has not arrived, please call me.' FROM generate_series(1, %[1]d) i;`

// large adds one customer with %[1]d orders of %[2]d items each.
const large = `
INSERT INTO address VALUES (2000000001, '1', 'Large Street', 'Largetown', 'NY', '00001'), (2000000002, '2', 'Large Street', 'Largetown', 'NY', '00002');
INSERT INTO customer VALUES (900000001, 'large@example.com', 'Large Customer', '+15550109999', timestamptz '2019-01-01Z', 2000000001);
INSERT INTO payment_card VALUES ('pay_large', 'Card of Large', '4111000000000000', '123', true, 900000001, 2000000002);
INSERT INTO orders SELECT 'ordL_' || lpad(i::text, 8, '0'), 900000001, 2000000002, 'pay_large', timestamptz '2022-01-01Z' + i * interval '1 minute', i %% 50000 / 100.0, 'Large Customer', 'Please ring twice, order ' || i FROM generate_series(1, %[1]d) i;
INSERT INTO order_item SELECT 'ordL_' || lpad(i::text, 8, '0'), m, (i + m) %% 50 + 1, m FROM generate_series(1, %[1]d) i, generate_series(1, %[2]d) m;`

// Fill makes the tables with n customers.
func Fill(tb testing.TB, d *postgres.Database, n int) {
	tb.Helper()
	d.Exec(tb, schema, fmt.Sprintf(people, n), "ANALYZE") //nolint:misspell // SQL
}

// AddLarge adds the customer shop.LargeEmail with orders and items of each: LargeRows + orders + orders*items rows.
func AddLarge(tb testing.TB, d *postgres.Database, orders, items int) {
	tb.Helper()
	d.Exec(tb, fmt.Sprintf(large, orders, items), "ANALYZE") //nolint:misspell // SQL
}
