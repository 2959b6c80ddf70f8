package datamap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Loaded is what a file holds.
type Loaded struct {
	Datasets []*connector.Dataset
	// Warnings name keys that mean nothing to Habeas and declarations without effect.
	Warnings []connector.Problem
}

// Load reads a dataset file. The error is a *connector.InvalidDataset that lists every problem with its line; nothing of a
// file with problems is used.
func Load(src []byte) (Loaded, error) {
	root, err := parse(src)
	if err != nil {
		return Loaded{}, &connector.InvalidDataset{Problems: []connector.Problem{{Text: err.Error()}}}
	}
	l := loader{noted: map[string]int{}}
	l.file(root)
	if len(l.problems) > 0 {
		return Loaded{}, &connector.InvalidDataset{Problems: l.problems}
	}
	l.countNotes()
	return l.out, nil
}

type loader struct {
	out        Loaded
	problems   []connector.Problem
	collection string
	field      string
	noted      map[string]int // notes already given, by key and text: how often
}

func (l *loader) problem(line int, text string, args ...any) {
	l.problems = append(l.problems, connector.Problem{Collection: l.collection, Field: l.field, Line: line, Text: fmt.Sprintf(text, args...)})
}

func (l *loader) warn(line int, text string, args ...any) {
	l.out.Warnings = append(l.out.Warnings, connector.Problem{Collection: l.collection, Field: l.field, Line: line, Text: fmt.Sprintf(text, args...)})
}

// keys goes through a mapping. Known keys are read. Of the rest, those of the format that change nothing here are noted, those
// that stand in the wrong place are a problem, and unknown ones are a warning, or a problem where the mapping is ours. A key
// of the format without a value is as good as absent; files that Fides writes are full of them.
func (l *loader) keys(n *node, in place, known map[string]func(*node)) {
	if n.kind != mapping {
		if !n.isNull() {
			l.problem(n.line, "a mapping is expected here")
		}
		return
	}
	seen := map[string]bool{}
	for _, p := range n.pairs {
		if seen[p.key] {
			l.problem(p.line, "%q stands here twice", p.key)
			continue
		}
		seen[p.key] = true
		switch read := known[p.key]; {
		case p.value.isNull() && in.name != habeasMeta.name: // absent
		case read != nil:
			read(p.value)
		default:
			l.unread(p, in)
		}
	}
}

func (l *loader) file(root *node) {
	found := false
	l.keys(root, fileTop, map[string]func(*node){"dataset": func(n *node) {
		found = true
		for _, d := range l.list(n) {
			l.dataset(d)
		}
	}})
	if !found {
		l.problem(root.line, `a dataset file begins with "dataset:"`)
	}
}

func (l *loader) list(n *node) []*node {
	if n.kind == sequence {
		return n.items
	}
	if n.kind != scalar || !n.value.IsNull() {
		l.problem(n.line, "a list is expected here")
	}
	return nil
}

func (l *loader) text(n *node) string {
	s, ok := n.value.Reveal().(string)
	if n.kind != scalar || !ok && !n.value.IsNull() {
		l.problem(n.line, "a text is expected here")
	}
	return s
}

func (l *loader) texts(n *node) []string {
	var list []string
	for _, item := range l.list(n) {
		list = append(list, l.text(item))
	}
	return list
}

func (l *loader) truth(n *node) bool {
	b, ok := n.value.Reveal().(bool)
	if !ok && !n.value.IsNull() || n.kind != scalar {
		l.problem(n.line, "true or false is expected here")
	}
	return b
}

var fidesKey = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// key reads a fides_key. Vendors' datasets of Fides hold placeholders where each connection puts its own key.
func (l *loader) key(n *node) string {
	s := l.text(n)
	switch {
	case strings.ContainsAny(s, "<>"):
		l.problem(n.line, "%s is a placeholder that Fides fills in for each connection; write the key of this dataset in its place", s)
	case !fidesKey.MatchString(s):
		l.problem(n.line, "a fides_key has 1 to 128 letters, digits and _ . -")
	}
	return s
}

func (l *loader) name(n *node) string {
	s := l.text(n)
	if s == "" || len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
		l.problem(n.line, "a name of 1 to 256 printable characters is expected here")
	}
	return s
}

func (l *loader) dataset(n *node) {
	d := &connector.Dataset{}
	var collections *node
	var categories []string
	l.collection, l.field = "", ""
	l.keys(n, datasetTop, map[string]func(*node){
		"fides_key":       func(v *node) { d.Key = l.key(v) },
		"fides_meta":      func(v *node) { l.keys(v, datasetMeta, nil) },
		"fidesops_meta":   func(v *node) { l.keys(v, datasetMeta, nil) },
		"name":            func(v *node) { d.Name = l.text(v) },
		"description":     func(v *node) { d.Description = l.text(v) },
		"data_categories": func(v *node) { categories = l.texts(v) },
		"collections":     func(v *node) { collections = v },
		"habeas_meta":     func(v *node) { l.problem(v.line, "habeas_meta belongs to collections and fields") },
	})
	if d.Key == "" {
		l.problem(n.line, "a dataset needs a fides_key")
	}
	if slices.ContainsFunc(l.out.Datasets, func(o *connector.Dataset) bool { return o.Key == d.Key }) {
		l.problem(n.line, "the dataset %q stands here twice", d.Key)
	}
	if collections == nil {
		l.problem(n.line, "a dataset needs collections")
		return
	}
	for _, c := range l.list(collections) {
		if c := l.collectionOf(c, categories); c != nil {
			if d.Collection(c.Name) != nil {
				l.problem(c.Line, "the collection %q stands here twice", c.Name)
			}
			d.Collections = append(d.Collections, c)
		}
	}
	l.collection = ""
	l.out.Datasets = append(l.out.Datasets, d)
}

func (l *loader) collectionOf(n *node, categories []string) *connector.Collection {
	c := &connector.Collection{Categories: categories, Line: n.line}
	l.collection, l.field = "", ""
	if name := n.get("name"); name != nil {
		c.Name = l.name(name)
		l.collection = c.Name
	} else {
		l.problem(n.line, "a collection needs a name")
		return nil
	}
	var fields *node
	meta := func(v *node) { l.collectionMeta(c, v) }
	l.keys(n, collectionTop, map[string]func(*node){
		"name":            func(*node) {},
		"description":     func(v *node) { c.Description = l.text(v) },
		"data_categories": func(v *node) { c.Categories = l.texts(v) },
		"fields":          func(v *node) { fields = v },
		"fides_meta":      meta,
		"fidesops_meta":   meta,
		"habeas_meta":     func(v *node) { l.collectionHabeas(c, v) },
	})
	if fields == nil {
		l.problem(n.line, "a collection needs fields")
		return nil
	}
	c.Fields = l.fields(fields, "")
	l.field = ""
	l.checkCollection(c)
	return c
}

func (l *loader) collectionMeta(c *connector.Collection, n *node) {
	l.keys(n, collectionMeta, map[string]func(*node){
		"after":                     func(v *node) { c.After = l.texts(v) },
		"erase_after":               func(v *node) { c.EraseAfter = l.texts(v) },
		"skip_processing":           func(v *node) { c.Skip = l.truth(v) },
		"masking_strategy_override": func(v *node) { l.collectionMask(c, v) },
		"partitioning": func(v *node) {
			c.Partition = toJSON(v)
			l.note(v.line, "partitioning", "is kept and not used: every partition is searched")
		},
	})
}

func (l *loader) collectionHabeas(c *connector.Collection, n *node) {
	l.keys(n, habeasMeta, map[string]func(*node){
		"where": func(v *node) { c.Where = l.where(v) },
		"on_erase": func(v *node) {
			c.OnErase = l.onErase(v, connector.ActDelete, connector.ActNull, connector.ActMask, connector.ActKeep)
		},
		"purpose":      func(v *node) { c.Purpose = l.text(v) },
		"retention":    func(v *node) { c.Retention = l.text(v) },
		"legal_basis":  func(v *node) { c.LegalBasis = l.oneOf(v, "a legal basis", connector.LegalBases()) },
		"subject_type": func(v *node) { c.SubjectType = l.oneOf(v, "a subject type", connector.SubjectTypes()) },
	})
}

// oneOf reads one of the words that are allowed.
func (l *loader) oneOf(n *node, what string, allowed []string) string {
	s := l.text(n)
	if !slices.Contains(allowed, s) {
		l.problem(n.line, "%s is one of %s", what, strings.Join(allowed, ", "))
	}
	return s
}

// staysInPart reports whether erasure leaves rows of the collection there with some of their fields.
func staysInPart(c *connector.Collection) bool {
	if c.OnErase.Action == connector.ActNull || c.OnErase.Action == connector.ActMask {
		return true
	}
	for f := range c.All {
		if f.OnErase.Action != "" {
			return true
		}
	}
	return false
}

// checkCollection finds rules that contradict each other.
func (l *loader) checkCollection(c *connector.Collection) {
	for f := range c.All {
		l.field = f.Path
		if f.LegalBasis != "" && f.LegalBasis != c.LegalBasis && !c.Skip && c.OnErase.Action != connector.ActKeep && !staysInPart(c) {
			l.warn(f.Line, "the field has a legal basis of its own, and rows are erased whole: when the law keeps the field, it keeps the row; on_erase of the collection or of a field (null, mask) would erase the rest")
		}
		if f.OnErase.Action != "" && (c.OnErase.Action == connector.ActDelete || c.OnErase.Action == connector.ActKeep) {
			l.problem(f.Line, "on_erase of a field has no effect: the rule of the collection is %s", c.OnErase.Action)
		}
		if len(f.Fields) > 0 && (f.OnErase.Action != "" || f.Identity != "" || f.PrimaryKey || f.HoldKey || f.OnRestrict != nil) {
			l.problem(f.Line, "a field with nested fields cannot be a key, an identity, a marker or have on_erase; its nested fields can")
		}
	}
	l.field = ""
	l.checkMasks(c)
}

func (l *loader) where(n *node) []connector.Condition {
	if n.kind != mapping || len(n.pairs) == 0 {
		l.problem(n.line, "where maps fields to values")
		return nil
	}
	var list []connector.Condition
	for _, p := range n.pairs {
		values := []*node{p.value}
		if p.value.kind == sequence {
			values = p.value.items
		}
		w := connector.Condition{Field: p.key}
		for _, v := range values {
			if v.kind != scalar {
				l.problem(v.line, "where compares with plain values")
			}
			w.Values = append(w.Values, v.value)
		}
		if len(w.Values) == 0 {
			l.problem(p.line, "where needs at least one value for %q", p.key)
		}
		list = append(list, w)
	}
	return list
}

// onErase reads a rule. YAML reads the bare word null as nothing at all, which here can only mean the action.
func (l *loader) onErase(n *node, allowed ...connector.ChangeAction) connector.EraseRule {
	var rule connector.EraseRule
	action := func(v *node) {
		rule.Action = connector.ActNull
		if !v.value.IsNull() || v.kind != scalar {
			rule.Action = connector.ChangeAction(l.text(v))
		}
		if !slices.Contains(allowed, rule.Action) {
			l.problem(v.line, "on_erase is one of %v here", allowed)
		}
	}
	if n.kind == mapping {
		l.keys(n, habeasMeta, map[string]func(*node){"action": action, "reason": func(v *node) { rule.Reason = l.text(v) }})
		if rule.Action == "" {
			l.problem(n.line, "on_erase needs an action")
		}
	} else {
		action(n)
	}
	if rule.Action == connector.ActKeep && rule.Reason == "" {
		l.problem(n.line, "what is kept needs a reason: on_erase: {action: keep, reason: ...}")
	}
	return rule
}

// identityKind maps the identity names of the format to kinds.
func identityKind(name string) subject.Kind {
	if name == "phone_number" {
		return subject.Phone
	}
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
	return subject.Kind(name)
}
