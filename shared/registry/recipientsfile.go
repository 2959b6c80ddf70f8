package registry

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"github.com/habeas-dsar/habeas/shared/subject"
)

// RecipientEntry is one recipient of a recipients.yaml, as it is written there: a path in Secret is not resolved.
type RecipientEntry struct {
	Name         string         `yaml:"name"`
	Title        string         `yaml:"title"`
	Country      string         `yaml:"country"`
	Purpose      string         `yaml:"purpose"`
	Email        string         `yaml:"email"`
	Webhook      string         `yaml:"webhook"`
	Secret       string         `yaml:"secret"`
	AllowPrivate bool           `yaml:"allowPrivate"`
	Identifiers  []subject.Kind `yaml:"identifiers"`

	Line int `yaml:"-"` // where the recipient begins in the file
}

// recipient is the entry without a tenant.
func (e RecipientEntry) recipient() Recipient {
	return Recipient{
		Name: e.Name, Title: e.Title, Country: e.Country, Purpose: e.Purpose, Email: e.Email, Webhook: e.Webhook, Secret: e.Secret,
		AllowPrivate: e.AllowPrivate, Identifiers: e.Identifiers,
	}
}

// ParseRecipients reads a recipients.yaml ("recipients: [{name, title, ...}]") as strictly as ParseSystems, and holds every
// recipient to Check. The error is an *InvalidFile that names everything wrong.
func ParseRecipients(content []byte) ([]RecipientEntry, error) {
	if len(content) > maxSystemsFile {
		return nil, &InvalidFile{[]FileFault{{Line: 1, Text: "the file is larger than 1 MiB"}}}
	}
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return nil, yamlFault(err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, &InvalidFile{[]FileFault{{Line: 1, Text: "want one YAML document with recipients"}}}
	}
	if line, ok := anchored(file); ok {
		return nil, &InvalidFile{[]FileFault{{Line: line, Text: "anchors and aliases are not read here"}}}
	}
	var out struct {
		Recipients []RecipientEntry `yaml:"recipients"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&out); err != nil {
		return nil, yamlFault(err)
	}
	var bad InvalidFile
	seen := map[string]bool{}
	for i := range out.Recipients {
		e := &out.Recipients[i]
		e.Line = lineAt(file.Docs[0].Body, []string{"recipients", strconv.Itoa(i)})
		at := fmt.Sprintf("recipients[%d]", i)
		if seen[e.Name] {
			bad.Faults = append(bad.Faults, FileFault{e.Line, at, "there is another recipient of this name"})
		}
		seen[e.Name] = true
		for _, f := range e.recipient().Check() {
			line := lineAt(file.Docs[0].Body, []string{"recipients", strconv.Itoa(i), f.Field[1:]})
			bad.Faults = append(bad.Faults, FileFault{line, at + "." + f.Field[1:], f.Text})
		}
	}
	if len(bad.Faults) > 0 {
		return nil, &bad
	}
	return out.Recipients, nil
}
