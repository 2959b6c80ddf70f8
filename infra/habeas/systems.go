package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Bounds of the files that are applied.
const (
	maxSystems = 1 << 20
	maxDataset = 8 << 20
)

func newSystems() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "systems", Short: "Register systems and test them"}
	r.flags(c)
	c.AddCommand(newSystemsApply(r), newSystemsCheck(r), newSystemsList(r))
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
	Name   string `json:"name"`
	Change string `json:"change"` // created, changed, unchanged
	body   systemBody
}

func newSystemsApply(r *remote) *cobra.Command {
	var file string
	var dry bool
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Register the systems of a file", Args: cobra.NoArgs,
		Long: "Reads systems.yaml, shows on stderr what would change, and changes it. A data map is sent with its system; secrets stay\n" +
			"references that the server resolves. Systems that the file does not name are left alone.",
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
			if !dry {
				if err := putSystems(cmd, c, changes); err != nil {
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
	return c
}

// planSystems reads the file and everything it names, compares each system with the one that is registered, and shows the
// differences. Nothing is changed before all of it could be read.
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
	for _, e := range entries {
		body, err := bodyOf(cmd, e, dir)
		if err != nil {
			return nil, fmt.Errorf("reading %s: line %d: %w", file, e.Line, err)
		}
		changes = append(changes, change{Name: e.Name, body: body})
	}
	for i := range changes {
		if err := compare(cmd, c, &changes[i]); err != nil {
			return nil, err
		}
	}
	return changes, nil
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
	content, err := readFile(cmd, in(e.Dataset), maxDataset)
	b.Dataset = string(content)
	return b, err
}

// compare finds out what applying would change, and shows it.
func compare(cmd *cobra.Command, c *client, ch *change) error {
	var old []byte
	raw, err := c.api(cmd.Context(), http.MethodGet, "/systems/"+url.PathEscape(ch.Name), nil, nil)
	switch {
	case fault.Has(err, fault.NotFound):
		ch.Change = "created"
	case err != nil:
		return err
	default:
		registered, err := decode[systemBody](raw)
		if err != nil {
			return err
		}
		if old, err = registered.text(); err != nil {
			return err
		}
		ch.Change = "changed"
	}
	fresh, err := ch.body.text()
	if err != nil {
		return err
	}
	if bytes.Equal(old, fresh) {
		ch.Change = "unchanged"
		return nil
	}
	progress(cmd, "%s", strings.TrimSuffix(string(diff.Diff("registered/"+ch.Name, old, "file/"+ch.Name, fresh)), "\n"))
	return nil
}

// text writes a system for comparing: its fields as JSON, then its data map line by line.
func (b systemBody) text() ([]byte, error) {
	dataset := b.Dataset
	b.Dataset = ""
	head, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a system: %w", err)
	}
	out := append(head, '\n')
	if dataset != "" {
		out = append(out, "dataset:\n"+strings.TrimSuffix(dataset, "\n")+"\n"...)
	}
	return out, nil
}

// putSystems registers what differs. It stops at the first system that is refused; those before it are registered.
func putSystems(cmd *cobra.Command, c *client, changes []change) error {
	for _, ch := range changes {
		if ch.Change == "unchanged" {
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

// health is what a test of a system found.
type health struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`
	Ready     bool   `json:"ready"`
	Problems  []struct {
		Collection string `json:"collection"`
		Field      string `json:"field"`
		Text       string `json:"text"`
	} `json:"problems"`
}

func newSystemsCheck(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "check [NAME]", Short: "Test one system, or all of them", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				raw, err := c.api(cmd.Context(), http.MethodGet, "/systems", nil, nil)
				if err != nil {
					return err
				}
				l, err := decode[systemList](raw)
				if err != nil {
					return err
				}
				for _, s := range l.Systems {
					args = append(args, s.Name)
				}
			}
			return checkSystems(cmd, c, args)
		},
	}
}

func checkSystems(cmd *cobra.Command, c *client, names []string) error {
	answers := []json.RawMessage{}
	found := []health{}
	ready := true
	for _, name := range names {
		raw, err := c.api(cmd.Context(), http.MethodPost, "/systems/"+url.PathEscape(name)+"/check", nil, nil)
		if err != nil {
			return fmt.Errorf("checking %s: %w", name, err)
		}
		h, err := decode[health](raw)
		if err != nil {
			return err
		}
		ready = ready && h.Ready
		answers, found = append(answers, raw), append(found, h)
	}
	err := show(cmd, map[string]any{"systems": answers, "ready": ready}, func(w io.Writer) {
		for _, h := range found {
			verdict := map[bool]string{true: "ready", false: "not ready"}[h.Ready]
			_, _ = fmt.Fprintf(w, "%s\t%s\n", h.Name, verdict)
			for _, p := range h.Problems {
				at := strings.Trim(p.Collection+"."+p.Field, ".")
				_, _ = fmt.Fprintf(w, "  %s\t%s\n", cmp.Or(at, "the system"), p.Text)
			}
		}
	})
	if err == nil && !ready {
		err = fault.New(fault.Misconfigured, "not every system is ready")
	}
	return err
}
