package connectortest_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/person"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// eager is a kind that says people act on its systems, and searches or serves all the same.
type eager struct {
	connector.Connector
	edit func(d *connector.Descriptor)
}

func (e eager) Describe() connector.Descriptor {
	d := e.Connector.Describe()
	if e.edit != nil {
		e.edit(&d)
	}
	return d
}

func (e eager) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	if e.edit != nil {
		return e.Connector.Locate(ctx, q)
	}
	return connector.Located{}, nil // "nothing held", and nobody looked
}

func TestBrokenConnectorsOfPeopleFail(t *testing.T) {
	for name, edit := range map[string]func(*connector.Descriptor){
		"searches": nil,
		"serves":   func(d *connector.Descriptor) { d.Rights = []connector.Right{connector.Access} },
		"hides it": func(d *connector.Descriptor) { d.ByPerson = false },
	} {
		t.Run(name, func(t *testing.T) {
			f := person.Factory()
			open := f.Open
			f.Open = func(ctx context.Context, in connector.OpenInput) (connector.Connector, error) {
				c, err := open(ctx, in)
				if err != nil {
					return nil, err
				}
				return eager{c, edit}, nil
			}
			for _, c := range connectortest.Cases() {
				if c.Group == "descriptor" && c.Name == "agrees with the interfaces" {
					if len(exec(t, c, connectortest.ByPerson(f))) == 0 {
						t.Error("the suite lets it pass")
					}
				}
			}
		})
	}
	careless := person.Factory()
	careless.Open = func(ctx context.Context, _ connector.OpenInput) (connector.Connector, error) {
		return person.Factory().Open(ctx, connector.OpenInput{Settings: json.RawMessage(`{"email":"a@example.com"}`)})
	}
	careless.SettingsSchema = json.RawMessage(`{}`)
	for _, c := range connectortest.Cases() {
		if c.Name == "bad settings are refused" && len(exec(t, c, connectortest.ByPerson(careless))) == 0 {
			t.Error("the suite lets a kind pass that takes any settings")
		}
	}
}
