package table

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// ItemOverhead is what every stored item counts beside its keys and body: DynamoDB charges attribute names, version and
// expiry to the 400 KiB too.
const ItemOverhead = 128

// pairwiseBelow is the number of writes up to which comparing every pair is cheaper than a set.
const pairwiseBelow = 24

// Size returns what the item counts against MaxItemBytes and MaxTransactionBytes, in bytes.
func (it *Item) Size() int {
	return len(it.PK) + len(it.SK) + len(it.IPK) + len(it.ISK) + len(it.Body) + ItemOverhead
}

// Expired reports whether the item counts as absent at now.
func (it *Item) Expired(now time.Time) bool {
	return !it.ExpiresAt.IsZero() && !now.Before(it.ExpiresAt)
}

// StoredExpiry returns expiry as drivers keep it: UTC, in whole seconds as DynamoDB's TTL has them, a fraction rounded up
// so that nothing vanishes early.
func StoredExpiry(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	whole := t.UTC().Truncate(time.Second)
	if whole.Before(t) {
		whole = whole.Add(time.Second)
	}
	return whole
}

// Valid reports whether n is one of the tables.
func (n Name) Valid() bool {
	switch n {
	case Cases, Registry, Ledger, CaseKeys, Tokens:
		return true
	default:
		return false
	}
}

// Validate holds a transaction to every rule that needs no look at what is stored: 1 to MaxTransactionItems writes, known
// operations, keys by the key rules and no key twice, ipk and isk both or neither, items and the sum of them within the
// limits, and a condition that makes sense: AnyVersion, Absent or a version, and never AnyVersion on a Check, which would
// check nothing. Delete and Check look at Item.Key only. The error is fault.Invalid and points at the write
// ("/2/item/sk"); drivers call Validate before they write anything.
func Validate(writes ...Write) error {
	if len(writes) == 0 || len(writes) > MaxTransactionItems {
		return fault.InvalidField("", "a transaction has 1 to 100 writes")
	}
	total := 0
	for i := range writes {
		if field, text := checkWrite(&writes[i]); text != "" {
			return fault.InvalidField("/"+strconv.Itoa(i)+field, text)
		}
		it := &writes[i].Item
		if writes[i].Op == Put {
			total += it.Size()
		} else {
			total += len(it.PK) + len(it.SK) + ItemOverhead
		}
	}
	if total > MaxTransactionBytes {
		return fault.InvalidField("", "a transaction has at most 4 MiB")
	}
	if i := repeated(writes); i >= 0 {
		return fault.InvalidField("/"+strconv.Itoa(i)+"/item/sk", "a key occurs once per transaction")
	}
	return nil
}

// ValidateKey holds a key to the key rules: a known table, PK and SK not empty, at most MaxKeyBytes each, valid UTF-8.
// The error is fault.Invalid.
func ValidateKey(k Key) error {
	if field, text := checkKey(&k); text != "" {
		return fault.InvalidField(field, text)
	}
	return nil
}

// ValidateQuery holds a query to the contract: a known table, a PK by the key rules, bounds of at most MaxKeyBytes valid
// UTF-8, Prefix not together with From or To, and a Limit of 0 to MaxPage. From at or above To is allowed and finds
// nothing. The cursor is checked by ParseCursor. The error is fault.Invalid.
func ValidateQuery(q Query) error {
	switch {
	case !q.Table.Valid():
		return fault.InvalidField("/table", "there is no such table")
	case keyFault(q.PK) != "":
		return fault.InvalidField("/pk", keyFault(q.PK))
	case q.Prefix != "" && (q.From != "" || q.To != ""):
		return fault.InvalidField("/prefix", "a prefix excludes bounds")
	case q.Prefix != "" && keyFault(q.Prefix) != "":
		return fault.InvalidField("/prefix", keyFault(q.Prefix))
	case q.From != "" && keyFault(q.From) != "":
		return fault.InvalidField("/from", keyFault(q.From))
	case q.To != "" && keyFault(q.To) != "":
		return fault.InvalidField("/to", keyFault(q.To))
	case q.Limit < 0 || q.Limit > MaxPage:
		return fault.InvalidField("/limit", "a page has 1 to 1000 items")
	}
	return nil
}

// checkWrite returns the pointer to and the text of the first broken rule of one write; no text means none.
func checkWrite(w *Write) (field, text string) {
	switch w.Op {
	case Put, Delete:
	case Check:
		if w.If == AnyVersion {
			return "/if", "a check needs a condition"
		}
	default:
		return "/op", "there is no such operation"
	}
	if w.If < AnyVersion {
		return "/if", "a condition is AnyVersion, Absent or a version"
	}
	if field, text := checkKey(&w.Item.Key); text != "" {
		return "/item" + field, text
	}
	if w.Op != Put {
		return "", ""
	}
	return checkContent(&w.Item)
}

// checkContent checks what a Put has beside its key.
func checkContent(it *Item) (field, text string) {
	if (it.IPK == "") != (it.ISK == "") {
		return "/item/isk", "ipk and isk are both set or both empty"
	}
	if it.IPK != "" {
		if text := keyFault(it.IPK); text != "" {
			return "/item/ipk", text
		}
		if text := keyFault(it.ISK); text != "" {
			return "/item/isk", text
		}
	}
	if it.Size() > MaxItemBytes {
		return "/item/body", "an item has at most 400 KiB, keys and overhead included"
	}
	return "", ""
}

func checkKey(k *Key) (field, text string) {
	if !k.Table.Valid() {
		return "/table", "there is no such table"
	}
	if text := keyFault(k.PK); text != "" {
		return "/pk", text
	}
	if text := keyFault(k.SK); text != "" {
		return "/sk", text
	}
	return "", ""
}

// keyFault returns the rule that a key part breaks, or "".
func keyFault(s string) string {
	switch {
	case s == "":
		return "a key part is not empty"
	case len(s) > MaxKeyBytes:
		return "a key part has at most 1024 bytes"
	case !utf8.ValidString(s):
		return "a key part is valid UTF-8"
	}
	return ""
}

// repeated returns the index of the first write whose key an earlier one has, or -1.
func repeated(writes []Write) int {
	if len(writes) > pairwiseBelow {
		seen := make(map[Key]struct{}, len(writes))
		for i := range writes {
			if _, ok := seen[writes[i].Item.Key]; ok {
				return i
			}
			seen[writes[i].Item.Key] = struct{}{}
		}
		return -1
	}
	for i := range writes {
		for j := range i {
			if writes[i].Item.Key == writes[j].Item.Key {
				return i
			}
		}
	}
	return -1
}
