package policy

import (
	"bytes"
	_ "embed" // pack.schema.json
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed pack.schema.json
var schema []byte

// packSchema returns what checks packs against the schema.
func packSchema() (conform, error) {
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
	return func(d *document, content any) { d.schemaFaults(pack.Validate(content)) }, nil
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
	if unknown, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		for _, key := range unknown.Properties {
			d.fail(yamlPath(append(slices.Clone(e.InstanceLocation), key)), "there is no such key")
		}
	} else if len(e.Causes) == 0 {
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
