package sql

import (
	"context"
	"database/sql/driver"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// dialect is what differs between SQL systems.
type dialect interface {
	// open connects. A connection that is not writable cannot change anything.
	open(ctx context.Context, writable bool) (driver.Conn, error)
	// inspect reads the live schema of the named tables, letter case aside; one that does not exist is missing in the answer.
	// The key of the answer is the name as asked for.
	inspect(ctx context.Context, s *session, names []string) (map[string]*liveTable, error)
	// codec translates between a column and values. The error says, for an operator, why the pair cannot work.
	codec(c *liveColumn, f *connector.DataField) (codec, error)
	// classify gives an error of the driver its fault class and a text without values. One that says that a table or a column is
	// missing, or not to be read, becomes a *missing.
	classify(err error, doing string) error
	// writer makes the parts of statements that are spelt differently.
	writer() writer
}

// missing is the error of a statement that names what the database does not have any more, or does not show.
type missing struct{ error }

func (m *missing) Unwrap() error { return m.error }

// codec translates the values of one column.
type codec interface {
	// decode returns what the driver read as a value, exactly.
	decode(v driver.Value) connector.Value
	// sought returns the forms in which a value may be stored in the column; none when it cannot be.
	sought(v connector.Value) []driver.Value
	// stored returns the form in which the value is written, and the value as it will be read back.
	stored(v connector.Value) (driver.Value, connector.Value)
	// settle returns any value as the column would give it back; fault.Invalid when it cannot be written there.
	settle(ctx context.Context, s *session, v connector.Value) (connector.Value, error)
}

// writer spells what differs in statements.
type writer interface {
	spelling() spelling
	// quote makes an identifier of any name.
	quote(name string) string
	// bind adds a parameter and its value.
	bind(q *query, v driver.Value)
	// among adds the condition that the columns, taken together, equal one of the tuples. Tuples hold no null.
	among(q *query, columns []operand, tuples [][]driver.Value)
	// roughly adds a condition that every row meets whose column equals one of the texts in the way of comparing; rows that
	// do not may meet it too. indexed says that an index over the column alone folds letter case.
	roughly(q *query, column operand, texts []string, how comparison, indexed bool)
}

// spelling is what differs by a word only.
type spelling struct {
	plain   string // before a selected column, to get it as it was stored
	same    string // operator: equal, or both null
	begin   string // starts a transaction that changes rows
	locked  string // after a query whose rows are changed in the same transaction
	ordered bool   // a query for the first rows in an order needs no help to be answered well
}

// tabler is implemented by writers that can put tuples into a statement as a table.
type tabler interface {
	// tuples adds a table u with columns column1, column2 and so on, each of texts. Tuples may hold null.
	tuples(q *query, width int, tuples [][]driver.Value)
}

// operand is a column as it is compared: an expression, and what values are cast to for it where the system asks for that.
type operand struct {
	text    string
	cast    string
	element string // for arrays of texts: what their elements are cast to
}

// comparison is a way of comparing that equality of the column does not give.
type comparison uint8

const (
	byFolding comparison = iota // letter case aside
	byMail                      // normal forms of mail addresses
	byPhone                     // normal forms of telephone numbers
	byElement                   // somewhere in nested values
)

// liveTable is a table as it is.
type liveTable struct {
	id       string // tells tables apart
	schema   string // "" where there are none
	name     string
	kind     string // table, view, virtual
	readable bool   // though no table: its rows can be read, and not changed
	columns  []*liveColumn
	// position are the expressions, of columns or hidden ones, that order rows and tell them apart: the shortest way to a row.
	position []string
	uniques  [][]string // sets of columns that tell rows apart, the primary key first; partial indexes left out
	indexes  []liveIndex
	incoming []liveReference
	unread   string // why its rows cannot be read, or not all of them; empty when they can
	noDelete bool   // the account in use may not delete rows
}

// liveColumn is a column as it is.
type liveColumn struct {
	name      string
	declared  string // type in the words of the schema
	notNull   bool
	generated bool
	key       int // position in the primary key, from 1; 0 = no part

	// What systems with strict types say besides. Patterns have %s for the column; an empty one means the column as it is.
	dataType connector.DataType // for data maps that leave it open
	length   int                // most characters of a text; 0 = unknown
	array    bool               // its values are arrays
	masked   masked             // what masking can make of its values
	selected string             // pattern: how it is read
	compared string             // pattern: how it is compared
	cast     string             // what values are cast to, to be compared
	element  string             // for arrays of texts: what elements are cast to, to be compared
	assigned string             // what values are cast to, to be written
	noSelect bool               // the account in use may not read it
	noUpdate bool               // the account in use may not change it
	detail   any                // of the dialect's own
}

// masked says what masking can make of the values of a column.
type masked uint8

const (
	maskedByValue masked = iota // the type of each value decides
	maskedText                  // a text
	maskedNumber                // a number
	maskedNull                  // null, unless the data map gives a value
)

// liveIndex is an index over whole columns without a condition.
type liveIndex struct {
	columns []string
	folding bool // its only column compares letter case aside
}

// liveReference is a foreign key of another table to this one.
type liveReference struct {
	schema, table string
	from, to      []string
	enforced      bool     // the database itself does something about it when a row is deleted
	cascades      string   // what it does besides refusing: "" = nothing, "deletes", "changes"
	family        []string // ids of the referring table and of those it is a part of
}

func (t *liveTable) column(name string) *liveColumn {
	for _, c := range t.columns {
		if equalNames(c.name, name) {
			return c
		}
	}
	return nil
}

// exactIndex reports whether an index orders the rows of one tuple by position: it covers these columns and no others.
func (t *liveTable) exactIndex(columns []string) bool {
	for _, i := range t.indexes {
		if !i.folding && sameNames(i.columns, columns) {
			return true
		}
	}
	return false
}
