package pages

// DataMap is what a system's data map leads to, as a tree: every collection stands once, below what leads to it first.
type DataMap struct {
	Ways []MapWay
	Lost []string // collections that nothing leads to
}

// MapWay is one way in. Kind is the kind of identifier; empty for values that other systems hold.
type MapWay struct {
	Kind  string
	Nodes []*MapNode
}

// MapNode is a collection of the tree.
type MapNode struct {
	Name   string
	Via    string // "orders.customer_id = customers.id"; empty where people are looked for directly
	Silent bool   // walked, neither shown nor changed
	Again  string // names of collections that it leads to as well and that stand elsewhere
	Leads  []*MapNode
}

// Finding is one thing worth knowing of a data map. At names the place, "orders.email"; Line is 0 where there is none.
type Finding struct {
	At   string
	Line int
	Text string
}
