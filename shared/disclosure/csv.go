package disclosure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/connector"
)

const (
	byteOrderMark = "\uFEFF"
	lineEnd       = "\r\n"
	// maxColumns bounds the columns of one file: documents may have fields without end. What does not fit shares one column.
	maxColumns = 512
)

// table turns the records of one collection into CSV. Its columns are the fields in the order in which they first appear.
// When a later record has a field of its own, earlier rows are too short; widen fills them up at the end.
type table struct {
	words   *words
	columns []string
	index   map[string]int
	rows    int64
	widths  []width // how wide rows are, when not all of them are as wide as the last
	cells   []connector.Value
	reasons []string // why values were withheld, each once
	more    []connector.Field
}

// width says how many columns the rows up to (not including) row before have.
type width struct {
	before  int64
	columns int
}

func newTable(w *words) *table { return &table{words: w, index: map[string]int{}} }

// header appends the first line.
func (t *table) header(dst []byte) []byte {
	dst = append(dst, byteOrderMark...)
	for i, c := range t.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, c)
	}
	return appendEnd(dst, len(dst) == len(byteOrderMark))
}

// appendEnd ends a row. A row without a single character gets a pair of quotes: readers skip empty lines.
func appendEnd(dst []byte, empty bool) []byte {
	if empty {
		dst = append(dst, `""`...)
	}
	return append(dst, lineEnd...)
}

// row appends one record. The first one is preceded by the header.
func (t *table) row(dst []byte, fields []connector.Field) []byte {
	if !t.same(fields) {
		t.arrange(fields)
	}
	if t.rows == 0 {
		dst = t.header(dst)
	}
	t.rows++
	start := len(dst)
	for i := range t.cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = t.cell(dst, t.cells[i])
	}
	return appendEnd(dst, len(dst) == start)
}

// same takes over the values of a record whose fields are the columns, as those of a database table always are.
func (t *table) same(fields []connector.Field) bool {
	if len(fields) != len(t.columns) || len(fields) == 0 {
		return false
	}
	for i := range fields {
		if fields[i].Name != t.columns[i] {
			return false
		}
		t.cells[i] = fields[i].Value
	}
	return true
}

func (t *table) arrange(fields []connector.Field) {
	before := len(t.columns)
	clear(t.cells)
	t.more = t.more[:0]
	for _, f := range fields {
		i, known := t.index[f.Name]
		if !known && len(t.columns) >= maxColumns {
			t.more = append(t.more, f)
			continue
		}
		if !known {
			i = t.column(f.Name)
		}
		t.cells[i] = f.Value
	}
	if len(t.more) > 0 {
		if len(t.columns) == maxColumns {
			// The name has no entry in index: a field may well be called the same.
			t.columns, t.cells = append(t.columns, t.words.plain["file.more"]), append(t.cells, connector.Null())
		}
		rest := connector.Record{Fields: t.more}
		t.cells[maxColumns] = connector.JSON(rest.AppendJSON(nil))
	}
	if before != len(t.columns) && t.rows > 0 {
		t.widths = append(t.widths, width{t.rows, before})
	}
}

func (t *table) column(name string) int {
	i := len(t.columns)
	t.index[name] = i
	t.columns, t.cells = append(t.columns, name), append(t.cells, connector.Null())
	return i
}

func (t *table) cell(dst []byte, v connector.Value) []byte {
	switch v.Type() {
	case connector.TypeNull:
		return dst
	case connector.TypeBool, connector.TypeInt, connector.TypeFloat, connector.TypeDecimal:
		return v.AppendJSON(dst)
	case connector.TypeWithheld:
		reason, _ := v.Reveal().(string)
		t.withheld(reason)
		return appendText(dst, t.words.withheld(reason))
	case connector.TypeJSON:
		s := v.RevealText()
		for rest := s; ; {
			var found bool
			if _, rest, found = strings.Cut(rest, `{"$withheld":"`); !found {
				return appendText(dst, s)
			}
			reason, _, _ := strings.Cut(rest, `"`)
			t.withheld(reason)
		}
	default:
		return appendText(dst, v.RevealText())
	}
}

// withheld remembers why a value was withheld. A reason that is none of ours came out of somebody's database and is not
// kept: it may be personal.
func (t *table) withheld(reason string) {
	if isHeld(reason) {
		return // it is counted where it was hidden
	}
	if reason != connector.WithheldThirdParty && reason != connector.WithheldDenied {
		reason = ""
	}
	if !slices.Contains(t.reasons, reason) {
		t.reasons = append(t.reasons, reason)
	}
}

// appendText appends one cell of text. What a spreadsheet would take for a formula is preceded by an apostrophe: at the
// start of the cell, and behind everything that starts a new cell when the file is read with another separator than its
// own (a semicolon or a tab, as in many countries) and its quotes therefore mean nothing.
func appendText(dst []byte, s string) []byte {
	start, quote := len(dst), false
	dst = append(dst, '"')
	fresh := true // nothing but blanks and quotes since a cell may have started
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '=', '+', '-', '@':
			if fresh && !(i == 0 && isPlainNumber(s)) {
				dst = append(dst, '\'')
			}
			fresh = false
		case '\t', '\r':
			if i == 0 {
				dst = append(dst, '\'')
			}
			quote, fresh = true, true
		case '\n', ';':
			quote, fresh = true, true
		case '"':
			dst = append(dst, '"')
			quote = true
		case ',':
			quote, fresh = true, false
		case ' ':
		default:
			if fresh {
				r, size := utf8.DecodeRuneInString(s[i:])
				if strings.ContainsRune("＝＋－＠", r) {
					dst = append(dst, '\'') // full-width forms, which some spreadsheets read like the plain ones
				}
				fresh = isBlank(r)
				dst = append(dst, s[i:i+size-1]...)
				i += size - 1
				c = s[i]
			}
		}
		dst = append(dst, c)
	}
	if !quote {
		return append(dst[:start], dst[start+1:]...)
	}
	return append(dst, '"')
}

// isBlank reports whether a spreadsheet may cut the character off when it stands at the start of a cell.
func isBlank(r rune) bool {
	return r != utf8.RuneError && (unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
}

// isPlainNumber reports whether s is a negative number in digits, which is not a formula.
func isPlainNumber(s string) bool {
	digits, rest, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return s[0] == '-' && digits != "" && strings.Trim(digits+rest, "0123456789") == ""
}

// widen copies a CSV file whose rows became wider on the way: with the full header, and every row as wide as the last.
func (t *table) widen(ctx context.Context, r io.Reader, add func(context.Context, []byte) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	out := make([]byte, 0, 64<<10)
	out = t.header(out)
	row, quoted, old := int64(-1), false, true // the old header is row -1
	for {
		c, err := in.ReadByte()
		if errors.Is(err, io.EOF) {
			return add(ctx, out)
		}
		if err != nil {
			return fmt.Errorf("reading a table again: %w", err)
		}
		quoted = quoted != (c == '"')
		if c == '\r' && !quoted {
			if row >= 0 {
				out = append(out, t.padding(row)...)
			}
		}
		if !old {
			out = append(out, c)
		}
		if c != '\n' || quoted {
			continue
		}
		row, old = row+1, false
		if len(out) >= 32<<10 {
			if err := add(ctx, out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
}

// padding returns the separators that a row lacks.
func (t *table) padding(row int64) string {
	i, _ := slices.BinarySearchFunc(t.widths, row, func(w width, row int64) int {
		if row < w.before {
			return 1
		}
		return -1
	})
	if i == len(t.widths) {
		return ""
	}
	return strings.Repeat(",", len(t.columns)-max(t.widths[i].columns, 1)) // a row without columns is one empty cell
}
