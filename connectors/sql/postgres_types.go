package sql

import (
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// postgresType is a type of the catalogue.
type postgresType struct {
	full      string // as a cast needs it
	name      string
	builtin   bool
	sort      string // b base, c composite, d domain, e enum, p pseudo, r range, m multirange
	isArray   bool
	element   *postgresType
	base      *postgresType // of a domain
	modifier  int           // of a domain: what its base type is cut down to
	notNull   bool          // of a domain
	visible   bool          // found without naming its schema
	delimiter string        // between elements of an array
	decimals  int           // of money, which the server's locale says
}

// postgresKind says how values of a type are read and written.
type postgresKind uint8

const (
	pgUnknown postgresKind = iota
	pgBool
	pgInt
	pgFloat
	pgNumeric
	pgMoney
	pgText
	pgBytes
	pgDate
	pgTimestamp
	pgTimestamptz
	pgUUID
	pgInet
	pgJSON
	pgArray
	pgOther // goes by its text
)

var postgresKinds = map[string]postgresKind{
	"bool": pgBool, "int2": pgInt, "int4": pgInt, "int8": pgInt, "oid": pgInt, "float4": pgFloat, "float8": pgFloat, "numeric": pgNumeric, "money": pgMoney,
	"text": pgText, "varchar": pgText, "bpchar": pgText, "name": pgOther, "char": pgOther, "bytea": pgBytes, "date": pgDate, "timestamp": pgTimestamp,
	"timestamptz": pgTimestamptz, "uuid": pgUUID, "inet": pgInet, "cidr": pgInet, "json": pgJSON, "jsonb": pgJSON,
	"time": pgOther, "timetz": pgOther, "interval": pgOther, "macaddr": pgOther, "macaddr8": pgOther, "bit": pgOther, "varbit": pgOther, "xml": pgOther,
	"tsvector": pgOther, "tsquery": pgOther, "point": pgOther, "line": pgOther, "lseg": pgOther, "box": pgOther, "path": pgOther, "polygon": pgOther, "circle": pgOther,
	"pg_lsn": pgOther, "jsonpath": pgOther,
}

// bottom follows domains to the type they are made of, with the modifier that counts.
func (t *postgresType) bottom(modifier int) (*postgresType, int) {
	for t.sort == "d" && t.base != nil {
		if modifier < 0 {
			modifier = t.modifier
		}
		t = t.base
	}
	return t, modifier
}

func (t *postgresType) kind() postgresKind {
	b, _ := t.bottom(-1)
	switch {
	case b.isArray && b.element != nil && b.element.kind() != pgUnknown:
		return pgArray
	case b.isArray:
		return pgUnknown
	case b.sort == "e", b.sort == "r", b.sort == "m":
		return pgOther
	case b.sort != "b":
		return pgUnknown
	case b.builtin:
		return postgresKinds[b.name]
	case b.name == "citext" && b.visible: // out of sight its comparisons are, too
		return pgText
	}
	return pgUnknown
}

// modifiers of the catalogue count a header of four bytes.
const modifierHeader = 4

// postgresDetail is what the codec needs to know of a column.
type postgresDetail struct {
	typ   *postgresType // without domains
	kind  postgresKind
	scale int // decimals of numeric and money; -1 = any number
	full  string
}

// describe fills in what the type says about a column.
func (t *postgresType) describe(c *liveColumn, modifier int) {
	for d := t; d.sort == "d" && d.base != nil; d = d.base {
		c.notNull = c.notNull || d.notNull
	}
	b, modifier := t.bottom(modifier)
	detail := postgresDetail{typ: b, kind: t.kind(), scale: -1, full: c.declared}
	c.cast, c.assigned, c.masked = b.full, t.full, maskedNull
	switch detail.kind {
	case pgBool:
		c.dataType = connector.DataBoolean
	case pgInt:
		c.dataType, c.masked = connector.DataInteger, maskedNumber
	case pgFloat:
		c.dataType, c.masked = connector.DataFloat, maskedNumber
	case pgNumeric:
		c.dataType, c.masked = connector.DataFloat, maskedNumber
		if modifier >= modifierHeader {
			detail.scale = (modifier - modifierHeader) & 0x7ff
		}
	case pgMoney: // what its text looks like is up to the server's locale
		c.dataType, c.masked, detail.scale = connector.DataFloat, maskedNumber, b.decimals
		c.selected, c.compared, c.cast, c.assigned = "%s::numeric", "%s::numeric", "numeric", "numeric"
	case pgText:
		c.dataType, c.masked = connector.DataString, maskedText
		if b.name == "varchar" {
			c.cast = "text"
		}
		if modifier > modifierHeader {
			c.length = modifier - modifierHeader
		}
	case pgJSON:
		c.dataType = connector.DataObject
	case pgArray:
		c.dataType, c.array = connector.DataString, true
		if e := b.element; e.builtin && (e.name == "text" || e.name == "varchar") {
			c.element = e.full
		}
	case pgOther:
		c.dataType, c.compared, c.cast = connector.DataString, "%s::text", "text"
		if b.sort == "b" && (b.name == "name" || b.name == "char") {
			c.masked = maskedText
		}
	case pgBytes, pgDate, pgTimestamp, pgTimestamptz, pgUUID, pgInet:
		c.dataType = connector.DataString
	case pgUnknown:
	}
	c.detail = detail
}

// strange says, for an operator, what a type is that the connector cannot handle.
func (t *postgresType) strange(declared string) string {
	b, _ := t.bottom(-1)
	if b.isArray && b.element != nil {
		b, _ = b.element.bottom(-1)
	}
	switch {
	case b.sort == "c":
		return "the column is of the composite type " + declared + ", which the connector cannot handle; leave the field out of the data map, or name the parts in a view"
	case strings.EqualFold(b.name, "citext"):
		return "the type " + declared + " is in a schema outside the search_path of the account in use, so that it would compare otherwise; put that schema into the search_path"
	}
	return "the column is of the type " + declared + ", which the connector cannot handle; leave the field out of the data map, or show it as text in a view"
}
