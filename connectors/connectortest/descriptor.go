package connectortest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func descriptorCases() []Case {
	const g = "descriptor"
	return []Case{
		{Group: g, Name: "agrees with the interfaces", run: agreesWithInterfaces},
		{Group: g, Name: "bad settings are refused", run: refusesBadSettings},
		{Group: g, Name: "bad data maps are refused", run: refusesBadDatasets},
		{Group: g, Name: "secrets are not printed", run: printsNoSecrets},
		{Group: g, Name: "check says what works", run: checks},
	}
}

func agreesWithInterfaces(r *rig) {
	r.seed(town(r, person{n: 1}))
	d := r.conn.Describe()
	_, access := r.conn.(connector.Accessor)
	_, corrects := r.conn.(connector.Corrector)
	_, erases := r.conn.(connector.Eraser)
	_, restricts := r.conn.(connector.Restrictor)
	var want []connector.Right
	for _, x := range []struct {
		has   bool
		right connector.Right
	}{{access, connector.Access}, {corrects, connector.Correction}, {erases, connector.Erasure}, {restricts, connector.Restriction}} {
		if x.has {
			want = append(want, x.right)
		}
	}
	if !slices.Equal(d.Rights, want) {
		r.Errorf("the descriptor lists %v, the connector implements %v", d.Rights, want)
	}
	if d.Kind == "" || d.Kind != r.h.Factory.Kind || d.HasCollections != r.h.Factory.HasCollections {
		r.Errorf("descriptor and factory disagree: kind %q and %q", d.Kind, r.h.Factory.Kind)
	}
	if !bytes.Equal(d.SettingsSchema, r.h.Factory.SettingsSchema) {
		r.Error("descriptor and factory have different schemas of the settings")
	}
	for _, k := range d.Identifiers {
		if !k.Valid() {
			r.Errorf("the identifier kind %q is not well formed", k)
		}
	}
	switch {
	case d.ByPerson != r.h.Factory.ByPerson:
		r.Error("descriptor and factory disagree on who acts")
	case d.ByPerson:
		actsNowhere(r, d)
	case len(d.Identifiers) == 0 || !slices.IsSorted(d.Identifiers):
		r.Errorf("the identifier kinds are %v; want some, sorted", d.Identifiers)
	}
	if fmt.Sprintf("%+v", r.conn.Describe()) != fmt.Sprintf("%+v", d) {
		r.Error("the descriptor changes from call to call")
	}
}

func schemaOf(r *rig) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.h.Factory.SettingsSchema))
	if err != nil {
		r.Fatalf("the schema of the settings is not JSON: %v", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.json", doc); err != nil {
		r.Fatalf("the schema of the settings: %v", err)
	}
	s, err := c.Compile("settings.json")
	if err != nil {
		r.Fatalf("the schema of the settings: %v", err)
	}
	return s
}

func refusesBadSettings(r *rig) {
	schema := schemaOf(r)
	w := town(r, person{n: 1})
	r.h.Seed(r, w)
	good, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.h.Settings))
	if err == nil {
		err = schema.Validate(good)
	}
	if err != nil {
		r.Errorf("the harness's own settings do not fit the schema: %v", err)
	}
	if len(r.h.BadSettings) == 0 {
		r.Fatal("the harness names no settings that must be refused")
	}
	for i, bad := range r.h.BadSettings {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(bad))
		if err != nil || schema.Validate(doc) != nil {
			continue
		}
		in := r.h.input(w.Dataset)
		in.Settings = bad
		c, err := r.h.Factory.Open(context.Background(), in)
		if err == nil {
			_ = c.Close()
		}
		if !fault.Has(err, fault.Misconfigured) {
			r.Errorf("bad settings %d: neither the schema nor Open refuses them as misconfigured (%v)", i, err)
		}
	}
}

func refusesBadDatasets(r *rig) {
	if !r.h.Factory.HasCollections {
		return
	}
	w := town(r, person{n: 1})
	r.h.Seed(r, w)
	for what, spoil := range map[string]func(d *connector.Dataset) *connector.Dataset{
		"none": func(*connector.Dataset) *connector.Dataset { return nil },
		"no identity": func(d *connector.Dataset) *connector.Dataset {
			for _, c := range d.Collections {
				for f := range c.All {
					f.Identity = ""
				}
			}
			return d
		},
		"a reference into nothing": func(d *connector.Dataset) *connector.Dataset {
			d.Collection("orders").Field("customer_id").References[0].Field = "nonsense"
			return d
		},
	} {
		in := r.h.input(spoil(w.Dataset.Clone()))
		c, err := r.h.Factory.Open(context.Background(), in)
		if err == nil {
			_ = c.Close()
		}
		if !fault.Has(err, fault.Misconfigured) {
			r.Errorf("a data map with %s: error %v, want misconfigured", what, err)
		}
	}
}

func printsNoSecrets(r *rig) {
	r.seed(town(r, person{n: 1}))
	bad := r.h.input(r.world.Dataset)
	bad.Settings = []byte(`{"nonsense`)
	_, err := r.h.Factory.Open(context.Background(), bad)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(verb+" "+verb+" %v", r.conn, r.conn.Describe(), err)
		for name, secret := range r.h.Secrets {
			if strings.Contains(text, secret.Reveal()) {
				r.Errorf("%s prints the secret %q", verb, name)
			}
		}
	}
	if len(r.h.Secrets) != len(r.h.Factory.SecretNames) {
		r.Errorf("the harness gives %d secrets, the factory names %d", len(r.h.Secrets), len(r.h.Factory.SecretNames))
	}
}

func checks(r *rig) {
	r.seed(town(r, person{n: 1}))
	health, err := r.conn.Check(context.Background())
	if err != nil || !health.Reachable {
		r.Fatalf("Check of a healthy system: %+v, %v", health, err)
	}
	for _, right := range r.conn.Describe().Rights {
		if !slices.Contains(health.Rights, right) {
			r.Errorf("Check does not confirm the right of %s", right)
		}
	}
	for _, p := range health.Problems {
		r.Errorf("Check of a healthy system names a problem: %+v", p)
	}
	if r.h.Cannot[Unauthorised] == "" {
		r.h.Fault(r, Fault{Kind: Unauthorised})
		if _, err := r.conn.Check(context.Background()); !fault.Has(err, fault.Misconfigured) {
			r.Errorf("Check with refused credentials: %v, want misconfigured", err)
		}
	}
}
