package local

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow"
)

// field is one member of an event's detail: JSON in raw, or else text.
type field struct {
	name string
	raw  []byte
	text string
}

func raw(name string, b []byte) field  { return field{name: name, raw: b} }
func text(name, s string) field        { return field{name: name, text: s} }
func count(name string, n int64) field { return field{name: name, raw: strconv.AppendInt(nil, n, 10)} }

// eventTime is RFC 3339 with milliseconds, as in the context object.
const eventTime = "2006-01-02T15:04:05.000Z"

// event appends an event to the history and returns its number. The last place in the history is kept for the event that
// closes the execution (Developer Guide, "Avoid reaching the history quota"); an event that would take it is not recorded,
// and the execution is marked to fail.
func (x *execution) event(kind string, previous int64, state string, fields ...field) int64 {
	if x.overflow || x.last+1 >= workflow.MaxHistoryEvents {
		x.overflow = true
		return x.last
	}
	return x.record(kind, previous, state, fields)
}

func (x *execution) record(kind string, previous int64, state string, fields []field) int64 {
	x.last++
	c := x.pending()
	b := c.history
	if len(b) == 0 {
		b = append(make([]byte, 0, 2<<10), '[')
	} else {
		b[len(b)-1] = ','
	}
	b = append(b, `{"ID":`...)
	b = strconv.AppendInt(b, x.last, 10)
	b = append(b, `,"PreviousID":`...)
	b = strconv.AppendInt(b, previous, 10)
	b = append(b, `,"Type":"`...)
	b = append(b, kind...)
	b = append(b, `","At":"`...)
	b = x.now.AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	if state != "" {
		b = append(b, `,"State":`...)
		b = appendText(b, state)
	}
	if len(fields) > 0 {
		b = append(b, `,"Detail":{`...)
		for i, f := range fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, f.name...)
			b = append(b, `":`...)
			if f.raw != nil {
				b = append(b, f.raw...)
			} else {
				b = appendText(b, f.text)
			}
		}
		b = append(b, '}')
	}
	b = append(b, "}]"...)
	c.history, c.last = b, x.last
	return x.last
}

// appendText appends a JSON string; names and error classes are plain and need no encoder.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // strings always marshal
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
