package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// reader reads files strictly. The schema says what a pack looks like; Go code checks only what a schema cannot say.
type reader struct {
	pack conform // nil = packs are known to fit the schema
}

// conform notes in the document where its content does not fit a schema.
type conform func(d *document, content any)

// document is one file being checked: it turns paths into line numbers and collects what is wrong.
type document struct {
	name   string
	file   *ast.File
	faults []error
}

// read decodes content into out, after checking it against a schema when there is one.
func (r *reader) read(name string, content []byte, check conform, out any) (*document, error) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, yamlFault(name, err)
	}
	if len(file.Docs) != 1 {
		return nil, fault.New(fault.Misconfigured, name+": want exactly one YAML document")
	}
	doc := &document{name: name, file: file}
	body := file.Docs[0].Body
	if check != nil {
		var tree any
		if err := yaml.NodeToValue(body, &tree); err != nil {
			return nil, yamlFault(name, err)
		}
		check(doc, tree)
		if err := doc.err(); err != nil {
			return nil, err
		}
	}
	if err := yaml.NodeToValue(body, out, yaml.Strict()); err != nil {
		return nil, yamlFault(name, err)
	}
	return doc, nil
}

// yamlFault names the line of an error of the YAML library.
func yamlFault(name string, err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return fault.New(fault.Misconfigured, fmt.Sprintf("%s:%d: %s", name, e.GetToken().Position.Line, e.GetMessage()))
	}
	return fault.Wrap(fault.Misconfigured, err, "reading "+name)
}

// fail notes a fault at the path.
func (d *document) fail(at, text string) { d.faults = append(d.faults, d.at(at, text)) }

func (d *document) at(where, text string) error {
	return fault.New(fault.Misconfigured, fmt.Sprintf("%s:%d: %s: %s", d.name, d.line(where), strings.TrimPrefix(strings.TrimPrefix(where, "$"), "."), text))
}

// line returns the line of the path, or of the nearest part around it when the path itself is not there. That of a key's value is
// the key's line, wherever the value begins.
func (d *document) line(where string) int {
	line, node := 1, d.file.Docs[0].Body
	if node.GetToken() != nil {
		line = node.GetToken().Position.Line
	}
	steps := strings.FieldsFunc(strings.TrimPrefix(where, "$"), func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	for _, step := range steps {
		next, at := child(node, step)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

// child returns the value under the key or at the index, and the line it begins on; nil when there is none.
func child(node ast.Node, step string) (ast.Node, int) {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if v.Key.String() == step {
				return v.Value, v.Key.GetToken().Position.Line
			}
		}
	case *ast.MappingValueNode:
		if n.Key.String() == step {
			return n.Value, n.Key.GetToken().Position.Line
		}
	case *ast.SequenceNode:
		i, err := strconv.Atoi(step)
		if err == nil && i < len(n.Values) {
			return n.Values[i], first(n.Values[i])
		}
	}
	return nil, 0
}

// first is the line on which a value begins; the token of a mapping is its first colon.
func first(node ast.Node) int {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key.GetToken().Position.Line
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}

// err returns everything noted so far as one fault.Misconfigured, in the order of lines, or nil.
func (d *document) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fault.Wrap(fault.Misconfigured, errors.Join(d.faults...), "loading jurisdiction packs")
}
