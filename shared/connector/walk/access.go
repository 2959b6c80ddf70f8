package walk

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// Access walks the graph and puts every record of a disclosed collection into call.Records, each once. A connector's Access
// may be this method.
func (w *Walker) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	r, err := w.newRun(call)
	if err != nil {
		return connector.Progress{}, err
	}
	r.visit, r.narrow = disclosing{call.Records}, narrowArrays
	return r.progress(r.walk(ctx))
}

type disclosing struct {
	sink connector.Sink[*connector.Record]
}

func (d disclosing) row(ctx context.Context, f *facts, rec *connector.Record, _ *connector.Entry, _ bool) error {
	if !f.disclosed {
		return nil
	}
	return d.sink.Put(ctx, rec)
}

func (disclosing) claim(context.Context, *facts, *connector.Record, *connector.Entry) error {
	return nil
}

func (d disclosing) full() bool { return d.sink.Full() }

// narrowArrays keeps, of an array that led to the row, the elements that were looked up, unless the data map says
// return_all_elements: the others are somebody else's.
func narrowArrays(e *connector.Entry, rec *connector.Record, l *Lookup) *connector.Record {
	for i, path := range e.Fields {
		def := e.Collection.Field(path)
		if !def.Array || def.ReturnAll {
			continue
		}
		at := slices.IndexFunc(rec.Fields, func(f connector.Field) bool { return f.Name == path })
		if at < 0 || rec.Fields[at].Value.Type() != connector.TypeJSON {
			continue
		}
		out := []byte{'['}
		for _, element := range rec.AppendValues(nil, path) {
			if !slices.ContainsFunc(l.Values, func(t []connector.Value) bool { return e.Same(element, t[i]) }) {
				continue
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = element.AppendJSON(out)
		}
		rec = rec.Clone()
		rec.Fields[at].Value = connector.JSON(append(out, ']'))
	}
	return rec
}
