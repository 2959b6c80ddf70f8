package letters

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/habeas-dsar/habeas/shared/policy"
)

// part is one piece of a letter. Exactly one field group is set; both writers go through the same parts in the same order.
type part struct {
	Heading   string
	Paragraph string
	Items     []item // a list
	Numbered  bool   // the list has numbers
	Code      string // to be read off a screen and typed
	Label     string // of the link
	URL       string
	Colon     string   // between label and address in plain text: French sets a space before it
	Quote     []string // paragraphs somebody wrote
	Small     []string // lines at the end

	states []policy.Statement // what the law wants said, and this says
}

// item is one line of a list, with an optional note below it.
type item struct{ Text, Note string }

// width is where plain text breaks; addresses are never broken.
const width = 72

// plain writes the parts as text with empty lines between them.
func plain(parts []part) string {
	var blocks []string
	for _, p := range parts {
		blocks = append(blocks, p.plain())
	}
	return strings.Join(blocks, "\n\n") + "\n"
}

func (p part) plain() string {
	switch {
	case p.Heading != "":
		return wrap(p.Heading, "") + "\n" + strings.Repeat("-", min(width, len([]rune(p.Heading))))
	case p.Code != "":
		return "    " + p.Code
	case p.URL != "":
		return wrap(p.Label+p.Colon, "") + "\n" + p.URL
	case len(p.Items) > 0:
		return p.list()
	case len(p.Quote) > 0:
		var lines []string
		for _, q := range p.Quote {
			lines = append(lines, "> "+wrap(q, "> "))
		}
		return strings.Join(lines, "\n>\n")
	case len(p.Small) > 0:
		lines := []string{"--"}
		for _, s := range p.Small {
			lines = append(lines, wrap(s, ""))
		}
		return strings.Join(lines, "\n")
	}
	return wrap(p.Paragraph, "")
}

func (p part) list() string {
	var lines []string
	for i, it := range p.Items {
		mark := "- "
		if p.Numbered {
			mark = strconv.Itoa(i+1) + ". "
		}
		indent := strings.Repeat(" ", len(mark))
		text := mark + wrap(it.Text, indent)
		if it.Note != "" {
			text += "\n" + indent + wrap("("+it.Note+")", indent)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// wrap breaks text into lines of at most width characters, the indent of all but the first included. A word that is longer
// has a line of its own.
func wrap(text, indent string) string {
	var b strings.Builder
	used := len([]rune(indent))
	for i, w := range strings.FieldsFunc(text, breaks) {
		n := len([]rune(w))
		switch {
		case i == 0:
		case used+1+n > width:
			b.WriteString("\n" + indent)
			used = len([]rune(indent))
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(w)
		used += n
	}
	return b.String()
}

// breaks reports whether a line may break at r. A no-break space is part of a number, or stands before a French colon.
func breaks(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' && r != '\u202f' }

// paragraphs splits what a person wrote at empty lines and removes what would not be seen.
func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		if p = oneLine(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// visible keeps control and format characters (among them those that turn the direction of text) out of letters. The two
// joiners are part of how some languages are written.
func visible(r rune) bool { return unicode.IsPrint(r) || r == 0x200c || r == 0x200d }

// Unwrap takes the breaks out of a letter's plain text that were put in for its width, for a reader whose screen is narrower.
// Every other break stays: those between blocks, before an item, a quoted line or an address, and under a heading.
func Unwrap(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	out := lines[:1:1]
	for i, line := range lines[1:] {
		if broken(lines[i], line) {
			out[len(out)-1] += " " + strings.TrimSpace(line)
		} else {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// broken reports whether a line goes on in the next one because the next word had no room in it.
func broken(line, next string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(next), " ")
	began := first == "" || first == ">" || first == "-" || strings.Trim(first, "-") == "" || strings.Contains(first, "://")
	if n, dot := strings.CutSuffix(first, "."); dot && strings.Trim(n, "0123456789") == "" {
		began = true
	}
	return !began && line != "" && len([]rune(line))+1+len([]rune(first)) > width
}

// empty reports whether nobody could read anything in the part.
func (p part) empty() bool { return strings.TrimSpace(p.plain()) == "" }
