// Package strictyaml reads YAML files that people write for connectors: held to a JSON Schema, without unknown or repeated
// keys, and with the line of everything that is wrong. Values of a file are never repeated in an error: somebody may have
// written a secret where its name belongs.
package strictyaml

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// MaxBytes bounds a file.
const MaxBytes = 1 << 20

// maxDepth bounds how deep a file nests, because readers of YAML call themselves.
const maxDepth = 64

// Path is a place in a file: keys, and indexes of lists in decimal.
type Path []string

// String writes the place for people: collections.contacts.read[0].path.
func (p Path) String() string {
	var b strings.Builder
	for _, part := range p {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// At returns the path with more parts behind it. It shares nothing with p.
func (p Path) At(parts ...string) Path { return append(slices.Clone(p), parts...) }

// Fault is one thing wrong.
type Fault struct {
	Line int // 1 is the first
	At   Path
	Text string
}

// Invalid is everything that is wrong with a file. Its class is fault.Misconfigured.
type Invalid struct {
	What   string // what the file is: "connector file"
	Faults []Fault
}

// Error lists the faults, one a line.
func (e *Invalid) Error() string {
	lines := []string{"the " + e.What + " is not valid"}
	for _, f := range e.Faults {
		at := ""
		if len(f.At) > 0 {
			at = f.At.String() + ": "
		}
		lines = append(lines, fmt.Sprintf("line %d: %s%s", f.Line, at, f.Text))
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the class.
func (e *Invalid) Unwrap() error {
	return fault.New(fault.Misconfigured, "the "+e.What+" is not valid")
}

// Doc is a file that was read. What finds more faults in it adds them and asks Err.
type Doc struct {
	what   string
	body   ast.Node
	faults []Fault
}

// Add notes a fault at a place.
func (d *Doc) Add(at Path, text string) { d.faults = append(d.faults, Fault{d.line(at), at, text}) }

// Err returns an *Invalid with all faults by line, or nil.
func (d *Doc) Err() error {
	if len(d.faults) == 0 {
		return nil
	}
	list := slices.Clone(d.faults)
	slices.SortStableFunc(list, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return &Invalid{d.what, list}
}

// line returns the line of a place, or of the nearest part of the file around it.
func (d *Doc) line(at Path) int {
	n, line := d.body, max(lineOf(d.body), 1)
	for _, part := range at {
		child, key := step(n, part)
		if child == nil {
			return line
		}
		n, line = child, cmp.Or(lineOf(key), line)
	}
	return line
}

// step goes from a node to one of its parts; key is the node whose line names the part.
func step(n ast.Node, part string) (child, key ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if v.Key.GetToken() != nil && v.Key.GetToken().Value == part {
				return v.Value, v.Key
			}
		}
	case *ast.MappingValueNode:
		if n.Key.GetToken() != nil && n.Key.GetToken().Value == part {
			return n.Value, n.Key
		}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Values) {
			return n.Values[i], n.Values[i]
		}
	}
	return nil, nil
}

// lineOf returns where a node begins. The token of a mapping is its first colon, which may stand below a long key.
func lineOf(n ast.Node) int {
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 && !m.IsFlowStyle {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = m.Key
	case nil:
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// Read holds a file to the schema, a JSON Schema (2020-12), and decodes it into v, which has yaml tags. The error is an
// *Invalid, or fault.Internal when the schema itself is broken.
func Read(what string, content, schema []byte, v any) (*Doc, error) {
	d, tree, err := parse(what, content)
	if err != nil {
		return nil, err
	}
	if err := d.hold(tree, schema); err != nil {
		return nil, err
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(v); err != nil {
		return nil, syntax(what, err)
	}
	return d, nil
}

// parse reads the one document of a file, as nodes and as plain values.
func parse(what string, content []byte) (d *Doc, tree any, err error) {
	refuse := func(text string) error { return &Invalid{what, []Fault{{Line: 1, Text: text}}} }
	if len(content) > MaxBytes {
		return nil, nil, refuse("the file is larger than 1 MiB")
	}
	defer func() {
		// The parser is known to panic on some broken documents; a broken file must not stop the process.
		if recover() != nil {
			d, err = nil, refuse("this is not YAML")
		}
	}()
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, nil, syntax(what, err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, nil, refuse("want one YAML document")
	}
	d = &Doc{what: what, body: file.Docs[0].Body}
	if bad := plain(d.body, 0); bad != nil {
		return nil, nil, &Invalid{what, []Fault{*bad}}
	}
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, nil, syntax(what, err)
	}
	return d, tree, nil
}

// plain refuses anchors, aliases and tags, with which a small file can stand for a large or a strange one.
func plain(n ast.Node, depth int) *Fault {
	if depth > maxDepth {
		return &Fault{Line: max(lineOf(n), 1), Text: "the file is too deep"}
	}
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return &Fault{Line: max(lineOf(n), 1), Text: "anchors, aliases and tags are not read here"}
	case *ast.MappingNode:
		for _, v := range n.Values {
			if bad := plain(v, depth+1); bad != nil {
				return bad
			}
		}
	case *ast.MappingValueNode:
		if bad := plain(n.Key, depth+1); bad != nil {
			return bad
		}
		return plain(n.Value, depth+1)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if bad := plain(v, depth+1); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func syntax(what string, err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil && e.GetToken().Position != nil {
		return &Invalid{what, []Fault{{Line: max(e.GetToken().Position.Line, 1), Text: e.GetMessage()}}}
	}
	return &Invalid{what, []Fault{{Line: 1, Text: "this is not YAML"}}}
}

func (d *Doc) hold(tree any, schema []byte) error {
	compiled, err := Compile(schema)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return &Invalid{d.what, []Fault{{Line: 1, Text: "the file has values that JSON cannot say"}}}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading a YAML file as JSON")
	}
	if e, ok := errors.AsType[*jsonschema.ValidationError](compiled.Validate(value)); ok {
		d.collect(e)
	}
	return nil
}

// Compile compiles a JSON Schema of ours.
func Compile(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a schema")
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file.schema.json", doc); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "adding a schema")
	}
	s, err := c.Compile("file.schema.json")
	return s, fault.Wrap(fault.Internal, err, "compiling a schema")
}

// collect turns what the schema says into faults, in words that repeat no value.
func (d *Doc) collect(v *jsonschema.ValidationError) {
	at := Path(v.InstanceLocation)
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			d.Add(at.At(name), "there is no such key here")
		}
		return
	case *kind.Pattern:
		d.Add(at, "this does not fit the pattern "+k.Want)
		return
	case *kind.OneOf, *kind.AnyOf, *kind.Not:
		d.Add(at, "this is none of the forms that the schema allows here")
		return
	}
	if len(v.Causes) == 0 {
		d.Add(at, v.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	for _, cause := range v.Causes {
		d.collect(cause)
	}
}
