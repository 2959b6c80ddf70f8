package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Words is one publication of a tenant's own words: from this version on, letters say the message of the key so. Versions of a tenant
// are numbered from 1 without a gap over all languages and keys, and none is ever changed or removed, so that every letter can be read
// again in the words it was written with.
type Words struct {
	Version  int               `json:"version"`
	Language string            `json:"language"` // of letters.Languages
	Key      string            `json:"key"`      // of the catalogue of letters
	Text     map[string]string `json:"text"`     // by plural form; empty: back to the words of the catalogue
	Reason   string            `json:"reason"`   // for which it was published, at most 500 characters
	Staff    string            `json:"staff,omitempty"`
	At       time.Time         `json:"at"`
}

// wordsPublished is the kind of the entry in the tenant's journal.
const wordsPublished = "wording_published"

// maxReason bounds the reason of a publication.
const maxReason = 500

func pkWords(tenant string) string { return "T#" + tenant + "#WORDING" }

// Wordings returns every publication of the tenant, the oldest first. What is in a text is checked by whoever publishes it: the
// registry does not know letters.
func (s *Store) Wordings(ctx context.Context, tenant string) ([]Words, error) {
	return partition[Words](ctx, s, pkWords(tenant), nil)
}

// WordsAt returns what holds at a version, by language and key; without the messages that are back at the catalogue's words. A
// version above the newest is the newest.
func WordsAt(all []Words, version int) map[string]map[string]map[string]string {
	out := map[string]map[string]map[string]string{}
	for _, w := range all {
		switch {
		case w.Version > version:
			return out
		case len(w.Text) == 0:
			delete(out[w.Language], w.Key)
		case out[w.Language] == nil:
			out[w.Language] = map[string]map[string]string{w.Key: w.Text}
		default:
			out[w.Language][w.Key] = w.Text
		}
	}
	return out
}

// PublishWords makes the words the tenant's and enters them in its journal evidence.Wordings, in one transaction with more. Version and
// At are set here. What is said already is not published again: the newest version comes back with published unset. fault.Conflict
// when somebody else published at the same time, fault.Invalid without a reason.
func (s *Store) PublishWords(ctx context.Context, tenant string, w Words, more ...table.Write) (version int, published bool, err error) {
	w.Reason = strings.TrimSpace(w.Reason)
	if w.Reason == "" || utf8.RuneCountInString(w.Reason) > maxReason {
		return 0, false, fault.InvalidField("/reason", fmt.Sprintf("say why, in at most %d characters", maxReason))
	}
	if _, err := s.Tenant(ctx, tenant); err != nil {
		return 0, false, err
	}
	s.Forget()
	all, err := s.Wordings(ctx, tenant)
	if err != nil {
		return 0, false, err
	}
	if maps.Equal(WordsAt(all, len(all))[w.Language][w.Key], w.Text) {
		return len(all), false, nil
	}
	w.Version, w.At = len(all)+1, s.now().UTC().Truncate(time.Millisecond)
	put, err := putJSON(pkWords(tenant), fmt.Sprintf("%09d", w.Version), w, table.Absent)
	if err != nil {
		return 0, false, err
	}
	actor := evidence.System
	if w.Staff != "" {
		actor = evidence.Staff(w.Staff)
	}
	text, err := json.Marshal(w.Text)
	if err != nil {
		return 0, false, fmt.Errorf("encoding a wording: %w", err)
	}
	sum := sha256.Sum256(text)
	facts := map[string]any{"version": w.Version, "language": w.Language, "key": w.Key, "sha256": hex.EncodeToString(sum[:]), "reason": w.Reason}
	_, err = evidence.Journal{Store: s.table}.Append(ctx, tenant, evidence.Wordings, wordsPublished, actor, facts, w.At, append(more, put)...)
	s.Forget()
	if err != nil {
		return 0, false, fmt.Errorf("publishing a wording: %w", err)
	}
	return w.Version, true, nil
}
