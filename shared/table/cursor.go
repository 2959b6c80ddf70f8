package table

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Position is the place of an item in the order of a query: where a page ended and the next one goes on. A query of the
// main key uses SK alone; a query of the index uses all three, because equal isk are ordered by (pk, sk). It is what
// DynamoDB calls a start key, less what the query says already.
type Position struct {
	ISK    string
	PK, SK string
}

// maxCursorBytes bounds the decoded form: a version byte, a digest and three key parts with their lengths.
const (
	cursorVersion  = 1
	digestBytes    = 16
	maxCursorBytes = 1 + digestBytes + 3*(binary.MaxVarintLen16+MaxKeyBytes)
)

// NewCursor returns the cursor that continues q after last. It holds a digest of the query and the keys of last, in
// base64url, and nothing else. Limit and Cursor of q do not enter the digest, so the size of pages may change on the way.
func NewCursor(q Query, last *Item) string {
	p := Position{SK: last.SK}
	if q.Index {
		p = Position{ISK: last.ISK, PK: last.PK, SK: last.SK}
	}
	raw := make([]byte, 1+digestBytes, 1+digestBytes+len(p.ISK)+len(p.PK)+len(p.SK)+3*binary.MaxVarintLen16)
	raw[0] = cursorVersion
	raw = appendParts(raw, p.ISK, p.PK, p.SK)
	d := digest(q, raw[1+digestBytes:])
	copy(raw[1:], d[:digestBytes])
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ParseCursor returns where q goes on; started is false when q has no cursor. A cursor of another query (table, index,
// partition, bounds or direction) or one that NewCursor did not make is fault.Invalid. The digest is no signature: a forged
// cursor gives a caller no more than another place in the partition it may read anyway.
func ParseCursor(q Query) (p Position, started bool, err error) {
	if q.Cursor == "" {
		return Position{}, false, nil
	}
	foreign := fault.InvalidField("/cursor", "the cursor is not one of this query")
	if base64.RawURLEncoding.DecodedLen(len(q.Cursor)) > maxCursorBytes {
		return Position{}, false, foreign
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(raw) < 1+digestBytes || raw[0] != cursorVersion {
		return Position{}, false, foreign
	}
	d := digest(q, raw[1+digestBytes:])
	if string(d[:digestBytes]) != string(raw[1:1+digestBytes]) {
		return Position{}, false, foreign
	}
	parts, ok := splitParts(raw[1+digestBytes:])
	if !ok || !fits(q, parts) {
		return Position{}, false, foreign
	}
	return Position{ISK: parts[0], PK: parts[1], SK: parts[2]}, true, nil
}

// fits reports whether the parts are keys as a position of q has them.
func fits(q Query, parts [3]string) bool {
	if keyFault(parts[2]) != "" {
		return false
	}
	if !q.Index {
		return parts[0] == "" && parts[1] == ""
	}
	return keyFault(parts[0]) == "" && keyFault(parts[1]) == ""
}

// digest binds a position to the query it belongs to. Every part is preceded by its length, so that no two queries share
// an encoding.
func digest(q Query, position []byte) [sha256.Size]byte {
	flags := byte(0)
	if q.Index {
		flags |= 1
	}
	if q.Descending {
		flags |= 2
	}
	var stack [512]byte
	b := append(stack[:0], "habeas cursor"...)
	b = append(b, cursorVersion, flags)
	b = appendParts(b, string(q.Table), q.PK, q.Prefix, q.From, q.To)
	b = append(b, position...)
	return sha256.Sum256(b)
}

func appendParts(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// splitParts undoes appendParts for exactly three parts.
func splitParts(b []byte) (parts [3]string, ok bool) {
	for i := range parts {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > MaxKeyBytes || uint64(len(b)-used) < n {
			return parts, false
		}
		parts[i] = string(b[used : used+int(n)])
		b = b[used+int(n):]
	}
	return parts, len(b) == 0
}
