package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// systemBody is what can be said of a system: the fields of systems.yaml.
type systemBody struct {
	Name       string               `json:"name,omitempty"`
	Title      string               `json:"title,omitempty"`
	Kind       string               `json:"kind"`
	Owner      string               `json:"owner,omitempty"`
	Settings   json.RawMessage      `json:"settings,omitempty"`
	Secrets    map[string]string    `json:"secrets,omitempty"` // references, never values
	Dataset    string               `json:"dataset,omitempty"` // the YAML itself
	Recipients []string             `json:"recipients,omitempty"`
	Rights     []dsar.Right         `json:"rights,omitempty"`
	Autopilot  bool                 `json:"autopilot,omitempty"`
	Facts      registry.SystemFacts `json:"facts,omitzero"`
	Horizon    string               `json:"backupHorizon,omitempty"`
	Exemptions []registry.Exemption `json:"exemptions,omitempty"`
}

// systemView is a system as the API shows it: what was said, and what registration found out.
type systemView struct {
	systemBody
	Identifiers []subject.Kind `json:"identifiers"`
	Collections []string       `json:"collections"`
	CheckedAt   time.Time      `json:"checkedAt,omitzero"`
	Problem     string         `json:"problem,omitempty"`
	// What an operator should know of the data map; with one system alone.
	Warnings []connector.Problem `json:"warnings,omitempty"`
}

func systemOf(s registry.System) systemView {
	v := systemView{
		systemBody:  systemBody{s.Name, s.Title, s.Kind, s.Owner, s.Settings, s.Secrets, s.Dataset, s.Recipients, s.Rights, s.Autopilot, s.Facts, s.BackupHorizon, s.Exemptions},
		Identifiers: s.Identifiers, Collections: s.Collections, CheckedAt: s.CheckedAt, Problem: s.Problem,
	}
	if v.Identifiers == nil {
		v.Identifiers = []subject.Kind{}
	}
	if v.Collections == nil {
		v.Collections = []string{}
	}
	return v
}

func (h *Handler) apiSystems(w http.ResponseWriter, r *http.Request, c *caller) error {
	all, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	out := make([]systemView, 0, len(all))
	for _, s := range all {
		v := systemOf(s)
		v.Settings, v.Secrets, v.Dataset = nil, nil, "" // one system at a time
		out = append(out, v)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"systems": out})
	return nil
}

func (h *Handler) apiSystem(w http.ResponseWriter, r *http.Request, c *caller) error {
	s, err := h.Registry.System(r.Context(), c.tenant.Name, r.PathValue("name"))
	if err != nil {
		return err
	}
	v := systemOf(s)
	if _, v.Warnings, err = h.Systems.Sketch(r.Context(), s); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// check holds a system to what can be said without opening it.
func (b systemBody) check(name string) error {
	var bad web.Fields
	if err := registry.CheckName("/name", name); err != nil || (b.Name != "" && b.Name != name) {
		bad.Add("/name", "the name in the address is 1 to 63 characters of a-z, 0-9, - and _, and the body repeats it or leaves it out")
	}
	if !kindName.MatchString(b.Kind) {
		bad.Add("/kind", "name the kind of connector")
	}
	if len(b.Title) > 200 || len(b.Owner) > 320 {
		bad.Add("/title", "a title has at most 200 characters, an owner 320")
	}
	for name, ref := range b.Secrets {
		if !kindName.MatchString(name) || !registry.IsSecretReference(ref) {
			bad.Add("/secrets", "a secret is named by a reference, such as env:NAME, file:PATH or, on AWS, secretsmanager:NAME or ssm:/NAME; its value never comes here")
			break
		}
	}
	if slices.ContainsFunc(b.Rights, func(r dsar.Right) bool { return !r.Valid() }) {
		bad.Add("/rights", "there is no such right")
	}
	for i, x := range b.Exemptions {
		if x.Citation == "" || x.Reason == "" || slices.ContainsFunc(x.Rights, func(r dsar.Right) bool { return !r.Valid() }) {
			bad.Add(fmt.Sprintf("/exemptions/%d", i), "an exemption names the law, a reason in words for people, and rights that there are")
		}
		if _, err := time.Parse(time.DateOnly, x.ReviewBy); x.ReviewBy != "" && err != nil {
			bad.Add(fmt.Sprintf("/exemptions/%d/reviewBy", i), "want a date such as 2027-01-31")
		}
	}
	if slices.ContainsFunc(b.Recipients, func(n string) bool { return registry.CheckName("", n) != nil }) {
		bad.Add("/recipients", "name recipients as they are registered")
	}
	if _, err := registry.ParseHorizon(b.Horizon); b.Horizon != "" && err != nil {
		bad.Add("/backupHorizon", "say how long backups are kept in days or weeks, such as P90D or P13W, ten years at most")
	}
	return bad.Err()
}

// maxSystemBody is room for the longest data map, escaped, and all that stands beside it.
const maxSystemBody = 2 * registry.MaxDataset

// systemInput is what PUT takes: what can be said of a system, and in silence what GET adds to it, so that a system that was
// read can be sent back as it is.
type systemInput struct {
	systemBody
	Identifiers json.RawMessage `json:"identifiers"`
	Collections json.RawMessage `json:"collections"`
	CheckedAt   json.RawMessage `json:"checkedAt"`
	Problem     json.RawMessage `json:"problem"`
	Warnings    json.RawMessage `json:"warnings"`
}

// problems are what the live system contradicts, as bad input.
func problems(list []connector.Problem) error {
	var bad web.Fields
	for _, p := range list {
		var at strings.Builder
		at.WriteString("/dataset")
		for _, part := range []string{p.Collection, p.Field} {
			if part != "" {
				at.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
			}
		}
		text := p.Text
		if p.Line > 0 {
			text = fmt.Sprintf("line %d of the data map: %s", p.Line, text)
		}
		bad.Add(at.String(), text)
	}
	return bad.Err()
}

func (h *Handler) apiPutSystem(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in systemInput
	if err := web.ReadLongJSON(w, r, &in, maxSystemBody); err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := in.check(name); err != nil {
		return err
	}
	old, err := h.Registry.System(r.Context(), c.tenant.Name, name)
	fresh := fault.Has(err, fault.NotFound)
	if err != nil && !fresh {
		return err
	}
	register, dry := h.Systems.Apply, r.URL.Query().Get("dryRun") == "true"
	if dry {
		register = h.Systems.Probe
	}
	found, list, err := register(r.Context(), registry.System{
		Tenant: c.tenant.Name, Name: name, Title: in.Title, Kind: in.Kind, Owner: in.Owner, Settings: in.Settings, Secrets: in.Secrets,
		Dataset: in.Dataset, BaseDir: old.BaseDir, Recipients: in.Recipients, Rights: in.Rights, Autopilot: in.Autopilot, Facts: in.Facts,
		BackupHorizon: in.Horizon, Exemptions: in.Exemptions, Version: old.Version,
	})
	switch {
	case len(list) > 0:
		return problems(list)
	case fault.Has(err, fault.Misconfigured):
		return fault.New(fault.Invalid, "the system cannot be opened with these settings and secrets")
	case err != nil:
		return err
	}
	status := http.StatusOK
	if !dry {
		if err := h.record(r.Context(), c, act{Kind: systemPut, Target: name}); err != nil {
			return err
		}
		if fresh {
			status = http.StatusCreated
		}
	}
	v := systemOf(found)
	if _, v.Warnings, err = h.Systems.Sketch(r.Context(), found); err != nil {
		return err
	}
	web.WriteJSON(w, status, v)
	return nil
}

// healthView is the answer to a test of a system.
type healthView struct {
	Name      string              `json:"name"`
	Reachable bool                `json:"reachable"`
	Ready     bool                `json:"ready"`
	Class     fault.Class         `json:"class,omitempty"` // of what kept the system from being reached
	Rights    []dsar.Right        `json:"rights"`
	Problems  []connector.Problem `json:"problems"`
	Warnings  []connector.Problem `json:"warnings"` // what stops nothing
}

// checkSystem tests a registered system. One that cannot be reached is an answer, not an error.
func (h *Handler) checkSystem(r *http.Request, c *caller, name string) (healthView, error) {
	v := healthView{Name: name, Rights: []dsar.Right{}, Problems: []connector.Problem{}, Warnings: []connector.Problem{}}
	sys, err := h.Registry.System(r.Context(), c.tenant.Name, name)
	if err != nil {
		return v, err
	}
	_, warnings, err := h.Systems.Sketch(r.Context(), sys)
	if err != nil {
		return v, err
	}
	v.Warnings = append(v.Warnings, warnings...)
	found, err := h.Systems.Check(r.Context(), c.tenant.Name, name)
	if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok { // it was reached, and it is not as the data map says
		v.Reachable, v.Problems = true, append(v.Problems, invalid.Problems...)
		return v, nil
	}
	switch class := fault.ClassOf(err); class {
	case "":
		v.Reachable, v.Ready = found.Reachable, found.Reachable && len(found.Problems) == 0
		v.Problems = append(v.Problems, found.Problems...)
		v.Rights = append(v.Rights, found.Rights...)
	case fault.Unavailable, fault.Throttled, fault.Misconfigured, fault.Invalid:
		v.Class = class
		v.Problems = append(v.Problems, connector.Problem{Text: whyNot(class)})
	default:
		return v, err
	}
	return v, nil
}

func whyNot(class fault.Class) string {
	switch class {
	case fault.Misconfigured:
		return "The system refuses the settings or credentials that are registered."
	case fault.Invalid:
		return "The settings or the data map that are registered are not valid for this kind of system."
	default:
		return "The system cannot be reached at the moment."
	}
}

func (h *Handler) apiCheckSystem(w http.ResponseWriter, r *http.Request, c *caller) error {
	name := r.PathValue("name")
	v, err := h.checkSystem(r, c, name)
	if err != nil {
		return err
	}
	ans, err := newReply(http.StatusOK, v)
	if err != nil {
		return err
	}
	extra, err := h.remember(c, ans)
	if err != nil {
		return err
	}
	if err := h.record(r.Context(), c, act{Kind: systemChecked, Target: name}, extra...); err != nil {
		return err
	}
	ans.write(w)
	return nil
}
