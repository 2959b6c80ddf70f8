package engine

import (
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// A line is a change as bytes: what identifies it first, then its end state and its owner. Lines sort by rank (children
// before parents), collection, action and key, so a batch of one collection and action is a stretch of lines.

// lineID appends what identifies a change: rank, collection, action, key.
func lineID(dst []byte, c *connector.Change) []byte {
	return connector.AppendKey(dst, []connector.Value{
		connector.Int(int64(c.Rank)), connector.Text(c.Collection), connector.Text(string(c.Action)),
		connector.Bytes(connector.AppendKey(nil, c.Key)),
	})
}

// recordID appends what identifies the record of a change.
func recordID(dst []byte, c *connector.Change) []byte {
	dst = connector.AppendKey(dst, []connector.Value{connector.Text(c.Collection)})
	return connector.AppendKey(dst, c.Key)
}

const lineTail = 6 // values behind the identifying four

// appendLine appends the whole line.
func appendLine(dst []byte, c *connector.Change) []byte {
	return connector.AppendKey(lineID(dst, c), []connector.Value{
		connector.Bytes(encodeFields(c.Fields)), connector.Bytes(encodeFields(c.Via)),
		c.HoldKey, connector.Text(string(c.Because)), connector.Text(c.Reason), connector.Bytes(encodeFields(c.Before)),
	})
}

func encodeFields(fields []connector.Field) []byte {
	var dst []byte
	for _, f := range fields {
		dst = connector.AppendKey(dst, []connector.Value{connector.Text(f.Name), f.Value})
	}
	return dst
}

var errLine = fault.New(fault.Internal, "a line of a plan is not one")

// readLine is the inverse of appendLine.
func readLine(line []byte) (connector.Change, error) {
	v, err := connector.DecodeKey(line)
	if err != nil || len(v) != 4+lineTail {
		return connector.Change{}, errLine
	}
	text := func(i int) string { s, _ := v[i].Reveal().(string); return s }
	rank, _ := v[0].Reveal().(int64)
	c := connector.Change{
		Rank: int(rank), Collection: text(1), Action: connector.ChangeAction(text(2)), HoldKey: v[6],
		Because: connector.RetainedBecause(text(7)), Reason: text(8),
	}
	key, ok := v[3].Reveal().([]byte)
	if c.Key, err = connector.DecodeKey(key); err != nil || !ok {
		return connector.Change{}, errLine
	}
	if c.Fields, err = readFields(v[4]); err != nil {
		return connector.Change{}, err
	}
	if c.Via, err = readFields(v[5]); err != nil {
		return connector.Change{}, err
	}
	c.Before, err = readFields(v[9])
	return c, err
}

func readFields(v connector.Value) ([]connector.Field, error) {
	b, ok := v.Reveal().([]byte)
	if !ok {
		return nil, errLine
	}
	values, err := connector.DecodeKey(b)
	if err != nil || len(values)%2 != 0 {
		return nil, errLine
	}
	var fields []connector.Field
	for i := 0; i < len(values); i += 2 {
		name, ok := values[i].Reveal().(string)
		if !ok {
			return nil, errLine
		}
		fields = append(fields, connector.Field{Name: name, Value: values[i+1]})
	}
	return fields, nil
}
