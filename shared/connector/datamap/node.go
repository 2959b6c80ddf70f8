package datamap

import (
	"errors"
	"math"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// Bounds of a file, against documents that are made to hurt.
const (
	maxBytes = 4 << 20
	maxNodes = 500_000
	maxDepth = 64
)

// node is a YAML value with its line. Anchors and merge keys are resolved.
type node struct {
	line  int
	items []*node // of a sequence
	pairs []pair  // of a mapping
	kind  kind
	value connector.Value // of a scalar
}

type pair struct {
	key   string
	line  int
	value *node
}

type kind uint8

const (
	scalar kind = iota
	sequence
	mapping
)

func (n *node) isNull() bool { return n.kind == scalar && n.value.IsNull() }

func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

var errTooMuch = errors.New("the file is too large or too deep")

// parse reads the first document of a file; comments are dropped.
func parse(src []byte) (root *node, err error) {
	if len(src) > maxBytes {
		return nil, errTooMuch
	}
	defer func() {
		// The parser is known to panic on some broken documents; a broken file must not stop the process.
		if recover() != nil {
			root, err = nil, errors.New("the file is not YAML")
		}
	}()
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, yamlError(err)
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		r := reader{anchors: map[string]ast.Node{}}
		n := r.read(doc.Body, 0)
		return n, r.err
	}
	return &node{kind: mapping, line: 1}, nil
}

// yamlError keeps the position and the message of a syntax error and drops the excerpt of the file.
func yamlError(err error) error {
	var syntax interface {
		GetMessage() string
	}
	if errors.As(err, &syntax) {
		return errors.New("the file is not YAML: " + syntax.GetMessage())
	}
	return errors.New("the file is not YAML")
}

type reader struct {
	anchors map[string]ast.Node
	nodes   int
	err     error
}

func (r *reader) fail(err error) *node {
	if r.err == nil {
		r.err = err
	}
	return &node{}
}

func (r *reader) read(n ast.Node, depth int) *node {
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return r.fail(errTooMuch)
	}
	if r.err != nil || n == nil {
		return &node{}
	}
	out := &node{line: lineOf(n)}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mapping
		for _, v := range n.Values {
			r.pair(out, v, depth)
		}
	case *ast.MappingValueNode:
		out.kind = mapping
		r.pair(out, n, depth)
	case *ast.SequenceNode:
		out.kind = sequence
		for _, v := range n.Values {
			out.items = append(out.items, r.read(v, depth+1))
		}
	case *ast.AnchorNode:
		r.anchors[n.Name.String()] = n.Value
		return r.read(n.Value, depth+1)
	case *ast.AliasNode:
		target, ok := r.anchors[n.Value.String()]
		if !ok {
			return r.fail(errors.New("line " + strconv.Itoa(out.line) + ": the alias names no anchor"))
		}
		return r.read(target, depth+1)
	case *ast.TagNode:
		return r.read(n.Value, depth+1)
	default:
		out.value = scalarOf(n)
	}
	return out
}

func (r *reader) pair(out *node, v *ast.MappingValueNode, depth int) {
	if _, merge := v.Key.(*ast.MergeKeyNode); merge {
		for _, p := range r.read(v.Value, depth+1).pairs {
			if out.get(p.key) == nil {
				out.pairs = append(out.pairs, p)
			}
		}
		return
	}
	key := ""
	if s, ok := v.Key.(ast.ScalarNode); ok {
		key, _ = s.GetValue().(string)
		if key == "" {
			key = s.GetToken().Value
		}
	}
	out.pairs = append(out.pairs, pair{key, lineOf(v.Key), r.read(v.Value, depth+1)})
}

func lineOf(n ast.Node) int {
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}

// scalarOf keeps numbers exact: what the file says in digits stays digits.
func scalarOf(n ast.Node) connector.Value {
	switch n := n.(type) {
	case *ast.StringNode:
		return connector.Text(n.Value)
	case *ast.LiteralNode:
		return connector.Text(n.Value.Value)
	case *ast.BoolNode:
		return connector.Bool(n.Value)
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return connector.Int(v)
		case uint64:
			if v <= math.MaxInt64 {
				return connector.Int(int64(v))
			}
			return connector.Decimal(strconv.FormatUint(v, 10))
		}
	case *ast.FloatNode:
		return connector.Decimal(n.Token.Value)
	}
	return connector.Null()
}
