package connectors

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

// TestPostgresSuite holds the connector to the suite. Faults come from a proxy that speaks the protocol.
func TestPostgresSuite(t *testing.T) {
	connectortest.Run(t, newPostgresHarness)
}

func newPostgresHarness(tb testing.TB) connectortest.Harness {
	d := server.CreateDatabase(tb)
	h := &postgresTarget{db: d, proxy: server.NewProxy(tb)}
	settings := func(change string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"host":%q,"port":%d,"database":%q,"user":%q%s}`, h.proxy.Host, h.proxy.Port, d.Name, d.User, change))
	}
	return connectortest.Harness{
		Factory:  sql.Postgres(),
		Settings: settings(""),
		BadSettings: []json.RawMessage{
			json.RawMessage(`{}`), json.RawMessage(`[]`), settings(`,"sslmode":"prefer"`), settings(`,"maxConnections":0`), settings(`,"other":1`), settings(`,"schema":""`),
		},
		Secrets: map[string]redact.Text{"password": redact.NewText(d.Password)},
		Seed:    h.seed,
		Dump:    h.dump,
		Fault:   h.fault,
		Close:   func(testing.TB) {},
		Cannot: map[connectortest.FaultKind]string{
			connectortest.Throttled: "a server without a free connection does not say how long to wait",
		},
		Large: largeGraph(),
	}
}

func largeGraph() int {
	if testing.Short() {
		return 20_000
	}
	return 100_000
}

// postgresTarget is the system under test: the database, and the data map by which it was seeded.
type postgresTarget struct {
	db     *postgres.Database
	proxy  *postgres.Proxy
	seeded string // key of the data map whose tables there are
	data   *connector.Dataset
}

func (h *postgresTarget) fault(_ testing.TB, f connectortest.Fault) {
	x := map[connectortest.FaultKind]postgres.Fault{
		connectortest.ServerError: {Code: "57P01"}, connectortest.Timeout: {Code: "57014"}, connectortest.Unauthorised: {Code: "28P01"},
		connectortest.Malformed: {Garbage: true}, connectortest.DropMidPage: {AfterRows: f.Row}, connectortest.LostAnswer: {Lost: true},
	}[f.Kind]
	h.proxy.Fail(x, f.Skip, f.Times)
}

func (h *postgresTarget) seed(tb testing.TB, w connectortest.World) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, h.db.URL())
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	do := func(text string) {
		if _, err := conn.Exec(ctx, text); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
	for _, c := range w.Dataset.Collections {
		if h.seeded == w.Dataset.Key {
			do("TRUNCATE " + quoted(c.Name))
			continue
		}
		do(createTable(c))
		for _, f := range c.Fields {
			if f.Identity != "" || len(f.References) > 0 {
				do("CREATE INDEX ON " + quoted(c.Name) + "(" + quoted(f.Name) + ")")
			}
		}
	}
	h.seeded, h.data = w.Dataset.Key, w.Dataset
	for _, c := range w.Dataset.Collections {
		var rows [][]any
		for _, r := range w.Records {
			if r.Collection != c.Name {
				continue
			}
			var row []any
			for _, f := range r.Fields {
				row = append(row, f.Value.Reveal())
			}
			rows = append(rows, row)
		}
		var names []string
		for _, f := range c.Fields {
			names = append(names, f.Name)
		}
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{c.Name}, names, pgx.CopyFromRows(rows)); err != nil {
			tb.Fatalf("filling %s: %v", c.Name, err)
		}
		do("ANALYZE " + quoted(c.Name)) //nolint:misspell // SQL
	}
}

func createTable(c *connector.Collection) string {
	var columns, key []string
	for _, f := range c.Fields {
		kind := map[connector.DataType]string{connector.DataInteger: "bigint", connector.DataBoolean: "boolean", connector.DataFloat: "double precision"}[f.Type]
		switch {
		case f.Array || len(f.Fields) > 0 || f.Type == connector.DataObject:
			kind = "jsonb"
		case kind == "":
			kind = "text"
		}
		columns = append(columns, quoted(f.Name)+" "+kind)
		if f.PrimaryKey {
			key = append(key, quoted(f.Name))
		}
	}
	return "CREATE TABLE " + quoted(c.Name) + " (" + strings.Join(columns, ", ") + ", PRIMARY KEY (" + strings.Join(key, ", ") + "))"
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() } //nolint:misspell // its name

// dump reads past the connector and past the proxy.
func (h *postgresTarget) dump(tb testing.TB) []*connector.Record {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, h.db.URL())
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	var records []*connector.Record
	for _, c := range h.data.Collections {
		var names []string
		for _, f := range c.Fields {
			names = append(names, quoted(f.Name))
		}
		rows, err := conn.Query(ctx, "SELECT "+strings.Join(names, ",")+" FROM "+quoted(c.Name))
		if err != nil {
			tb.Fatal(err)
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				tb.Fatal(err)
			}
			r := &connector.Record{Collection: c.Name}
			for i, f := range c.Fields {
				v := plainValue(tb, values[i])
				r.Fields = append(r.Fields, connector.Field{Name: f.Name, Value: v})
				if f.PrimaryKey {
					r.Key = append(r.Key, v)
				}
			}
			records = append(records, r)
		}
		if err := rows.Err(); err != nil {
			tb.Fatal(err)
		}
	}
	return records
}

func plainValue(tb testing.TB, v any) connector.Value {
	tb.Helper()
	switch v := v.(type) {
	case nil:
		return connector.Null()
	case bool:
		return connector.Bool(v)
	case int64:
		return connector.Int(v)
	case float64:
		return connector.Float(v)
	case string:
		return connector.Text(v)
	}
	tb.Fatalf("the table holds a %T", v)
	return connector.Null()
}
