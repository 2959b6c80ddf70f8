package registry

import (
	"bytes"
	_ "embed" // schema/systems.schema.json
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

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed schema/systems.schema.json
var systemsSchema []byte

// maxSystemsFile bounds a systems.yaml; data maps are files of their own.
const maxSystemsFile = 1 << 20

// SystemsSchema returns the JSON Schema (2020-12) of systems.yaml.
func SystemsSchema() []byte { return slices.Clone(systemsSchema) }

// SystemEntry is one system of a systems.yaml, as it is written there: paths are not resolved and Dataset names a file.
type SystemEntry struct {
	Name       string            `yaml:"name"`
	Title      string            `yaml:"title"`
	Kind       string            `yaml:"kind"`
	Owner      string            `yaml:"owner"`
	Settings   map[string]any    `yaml:"settings"`
	Secrets    map[string]string `yaml:"secrets"` // references, see IsSecretReference
	Dataset    string            `yaml:"dataset"`
	Recipients []string          `yaml:"recipients"`
	Rights     []dsar.Right      `yaml:"rights"`
	Autopilot  bool              `yaml:"autopilot"`
	Horizon    string            `yaml:"backupHorizon"` // see ParseHorizon
	Exemptions []Exemption       `yaml:"exemptions"`
	Facts      struct {
		Purposes  []string `yaml:"purposes"`
		Source    string   `yaml:"source"`
		Retention string   `yaml:"retention"`
	} `yaml:"facts"`

	Line int `yaml:"-"` // where the system begins in the file
}

// InvalidFile is everything that is wrong with a systems.yaml. Its class is fault.Invalid.
type InvalidFile struct{ Faults []FileFault }

// FileFault is one thing wrong, with its place. At is empty, or a path like systems[0].settings.
type FileFault struct {
	Line     int
	At, Text string
}

// Error lists the faults, one a line, each beginning with its line number. Values of the file are not repeated.
func (e *InvalidFile) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "line %d: ", f.Line)
		if f.At != "" {
			b.WriteString(f.At + ": ")
		}
		b.WriteString(f.Text)
	}
	return b.String()
}

// Unwrap gives the class.
func (e *InvalidFile) Unwrap() error { return fault.New(fault.Invalid, "the file is not valid") }

// ParseSystems reads a systems.yaml strictly: an unknown key, a key that stands twice, a name that stands twice or a value
// that the schema does not allow is an error, and nothing of a file with errors is used. The error is an *InvalidFile.
func ParseSystems(content []byte) ([]SystemEntry, error) {
	if len(content) > maxSystemsFile {
		return nil, &InvalidFile{[]FileFault{{Line: 1, Text: "the file is larger than 1 MiB"}}}
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, yamlFault(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, &InvalidFile{[]FileFault{{Line: 1, Text: "want one YAML document with systems"}}}
	}
	if line, ok := anchored(file); ok {
		return nil, &InvalidFile{[]FileFault{{Line: line, Text: "anchors and aliases are not read here"}}}
	}
	var tree any
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, yamlFault(err)
	}
	if err := checkSchema(file.Docs[0].Body, tree); err != nil {
		return nil, err
	}
	var out struct {
		Systems []SystemEntry `yaml:"systems"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&out); err != nil {
		return nil, yamlFault(err)
	}
	return out.Systems, number(file.Docs[0].Body, out.Systems)
}

// number sets the lines of the systems and refuses a name that stands twice.
func number(body ast.Node, list []SystemEntry) error {
	var bad InvalidFile
	seen := map[string]bool{}
	for i := range list {
		list[i].Line = lineAt(body, []string{"systems", strconv.Itoa(i)})
		if seen[list[i].Name] {
			bad.Faults = append(bad.Faults, FileFault{list[i].Line, place([]string{"systems", strconv.Itoa(i)}), "there is another system of this name"})
		}
		seen[list[i].Name] = true
	}
	if len(bad.Faults) > 0 {
		return &bad
	}
	return nil
}

// anchored finds the first anchor or alias: with them a small file can stand for a very large one.
func anchored(file *ast.File) (line int, found bool) {
	for _, doc := range file.Docs {
		for _, kind := range []ast.NodeType{ast.AnchorType, ast.AliasType, ast.MergeKeyType} {
			for _, n := range ast.Filter(kind, doc.Body) {
				if l := n.GetToken().Position.Line; !found || l < line {
					line, found = l, true
				}
			}
		}
	}
	return line, found
}

func yamlFault(err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		return &InvalidFile{[]FileFault{{Line: e.GetToken().Position.Line, Text: e.GetMessage()}}}
	}
	return &InvalidFile{[]FileFault{{Line: 1, Text: "this is not YAML"}}}
}

// checkSchema holds the decoded file to the schema; body gives the lines.
func checkSchema(body ast.Node, tree any) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(systemsSchema))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading the schema of systems")
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("systems.schema.json", doc); err != nil {
		return fault.Wrap(fault.Internal, err, "adding the schema of systems")
	}
	schema, err := c.Compile("systems.schema.json")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "compiling the schema of systems")
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return &InvalidFile{[]FileFault{{Line: 1, Text: "the file has values that JSON cannot say"}}}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading systems as JSON")
	}
	if e, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(value)); ok {
		bad := &InvalidFile{}
		bad.collect(body, e)
		slices.SortStableFunc(bad.Faults, func(a, b FileFault) int { return a.Line - b.Line })
		return bad
	}
	return nil
}

// collect turns what the schema says into faults. The library's texts quote values where a pattern does not fit; these are
// ours, because a value may be a secret that somebody wrote where its reference belongs.
func (e *InvalidFile) collect(body ast.Node, v *jsonschema.ValidationError) {
	at := v.InstanceLocation
	add := func(text string) { e.Faults = append(e.Faults, FileFault{lineAt(body, at), place(at), text}) }
	switch k := v.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			at = append(slices.Clone(v.InstanceLocation), name)
			add("there is no such key here")
		}
		return
	case *kind.Pattern:
		if len(at) > 1 && at[len(at)-2] == "secrets" {
			add("want a reference to the secret: env:NAME, file:PATH or, on AWS, secretsmanager:NAME or ssm:/NAME")
		} else {
			add("this does not fit the pattern " + k.Want)
		}
		return
	}
	if len(v.Causes) == 0 {
		add(v.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	for _, cause := range v.Causes {
		e.collect(body, cause)
	}
}

// place writes a JSON location for people: systems[0].settings.path.
func place(location []string) string {
	var b strings.Builder
	for _, part := range location {
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

// lineAt returns the line of a JSON location in the file, or of the nearest part around it.
func lineAt(n ast.Node, location []string) int {
	line := 1
	for {
		if m, ok := n.(ast.MapNode); ok {
			if len(location) == 0 {
				return line
			}
			found := false
			for it := m.MapRange(); it.Next(); {
				if key := it.Key().GetToken(); key != nil && key.Value == location[0] {
					line, n, location, found = key.Position.Line, it.Value(), location[1:], true
					break
				}
			}
			if !found {
				return line
			}
			continue
		}
		list, ok := n.(*ast.SequenceNode)
		if !ok || len(location) == 0 {
			return line
		}
		i, err := strconv.Atoi(location[0])
		if err != nil || i < 0 || i >= len(list.Values) {
			return line
		}
		n, location = list.Values[i], location[1:]
		line = firstLine(n, line)
	}
}

// firstLine returns the line where a node begins; the token of a mapping is its first colon.
func firstLine(n ast.Node, otherwise int) int {
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() && it.Key().GetToken() != nil {
			return it.Key().GetToken().Position.Line
		}
	}
	if n.GetToken() == nil {
		return otherwise
	}
	return n.GetToken().Position.Line
}
