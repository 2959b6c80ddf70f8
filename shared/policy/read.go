package policy

import (
	"bytes"
	_ "embed" // pack.schema.json
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed pack.schema.json
var schema []byte

// reader reads files strictly. The schema says what a pack looks like; Go code checks only what a schema cannot say.
type reader struct{ pack *jsonschema.Schema }

func newReader() (*reader, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the schema of packs")
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pack.schema.json", doc); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "adding the schema of packs")
	}
	pack, err := c.Compile("pack.schema.json")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "compiling the schema of packs")
	}
	return &reader{pack}, nil
}

// document is one file being checked: it turns paths into line numbers and collects what is wrong.
type document struct {
	name   string
	file   *ast.File
	faults []error
}

// read decodes content into out, after checking it against the schema when there is one.
func (r *reader) read(name string, content []byte, want *jsonschema.Schema, out any) (*document, error) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, yamlFault(name, err)
	}
	if len(file.Docs) != 1 {
		return nil, fault.New(fault.Misconfigured, name+": want exactly one YAML document")
	}
	doc := &document{name: name, file: file}
	if want != nil {
		var tree any
		if err := yaml.Unmarshal(content, &tree); err != nil {
			return nil, yamlFault(name, err)
		}
		doc.schemaFaults(want.Validate(tree))
		if err := doc.err(); err != nil {
			return nil, err
		}
	}
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(out); err != nil {
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

func (d *document) schemaFaults(err error) {
	if err == nil {
		return
	}
	e, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		d.faults = append(d.faults, fault.Wrap(fault.Misconfigured, err, "checking "+d.name))
		return
	}
	if len(e.Causes) == 0 {
		d.fail(yamlPath(e.InstanceLocation), e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	for _, cause := range e.Causes {
		d.schemaFaults(cause)
	}
}

// yamlPath writes a JSON location as the YAML library wants it: $.clock_stops[0].effect.
func yamlPath(location []string) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, part := range location {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		b.WriteString("." + part)
	}
	return b.String()
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
