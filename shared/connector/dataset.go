package connector

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/subject"
)

// Dataset is the data map of one system: its collections, their fields, and how rows lead to other rows. Package datamap
// reads it from dataset YAML; connectors may complete it from a live schema with Clone. It holds no personal data.
type Dataset struct {
	Key         string // fides_key; what references name
	Name        string
	Description string
	Collections []*Collection
}

// Collection is a table, a document collection, a kind of object.
type Collection struct {
	Name        string
	Description string
	Categories  []string // data categories, those of the dataset included
	Fields      []*DataField
	After       []string        // "dataset.collection": walked after these
	EraseAfter  []string        // "dataset.collection": erased after these
	Skip        bool            // skip_processing: neither walked nor changed
	Where       []Condition     // fixed filter: rows that do not meet all of them do not exist for Habeas
	OnErase     EraseRule       // zero: delete
	Mask        MaskRule        // zero: the default mask
	Purpose     string          // why the data is held (GDPR Art. 15(1)(a))
	Retention   string          // for how long (GDPR Art. 15(1)(d)), ISO 8601 duration or words
	LegalBasis  string          // why the data may be held (GDPR Art. 6(1)): one of LegalBases; empty: not recorded
	SubjectType string          // who the people are to the controller: one of SubjectTypes; empty: customers
	Partition   json.RawMessage // partitioning, as declared
	Line        int             // in the dataset file; 0 = unknown
}

// LegalBases lists the legal bases that a data map may name; those of package policy.
func LegalBases() []string {
	return []string{"consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"}
}

// SubjectTypes lists the types of people that a data map may name; those of package policy.
func SubjectTypes() []string {
	return []string{"customer", "employee", "business", "juristic", "deceased"}
}

// DataField is one field. Nested fields form a tree.
type DataField struct {
	Name       string
	Path       string // dotted path from the collection: "address.city"
	Fields     []*DataField
	Categories []string
	Type       DataType // empty: undeclared, the live schema says
	Array      bool     // type[]
	Length     int      // largest length of a text; 0 = unknown
	PrimaryKey bool
	Identity   subject.Kind // empty: no identity field
	Proof      subject.Kind // a detail that the person can be asked for, to prove who she is; never searched by. Empty: none
	Match      Match        // how identity values are compared; empty: MatchEither
	References []Reference
	ReadOnly   bool
	ReturnAll  bool      // return_all_elements: disclose the whole array though only some elements matched
	ThirdParty bool      // other people's data: withheld
	HoldKey    bool      // legal holds select records by this field
	LegalBasis string    // empty: the collection's
	Inferred   bool      // worked out by the controller, as against provided by the person (GDPR Art. 20(1))
	OnErase    EraseRule // zero: the collection's
	Mask       MaskRule  // zero: the collection's
	OnRestrict *Value    // the value that marks a record as restricted (GDPR Art. 18); nil: not a marker
	Line       int
}

// DataType is a declared type, in the words of the dataset format.
type DataType string

// The types of the dataset format. Empty = undeclared.
const (
	DataString   DataType = "string"
	DataInteger  DataType = "integer"
	DataFloat    DataType = "float"
	DataBoolean  DataType = "boolean"
	DataObjectID DataType = "object_id"
	DataObject   DataType = "object"
)

// Match says how an identity value is compared with what a field holds.
type Match string

// The ways to compare.
const (
	// MatchEither: equal to the value as given or to its normal form, which an ordinary index finds; addresses letter case aside
	// where the system holds any that are not in lower case (walk.Folder).
	MatchEither     Match = ""
	MatchExact      Match = "exact"      // equal to the value as given
	MatchCasefold   Match = "casefold"   // equal but for letter case (Unicode simple folding)
	MatchNormalised Match = "normalised" // equal after subject.Identifier.Normalise of both
)

// Direction of a reference, seen from the declaring field.
type Direction string

// The directions. Ignoring them walks from a service request to the employee who answered it, and on to strangers.
const (
	DirectionBoth Direction = ""     // both ways
	DirectionFrom Direction = "from" // values of the other field find rows of this collection
	DirectionTo   Direction = "to"   // values of this field find rows of the other collection
)

// Reference ties a field to a field of this or another dataset.
type Reference struct {
	Dataset    string // fides_key
	Collection string
	Field      string // dotted path
	Direction  Direction
	Group      string // reference_group: references of one collection with the same group are matched as one tuple
	Self       bool   // self_reference: the reference to its own collection is meant
	Line       int
}

// Condition is one term of a fixed filter: the field equals one of the values (null: is null).
type Condition struct {
	Field  string
	Values []Value
}

// EraseRule is on_erase. The zero rule means the rule of the collection, and there delete.
type EraseRule struct {
	Action ChangeAction // delete, null, mask, keep; fields: null, mask, keep
	Reason string       // why it is kept; shown to people
}

// MaskRule is masking_strategy_override.
type MaskRule struct {
	Strategy MaskStrategy
	Value    string // for string_rewrite
	Suffix   string // stays at the end of what is written, whatever the length of the field cuts off
}

// MaskStrategy is a way to mask. The names are those of the dataset format.
type MaskStrategy string

// The strategies Habeas carries out. Others are refused when the data map is read.
const (
	MaskDefault MaskStrategy = ""                      // texts "[erased]" cut to the length, numbers 0, everything else null
	MaskNull    MaskStrategy = "null_rewrite"          //
	MaskRewrite MaskStrategy = "string_rewrite"        // the configured value
	MaskRandom  MaskStrategy = "random_string_rewrite" // letters and digits that depend on the record's key alone
)

// Collection returns the collection of that name, or nil.
func (d *Dataset) Collection(name string) *Collection {
	for _, c := range d.Collections {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Clone returns a deep copy, for connectors that complete a data map from a live schema.
func (d *Dataset) Clone() *Dataset {
	c := *d
	c.Collections = make([]*Collection, len(d.Collections))
	for i, col := range d.Collections {
		n := *col
		n.Fields = cloneFields(col.Fields)
		n.Categories, n.After, n.EraseAfter = slices.Clone(col.Categories), slices.Clone(col.After), slices.Clone(col.EraseAfter)
		n.Where = slices.Clone(col.Where)
		c.Collections[i] = &n
	}
	return &c
}

func cloneFields(list []*DataField) []*DataField {
	out := make([]*DataField, len(list))
	for i, f := range list {
		n := *f
		n.Fields = cloneFields(f.Fields)
		n.References, n.Categories = slices.Clone(f.References), slices.Clone(f.Categories)
		out[i] = &n
	}
	return out
}

// Field returns the field at a dotted path, or nil.
func (c *Collection) Field(path string) *DataField {
	list := c.Fields
	for {
		head, rest, nested := strings.Cut(path, ".")
		// A dot may be part of a plain column name: the whole path wins over its first segment.
		i := slices.IndexFunc(list, func(f *DataField) bool { return f.Name == path })
		if i >= 0 {
			return list[i]
		}
		i = slices.IndexFunc(list, func(f *DataField) bool { return f.Name == head })
		if i < 0 || !nested {
			return nil
		}
		list, path = list[i].Fields, rest
	}
}

// All yields every field of the collection, nested ones behind their parent.
func (c *Collection) All(yield func(*DataField) bool) { allFields(c.Fields, yield) }

func allFields(list []*DataField, yield func(*DataField) bool) bool {
	for _, f := range list {
		if !yield(f) || !allFields(f.Fields, yield) {
			return false
		}
	}
	return true
}

// Key returns the fields of the primary key in the order of the collection.
func (c *Collection) Key() []*DataField {
	var key []*DataField
	for f := range c.All {
		if f.PrimaryKey {
			key = append(key, f)
		}
	}
	return key
}

// KeyPaths returns the paths of the primary key.
func (c *Collection) KeyPaths() []string {
	var paths []string
	for _, f := range c.Key() {
		paths = append(paths, f.Path)
	}
	return paths
}

// IdentityFields returns the fields that hold identifiers, in the order of the collection.
func (c *Collection) IdentityFields() []*DataField {
	var list []*DataField
	for f := range c.All {
		if f.Identity != "" {
			list = append(list, f)
		}
	}
	return list
}

// Disclosed reports whether records of the collection are shown to the person. Collections whose fields are all system.*
// (a product catalogue) are walked for their references, not disclosed and not changed.
func (c *Collection) Disclosed() bool {
	leaves := 0
	for f := range c.All {
		if len(f.Fields) > 0 {
			continue
		}
		leaves++
		if !f.systemOnly(c.Categories) {
			return true
		}
	}
	return leaves == 0
}

func (f *DataField) systemOnly(inherited []string) bool {
	cats := f.Categories
	if len(cats) == 0 {
		cats = inherited
	}
	for _, c := range cats {
		if c != "system" && !strings.HasPrefix(c, "system.") {
			return false
		}
	}
	return len(cats) > 0
}

// Shown reports whether the field may be disclosed as it is: it is neither other people's data nor denied. denied holds
// dotted paths "collection.field" and data categories.
func (f *DataField) Shown(collection string, denied []string) (reason string, shown bool) {
	if f.ThirdParty {
		return WithheldThirdParty, false
	}
	for _, d := range denied {
		if d == collection+"."+f.Path || slices.ContainsFunc(f.Categories, func(c string) bool {
			return c == d || strings.HasPrefix(c, d+".")
		}) {
			return WithheldDenied, false
		}
	}
	return "", true
}

// Erasable reports whether a rule for a whole collection (null, mask) covers the field: it is personal, and neither key, nor
// read only, nor other people's.
func (f *DataField) Erasable(c *Collection) bool {
	return len(f.Fields) == 0 && !f.PrimaryKey && !f.ReadOnly && !f.ThirdParty && !f.systemOnly(c.Categories)
}
