package connectors

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// everyType is a table with a column of every type, its name, what is stored and what is read.
var everyType = []struct{ name, typ, stored, read string }{
	{"yes", "boolean", "true", `true`},
	{"small", "smallint", "-32768", `-32768`},
	{"big", "bigint", "9223372036854775807", `9223372036854775807`},
	{"ratio", "double precision", "0.1", `0.1`},
	{"single", "real", "0.1", `0.1`},
	{"exact", "numeric", "'12345678901234567890.123456789012345678'", `12345678901234567890.123456789012345678`},
	{"price", "numeric(10,2)", "12.5", `12.50`},
	{"nan", "numeric", "'NaN'", `"NaN"`},
	{"cash", "money", "'-1234.50'::numeric::money", `-1234.50`},
	{"words", "text", "'Ünïcode ✓ \"quoted\" \\'", `"Ünïcode ✓ \"quoted\" \\"`},
	{"short", "varchar(12)", "'twelve chars'", `"twelve chars"`},
	{"padded", "char(5)", "'abc'", `"abc"`},
	{"folded", "citext", "'MiXed'", `"MiXed"`},
	{"raw", "bytea", `'\x00ff10'`, `"AP8Q"`},
	{"day", "date", "'2024-02-29'", `"2024-02-29"`},
	{"local", "timestamp", "'2024-03-31 02:30:00.123456'", `"2024-03-31 02:30:00.123456"`},
	{"moment", "timestamptz", "'2024-03-31 02:30:00.123456+05:30'", `"2024-03-30T21:00:00.123456Z"`},
	{"never", "timestamptz", "'infinity'", `"infinity"`},
	{"clock", "timetz", "'10:00:00+02'", `"10:00:00+02"`},
	{"span", "interval", "'1 year 2 mons 3 days 04:05:06.789'", `"P1Y2M3DT4H5M6.789S"`},
	{"address", "inet", "'192.0.2.7/24'", `"192.0.2.7/24"`},
	{"net", "cidr", "'2001:db8::/32'", `"2001:db8::/32"`},
	{"ident", "uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
	{"mood", "mood", "'very happy'", `"very happy"`},
	{"mailbox", "mailbox", "'x@example.com'", `"x@example.com"`},
	{"doc", "jsonb", `'{"b": [1, 2.50, {"c": null}], "a": "é"}'`, `{"a":"é","b":[1,2.50,{"c":null}]}`},
	{"text_doc", "json", `'{"z":1,  "a":12345678901234567890}'`, `{"z":1,"a":12345678901234567890}`},
	{"tags", "text[]", `ARRAY['plain', 'with "quotes", commas \', NULL, 'NULL', '']`, `["plain","with \"quotes\", commas \\",null,"NULL",""]`},
	{"numbers", "int[]", "'{{1,2},{3,4}}'", `[[1,2],[3,4]]`},
	{"shifted", "int[]", "'[5:6]={7,8}'", `[7,8]`},
	{"moods", "mood[]", "'{sad,\"very happy\"}'", `["sad","very happy"]`},
	{"moments", "timestamptz[]", "'{2024-01-01 00:00:00+01}'", `["2023-12-31T23:00:00Z"]`},
	{"docs", "jsonb[]", `ARRAY['{"k": "v"}'::jsonb]`, `[{"k":"v"}]`},
	{"period", "daterange", "'[2024-01-01,2024-02-01)'", `"[2024-01-01,2024-02-01)"`},
	{"bits", "bit(3)", "B'101'", `"101"`},
	{"spot", "point", "'(1.5,-2)'", `"(1.5,-2)"`},
	{"markup", "xml", "'<a>b</a>'", `"<a>b</a>"`},
	{"nothing", "text", "NULL", `null`},
}

func typesDatabase(t *testing.T, rule string) system {
	t.Helper()
	d := server.CreateDatabase(t)
	d.ExecAsAdmin(t, "CREATE EXTENSION citext")
	columns, values := []string{"id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "email text"}, []string{"'ann@example.com'"}
	names, fields := []string{"email"}, []string{idField, emailField}
	for _, c := range everyType {
		columns, names, values = append(columns, c.name+" "+c.typ), append(names, c.name), append(values, c.stored)
		field := personal(c.name)
		if rule != "" {
			field = erased(c.name, rule)
		}
		fields = append(fields, field)
	}
	d.Exec(t, "CREATE TYPE mood AS ENUM ('sad', 'very happy')", "CREATE DOMAIN mailbox AS varchar(40) CHECK (VALUE LIKE '%@%')",
		"CREATE TABLE t ("+strings.Join(columns, ", ")+")", "INSERT INTO t ("+strings.Join(names, ",")+") VALUES ("+strings.Join(values, ",")+")")
	return openAs(t, d, dataMap(collection("t", "", fields...)), account{})
}

// Every type is read without loss, none of them declared.
func TestTypesAreReadExactly(t *testing.T) {
	s := typesDatabase(t, "")
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	records, _ := s.access(t, ann)
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	for _, c := range everyType {
		v, ok := records[0].Get(c.name)
		if got := string(v.AppendJSON(nil)); !ok || got != c.read {
			t.Errorf("%s: read %s, want %s", c.typ, got, c.read)
		}
	}
}

// Values of every type become null, or are masked by what the type allows, and are verified as such.
func TestTypesAreErased(t *testing.T) {
	for rule, want := range map[string]map[string]string{
		"null": {},
		"mask": {
			"small": "0", "big": "0", "ratio": "0", "single": "0", "exact": "0", "price": "0.00", "nan": "0", "cash": "0",
			"words": "[erased]", "short": "[erased]", "padded": "[eras", "folded": "[erased]",
		},
	} {
		t.Run(rule, func(t *testing.T) {
			s := typesDatabase(t, rule)
			if rule == "mask" { // the mask breaks the rule of the domain: the system says so, and nothing is changed
				for _, b := range batches(s.plan(t, ann)) {
					if b[0].Action == connector.ActMask {
						_, err := s.ApplyErasure(t.Context(), b)
						wantClass(t, err, fault.Misconfigured)
					}
				}
				s.db.Exec(t, "ALTER DOMAIN mailbox DROP CONSTRAINT mailbox_check")
				want["mailbox"] = "[erased]"
			}
			s.erase(t, ann)
			for _, c := range everyType {
				expression := c.name + "::text"
				if c.typ == "money" {
					expression = "cash::numeric::float8::text"
				}
				expected := want[c.name]
				if expected == "" {
					expected = "NULL"
				}
				if got := s.db.Strings(t, "SELECT "+expression+" FROM t")[0]; got != expected {
					t.Errorf("%s: %q, want %q", c.typ, got, expected)
				}
			}
		})
	}
}

// A corrected value is planned as the server will give it back, and one that would be cut or shifted is refused.
func TestCorrectionsFitTheType(t *testing.T) {
	for name, x := range map[string]struct{ to, stored string }{
		"price": {"7", "7.00"}, "exact": {"0.10", "0.10"}, "moment": {"2025-01-01T12:00:00+02:00", "2025-01-01 10:00:00+00"}, "day": {"2025-01-01", "2025-01-01"},
		"ident": {"B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, "mood": {"sad", "sad"}, "span": {"2 hours", "02:00:00"},
		"mailbox": {"new@example.com", "new@example.com"}, "folded": {"New", "New"}, "small": {"12", "12"}, "yes": {"false", "false"}, "cash": {"3.5", "$3.50"},
		"short": {"this is too long", ""}, "local": {"2025-01-01T12:00:00+02:00", ""}, "big": {"12.5", ""}, "padded": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := typesDatabase(t, "")
			if name == "cash" {
				s.db.ExecAsAdmin(t, "ALTER DATABASE "+s.db.Name+" SET lc_monetary = 'C'")
			}
			call := connector.Call{Identifiers: mail(t, ann), Corrections: []connector.FieldCorrection{{Collection: "t", Field: name, Value: connector.Text(x.to)}}}
			if x.stored == "" && x.to != "" {
				call.Spool, call.Request = newSpool(t), once
				call.Changes = &collector[connector.Change]{copy: func(c connector.Change) connector.Change { return c }}
				_, err := s.PlanCorrection(t.Context(), call)
				wantClass(t, err, fault.Invalid)
				return
			}
			plan := s.changes(t, s.PlanCorrection, call)
			if effects, err := s.ApplyCorrection(t.Context(), plan); err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone}) {
				t.Fatalf("applied %v, %v", effects, err)
			}
			if effects, err := s.VerifyCorrection(t.Context(), plan); err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone}) {
				t.Errorf("verified %v, %v", effects, err)
			}
			want := x.stored
			if got := strings.TrimRight(s.db.Strings(t, "SELECT "+name+"::text FROM t")[0], " "); got != want {
				t.Errorf("stored %q, want %q", got, want)
			}
			if again := s.changes(t, s.PlanCorrection, call); len(again) > 0 {
				t.Errorf("the same correction has still %d changes to make", len(again))
			}
		})
	}
}

// Whatever a key is made of, its rows are found, told apart and erased.
func TestKeysOfEveryType(t *testing.T) {
	for typ, values := range map[string][]string{
		"uuid": {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, "numeric": {"1.50", "-0.001"}, "date": {"2024-01-01", "2024-01-02"},
		"timestamptz": {"2024-01-01 00:00:00.000001+00", "2024-01-01 00:00:00.000002+00"}, "timestamp": {"2024-01-01 00:00:00", "2024-01-01 00:00:00.5"},
		"inet": {"192.0.2.1", "192.0.2.0/24"}, "mood": {"sad", "very happy"}, "char(4)": {"a", "b"}, "citext": {"A", "b"}, "bytea": {`\x00`, `\x`}, "boolean": {"t", "f"},
		"interval": {"1 day", "1 mon"}, "name": {"x", "y"}, "real": {"0.1", "0.25"}, "varchar(3)": {"", "'"},
	} {
		t.Run(typ, func(t *testing.T) {
			d := server.CreateDatabase(t)
			d.ExecAsAdmin(t, "CREATE EXTENSION citext")
			quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
			d.Exec(t, "CREATE TYPE mood AS ENUM ('sad', 'very happy')", "CREATE TABLE t (id "+typ+", n int, email text, note text, PRIMARY KEY (id, n))",
				"INSERT INTO t SELECT k::"+typ+", n, CASE n WHEN 0 THEN 'ann' ELSE 'bob' END || '@example.com', 'x' FROM unnest(ARRAY["+quote(values[0])+","+quote(values[1])+"]) k, generate_series(0, 1) n")
			key := `{name: n, data_categories: [system.operations], fides_meta: {primary_key: true}}`
			s := openAs(t, d, dataMap(collection("t", "", idField, key, emailField, erased("note", "mask"))), account{})
			if records, _ := s.access(t, ann); len(records) != 2 {
				t.Fatalf("%d records, want 2", len(records))
			}
			s.erase(t, ann)
			if diff := cmp.Diff([]string{"[erased]", "[erased]", "x", "x"}, d.Strings(t, "SELECT note FROM t ORDER BY n")); diff != "" {
				t.Errorf("%s", diff)
			}
			whole := openAs(t, d, dataMap(collection("t", "", idField, key, emailField)), account{})
			whole.erase(t, ann)
			if got := d.Strings(t, "SELECT email FROM t"); len(got) != 2 || got[0] != "bob@example.com" {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// What the connector cannot handle is a problem with its line, never left out in silence.
func TestStrangeTypesAreProblems(t *testing.T) {
	d := server.CreateDatabase(t)
	d.ExecAsAdmin(t, "CREATE EXTENSION hstore", "CREATE SCHEMA far", "CREATE EXTENSION citext SCHEMA far", "GRANT USAGE ON SCHEMA far TO "+d.User)
	d.Exec(t, "CREATE TYPE pair AS (a int, b text)", "CREATE DOMAIN pairs AS pair", "CREATE TABLE fine (id int PRIMARY KEY, email text)",
		"CREATE TABLE t (id int PRIMARY KEY, email text, p pair, ps pair[], dp pairs, h hstore, f far.citext, o text, n text, a text, j jsonb)")
	s := openAs(t, d, dataMap(collection("fine", "", idField, emailField), collection("t", "", idField, emailField, personal("p"), personal("ps"), personal("dp"), personal("h"), personal("f"),
		`{name: o, data_categories: [user.content], fides_meta: {data_type: object_id}}`,
		`{name: n, fields: [{name: x, data_categories: [user.content]}]}`,
		`{name: a, data_categories: [user.content], fides_meta: {data_type: "string[]"}}`, personal("j"))), account{})
	list := s.problems(t)
	for field, words := range map[string]string{
		"p": "composite", "ps": "composite", "dp": "composite", "h": "cannot handle", "f": "search_path", "o": "object_id", "n": "nested", "a": "array",
	} {
		wantProblem(t, list, "t", field, words)
	}
	if len(list) != 8 {
		t.Errorf("%d problems: %+v", len(list), list)
	}
	_, p := s.access(t, ann)
	if got := outcomeOf(p, "t"); got.Outcome != connector.NotDone || got.Note == "" {
		t.Errorf("%+v", got)
	}
}
