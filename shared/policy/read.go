package policy

import (
	"errors"
	"fmt"
	"slices"
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

// line returns the line of the path, or of the nearest part around it when the path itself is not there.
func (d *document) line(where string) int {
	for where != "" && where != "$" {
		if p, err := yaml.PathString(where); err == nil {
			if node, err := p.FilterFile(d.file); err == nil && node.GetToken() != nil {
				return node.GetToken().Position.Line
			}
		}
		where = where[:max(strings.LastIndexAny(where, ".["), 0)]
	}
	return 1
}

// err returns everything noted so far as one fault.Misconfigured, in the order of lines, or nil.
func (d *document) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fault.Wrap(fault.Misconfigured, errors.Join(d.faults...), "loading jurisdiction packs")
}
