package casefile

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

const labelNote = "note#"

// Note adds an internal note of staff, sealed: the subject never sees it.
func (f *File) Note(by string, text redact.Text) error {
	n := f.nextEntry()
	body, err := json.Marshal(Message{N: n, From: by, At: f.now, Text: f.Keys.SealDoc(fmt.Sprintf("%s%d", labelNote, n), []byte(text.Reveal()))})
	if err != nil {
		return fmt.Errorf("encoding note: %w", err)
	}
	f.extra = append(f.extra, table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: f.key(fmt.Sprintf("%s%015d", skNote, n)), Body: body}})
	return f.Entry("note_added", by, map[string]any{"n": n})
}

// Notes returns the internal notes, oldest first; at most limit.
func (s *Store) Notes(ctx context.Context, tenant, id string, limit int) ([]ReadMessage, error) {
	items, err := s.some(ctx, table.Query{Table: table.Cases, PK: pkCase(tenant, id), Prefix: skNote}, limit)
	if err != nil {
		return nil, fmt.Errorf("reading notes: %w", err)
	}
	k, err := s.vault.Case(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("reading case keys: %w", err)
	}
	var out []ReadMessage
	for _, it := range items {
		var m Message
		if json.Unmarshal(it.Body, &m) != nil {
			return nil, errDecode("note")
		}
		plain, err := k.OpenDoc(fmt.Sprintf("%s%d", labelNote, m.N), m.Text)
		if err != nil {
			return nil, fmt.Errorf("opening note: %w", err)
		}
		out = append(out, ReadMessage{From: m.From, At: m.At, Text: redact.NewText(string(plain.Reveal()))})
	}
	return out, nil
}
