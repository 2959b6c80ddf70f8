package console

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// dataMap lays a graph out as a tree. Collections that people are looked for in come first, each once; from there the walk is
// followed level by level, so that a collection stands as near to a person as it can.
func dataMap(g *connector.Graph) pages.DataMap {
	var m pages.DataMap
	if g == nil {
		return m
	}
	placed := map[*connector.Collection]*pages.MapNode{}
	var queue []*connector.Collection
	place := func(c *connector.Collection, via string) *pages.MapNode {
		placed[c] = &pages.MapNode{Name: c.Name, Via: via, Silent: !c.Disclosed()}
		queue = append(queue, c)
		return placed[c]
	}
	for _, e := range g.Entries() {
		if len(e.Kinds()) == 0 || placed[e.Collection] != nil {
			continue
		}
		kind := string(e.Identity)
		i := slices.IndexFunc(m.Ways, func(w pages.MapWay) bool { return w.Kind == kind })
		if i < 0 {
			i, m.Ways = len(m.Ways), append(m.Ways, pages.MapWay{Kind: kind})
		}
		m.Ways[i].Nodes = append(m.Ways[i].Nodes, place(e.Collection, ""))
	}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		node, again := placed[c], []string{}
		for _, e := range g.Edges(c) {
			to := e.To.Collection
			switch {
			case placed[to] == nil:
				node.Leads = append(node.Leads, place(to, via(e)))
			case to != c && !slices.Contains(again, to.Name) && !slices.Contains(node.Leads, placed[to]):
				again = append(again, to.Name)
			}
		}
		node.Again = strings.Join(again, ", ")
	}
	for _, c := range g.Dataset().Collections {
		if !c.Skip && placed[c] == nil {
			m.Lost = append(m.Lost, c.Name)
		}
	}
	return m
}

// via writes an edge as what must be equal: "orders.customer_id = customers.id".
func via(e *connector.Edge) string {
	var parts []string
	for i, f := range e.To.Fields {
		parts = append(parts, e.To.Collection.Name+"."+f+" = "+e.From.Name+"."+e.Fields[i])
	}
	return strings.Join(parts, ", ")
}

// warnings are what an operator should know of a data map.
func warnings(list []connector.Problem) []pages.Finding {
	var out []pages.Finding
	for _, p := range list {
		out = append(out, pages.Finding{At: strings.Trim(p.Collection+"."+p.Field, "."), Line: p.Line, Text: p.Text})
	}
	return out
}
