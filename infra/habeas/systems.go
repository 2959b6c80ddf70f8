package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

const maxSystems = 1 << 20 // bytes of a systems.yaml

func newSystems() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "systems", Short: "Register systems and test them"}
	r.flags(c)
	c.AddCommand(newSystemsApply(r), newSystemsCheck(r), newSystemsList(r), newSystemsRemove(r))
	return c
}

// systemBody is a system as the API takes it.
type systemBody struct {
	Title      string               `json:"title,omitempty"`
	Kind       string               `json:"kind"`
	Owner      string               `json:"owner,omitempty"`
	Settings   map[string]any       `json:"settings,omitempty"`
	Secrets    map[string]string    `json:"secrets,omitempty"`
	Dataset    string               `json:"dataset,omitempty"`
	Recipients []string             `json:"recipients,omitempty"`
	Rights     []dsar.Right         `json:"rights,omitempty"`
	Autopilot  bool                 `json:"autopilot,omitempty"`
	Facts      registry.SystemFacts `json:"facts,omitzero"`
	Horizon    string               `json:"backupHorizon,omitempty"`
	Exemptions []registry.Exemption `json:"exemptions,omitempty"`
}

// change is what applying does to one system.
type change struct {
	Name        string              `json:"name"`
	Change      string              `json:"change"` // created, changed, unchanged
	Differences []difference        `json:"differences,omitempty"`
	Warnings    []connector.Problem `json:"warnings,omitempty"`
	body        systemBody
}

func newSystemsApply(r *remote) *cobra.Command {
	var file string
	var dry, yes bool
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Register the systems of a file", Args: cobra.NoArgs,
		Long: "Reads systems.yaml, has the server try every system, shows on stderr what would change, and changes it; on a terminal it\n" +
			"asks first. A data map is sent with its system; secrets stay references that the server resolves. Systems that the file\n" +
			"does not name are left alone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage("-f wants the file with the systems")
			}
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			changes, err := planSystems(cmd, c, file)
			if err != nil {
				return err
			}
			showChanges(cmd.ErrOrStderr(), changes)
			if !dry {
				if err := applySystems(cmd, c, changes, yes || file == "-"); err != nil {
					return err
				}
			}
			return show(cmd, map[string]any{"systems": changes, "applied": !dry}, func(w io.Writer) {
				for _, ch := range changes {
					_, _ = fmt.Fprintf(w, "%s\t%s\n", ch.Name, ch.Change)
				}
			})
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "systems.yaml")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would change")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask on a terminal")
	return c
}

// applySystems registers what differs, after a yes where somebody sits at a terminal.
func applySystems(cmd *cobra.Command, c *client, changes []change, yes bool) error {
	n := 0
	for _, ch := range changes {
		if ch.Change != unchanged {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if err := confirm(cmd, yes, fmt.Sprintf("Register these changes of %d of %d systems?", n, len(changes))); err != nil {
		return err
	}
	return putSystems(cmd, c, changes)
}

// planSystems reads the file and everything it names, has the server try each system, and compares it with the one that is
// registered. Nothing is changed, and every mistake is named, not the first alone.
func planSystems(cmd *cobra.Command, c *client, file string) ([]change, error) {
	content, err := readFile(cmd, file, maxSystems)
	if err != nil {
		return nil, err
	}
	entries, err := registry.ParseSystems(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "finding the folder of the file")
	}
	changes := []change{}
	var bad []error
	for _, e := range entries {
		body, err := bodyOf(cmd, e, dir)
		if err != nil {
			bad = append(bad, fmt.Errorf("reading %s: line %d: %w", file, e.Line, err))
		}
		changes = append(changes, change{Name: e.Name, body: body})
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	for i := range changes {
		if err := compare(cmd, c, &changes[i]); err != nil {
			bad = append(bad, fmt.Errorf("trying %s (line %d of %s): %w", changes[i].Name, entries[i].Line, file, err))
		}
	}
	return changes, errors.Join(bad...)
}

// bodyOf turns an entry into what is sent: relative paths start in the folder of the file, the data map is read.
func bodyOf(cmd *cobra.Command, e registry.SystemEntry, dir string) (systemBody, error) {
	in := func(p string) string {
		if filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(dir, p)
	}
	b := systemBody{
		Title: e.Title, Kind: e.Kind, Owner: e.Owner, Settings: e.Settings, Secrets: e.Secrets, Recipients: e.Recipients, Rights: e.Rights,
		Autopilot: e.Autopilot, Horizon: e.Horizon, Exemptions: e.Exemptions, Facts: registry.SystemFacts{Purposes: e.Facts.Purposes, Source: e.Facts.Source, Retention: e.Facts.Retention},
	}
	for _, name := range []string{"path", "file"} { // in every kind these name files
		if p, ok := b.Settings[name].(string); ok {
			b.Settings[name] = in(p)
		}
	}
	for name, ref := range b.Secrets {
		if p, ok := strings.CutPrefix(ref, "file:"); ok {
			b.Secrets[name] = "file:" + in(p)
		}
	}
	if e.Dataset == "" {
		return b, nil
	}
	content, err := readFile(cmd, in(e.Dataset), registry.MaxDataset)
	if err != nil {
		return b, err
	}
	b.Dataset = string(content)
	return b, checkMap(e.Dataset, content)
}

// checkMap reads a data map before anything is sent: every problem is named with its line.
func checkMap(name string, content []byte) error {
	l, err := datamap.Load(content)
	if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok {
		var lines []string
		for _, p := range invalid.Problems {
			lines = append(lines, "  "+name+": "+finding(p))
		}
		return fault.New(fault.Invalid, "the data map has mistakes:\n"+strings.Join(lines, "\n"))
	}
	if n := len(l.Datasets); err == nil && n != 1 {
		return fault.New(fault.Invalid, fmt.Sprintf("%s holds %d datasets and a system has exactly one: give each a file and a system of its own", name, n))
	}
	return err
}

// tried is what the server says of a system that it tried.
type tried struct {
	Rights   []dsar.Right        `json:"rights"`
	Warnings []connector.Problem `json:"warnings"`
}

// compare has the server try a system, and finds out what applying would change.
func compare(cmd *cobra.Command, c *client, ch *change) error {
	path := "/systems/" + url.PathEscape(ch.Name)
	raw, err := c.api(cmd.Context(), http.MethodPut, path, url.Values{"dryRun": {"true"}}, ch.body)
	if err != nil {
		return err
	}
	found, err := decode[tried](raw)
	if err != nil {
		return err
	}
	ch.Warnings = found.Warnings
	var old systemBody
	raw, err = c.api(cmd.Context(), http.MethodGet, path, nil, nil)
	switch {
	case fault.Has(err, fault.NotFound):
		ch.Change = created
	case err != nil:
		return err
	default:
		if old, err = decode[systemBody](raw); err != nil {
			return err
		}
		ch.Change = changed
	}
	fresh := ch.body
	if len(fresh.Rights) == 0 { // the file leaves them to the kind
		fresh.Rights = found.Rights
	}
	if ch.Differences, err = differences(old, fresh); err != nil {
		return err
	}
	if ch.Change == changed && len(ch.Differences) == 0 {
		ch.Change = unchanged
	}
	return nil
}

// putSystems registers what differs. It stops at the first system that is refused; those before it are registered.
func putSystems(cmd *cobra.Command, c *client, changes []change) error {
	for _, ch := range changes {
		if ch.Change == unchanged {
			continue
		}
		if _, err := c.api(cmd.Context(), http.MethodPut, "/systems/"+url.PathEscape(ch.Name), nil, ch.body); err != nil {
			return fmt.Errorf("registering %s: %w", ch.Name, err)
		}
		progress(cmd, "%s is registered", ch.Name)
	}
	return nil
}

// systemRow is what people read of a registered system.
type systemRow struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Owner       string   `json:"owner"`
	Collections []string `json:"collections"`
	Problem     string   `json:"problem"`
}

type systemList struct {
	Systems []systemRow `json:"systems"`
}

func newSystemsList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List registered systems", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			return ask(cmd, c, http.MethodGet, "/systems", nil, nil, func(w io.Writer, l systemList) {
				for _, s := range l.Systems {
					_, _ = fmt.Fprintf(w, "%s\t%s\t%d collections\t%s\t%s\n", s.Name, s.Kind, len(s.Collections), s.Owner, s.Problem)
				}
			})
		},
	}
}
