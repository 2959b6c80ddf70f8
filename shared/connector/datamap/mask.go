package datamap

import (
	"github.com/habeas-dsar/habeas/shared/connector"
)

const strategyDelete = "delete" // of collections: what Habeas does without being told

func (l *loader) collectionMask(c *connector.Collection, n *node) {
	if c.Mask = l.mask(n, strategyDelete); c.Mask.Strategy == strategyDelete {
		c.Mask = connector.MaskRule{}
	}
}

// mask reads a masking_strategy_override. Strategies that leave something from which the value could be found again are
// refused: what they leave is still personal data (GDPR recital 26).
func (l *loader) mask(n *node, also connector.MaskStrategy) connector.MaskRule {
	var rule connector.MaskRule
	var config *node
	l.keys(n, maskTop, map[string]func(*node){
		"strategy":      func(v *node) { rule.Strategy = connector.MaskStrategy(l.text(v)) },
		"configuration": func(v *node) { config = v },
	})
	switch rule.Strategy {
	case connector.MaskNull, connector.MaskRewrite, connector.MaskRandom:
	case "hash", "hmac", "aes_encrypt":
		l.problem(n.line, "the masking strategy %q leaves a value that can be traced back to the person; use null_rewrite, string_rewrite or random_string_rewrite", rule.Strategy)
	default:
		if rule.Strategy == "" || rule.Strategy != also {
			l.problem(n.line, "the masking strategy %q is not one that Habeas carries out here: null_rewrite, string_rewrite, random_string_rewrite", rule.Strategy)
		}
	}
	if config == nil {
		config = &node{line: n.line}
	}
	rewritten := false
	l.keys(config, maskTop, map[string]func(*node){
		"rewrite_value": func(v *node) { rule.Value, rewritten = l.text(v), true },
		"length": func(v *node) {
			l.note(v.line, "length", "of a masking strategy is not used: 24 letters and digits keep masked values apart, cut to the length of the field")
		},
		"format_preservation": func(v *node) {
			l.keys(v, maskTop, map[string]func(*node){"suffix": func(v *node) { rule.Suffix = l.text(v) }})
		},
	})
	if rule.Strategy == connector.MaskRewrite && !rewritten {
		l.problem(n.line, "string_rewrite needs the text to write: configuration: {rewrite_value: ...}")
	}
	return rule
}

// checkMasks warns of masks that nothing uses: Habeas deletes rows unless told to keep them.
func (l *loader) checkMasks(c *connector.Collection) {
	const unused = "has no effect: erasure %s; to keep the rows and mask them, say habeas_meta: {on_erase: mask}"
	if c.OnErase.Action == connector.ActMask {
		return
	}
	how, ok := map[connector.ChangeAction]string{
		connector.ActNull: "empties the fields", connector.ActKeep: "keeps the rows of this collection",
	}[c.OnErase.Action]
	if !ok {
		how = "deletes the rows of this collection"
	}
	masked := false
	for f := range c.All {
		if f.OnErase.Action == connector.ActMask {
			masked = true
		} else if f.Mask.Strategy != connector.MaskDefault {
			l.field = f.Path
			l.warn(f.Line, "masking_strategy_override "+unused, how)
		}
	}
	l.field = ""
	if c.Mask.Strategy != connector.MaskDefault && !masked {
		l.warn(c.Line, "masking_strategy_override "+unused, how)
	}
}
