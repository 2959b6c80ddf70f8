package tabletest

import (
	"strconv"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func conditionTests() []test {
	return []test{
		{"each operation under each condition", testConditionTable},
		{"all writes or none", testAllOrNothing},
		{"a check holds a transaction", func(f *fixture) {
			guard := f.item("guard", "")
			f.put(guard)
			f.transact(write(table.Check, guard, 1), putAny(f.item("a", "")))
			f.refused(fault.Conflict, write(table.Check, guard, 2), putAny(f.item("b", "")))
			f.refused(fault.Conflict, putAny(f.item("b", "")), write(table.Check, guard, table.Absent))
			f.transact(write(table.Check, f.item("none", ""), table.Absent), putAny(f.item("c", "")))
			f.wantSKs(table.Query{}, "a", "c", "guard")
			if v := f.get(guard.Key).Version; v != 1 {
				f.Errorf("a check raised the version to %d", v)
			}
		}},
		{"conditions look at the state before the transaction", func(f *fixture) {
			f.put(f.item("a", ""))
			f.transact(write(table.Delete, f.item("a", ""), 1), write(table.Put, f.item("b", ""), table.Absent))
			f.refused(fault.Conflict, putAny(f.item("a", "")), write(table.Check, f.item("c", ""), 1), putAny(f.item("d", "")))
			f.wantSKs(table.Query{}, "b")
		}},
		{"a refused transaction can be repeated when read again", func(f *fixture) {
			it := f.item("s", "one")
			f.put(it)
			f.put(it)
			f.refused(fault.Conflict, write(table.Put, it, 1))
			f.transact(write(table.Put, it, f.get(it.Key).Version))
			it.Version = 3
			f.stored(it)
		}},
		{"a transaction over all tables", func(f *fixture) {
			var writes []table.Write
			for _, n := range table.Names() {
				writes = append(writes, write(table.Put, table.Item{Key: table.Key{Table: n, PK: f.part, SK: "s"}}, table.Absent))
			}
			f.transact(writes...)
			f.refused(fault.Conflict, writes...)
			for _, n := range table.Names() {
				f.stored(table.Item{Key: table.Key{Table: n, PK: f.part, SK: "s"}, Version: 1})
			}
		}},
	}
}

// testConditionTable tries every operation with every condition on an item that is absent and on one of version 2.
func testConditionTable(f *fixture) {
	tests := []struct {
		op        table.Op
		condition int64
		onAbsent  bool // succeeds when there is nothing
		onTwo     bool // succeeds on version 2
	}{
		{table.Put, table.AnyVersion, true, true},
		{table.Put, table.Absent, true, false},
		{table.Put, 1, false, false},
		{table.Put, 2, false, true},
		{table.Put, 3, false, false},
		{table.Delete, table.AnyVersion, true, true},
		{table.Delete, table.Absent, true, false},
		{table.Delete, 1, false, false},
		{table.Delete, 2, false, true},
		{table.Delete, 3, false, false},
		{table.Check, table.Absent, true, false},
		{table.Check, 1, false, false},
		{table.Check, 2, false, true},
		{table.Check, 3, false, false},
	}
	for i, tt := range tests {
		none, two := f.item("none"+strconv.Itoa(i), "new"), f.item("two"+strconv.Itoa(i), "old")
		f.put(two)
		f.put(two)
		f.tryCondition(tt.op, none, 0, tt.condition, tt.onAbsent)
		f.tryCondition(tt.op, two, 2, tt.condition, tt.onTwo)
	}
}

// tryCondition runs one write on an item that has the version (0 = absent) and checks answer and aftermath.
func (f *fixture) tryCondition(op table.Op, it table.Item, version, condition int64, ok bool) {
	f.Helper()
	before := it
	before.Version = version
	change := it
	change.Body = []byte("changed")
	err := f.Store.Transact(f.ctx, write(op, change, condition))
	if ok && err != nil {
		f.Errorf("operation %d if %d on version %d: %v", op, condition, version, err)
	}
	if !ok {
		f.wantClass(err, fault.Conflict)
	}
	switch {
	case ok && op == table.Put:
		change.Version = version + 1
		f.stored(change)
	case ok && op == table.Delete || version == 0:
		f.absent(it.Key)
	default:
		f.stored(before)
	}
}

// testAllOrNothing lets the condition that fails be the first, one in the middle and the last of a full transaction.
func testAllOrNothing(f *fixture) {
	const n = table.MaxTransactionItems
	for _, failing := range []int{0, n / 2, n - 1} {
		part := f.part + strconv.Itoa(failing)
		var writes []table.Write
		for i := range n {
			name := table.Names()[i%len(table.Names())]
			key := table.Key{Table: name, PK: part, SK: strconv.Itoa(i)}
			w := write(table.Put, table.Item{Key: key, IPK: part, ISK: strconv.Itoa(i), Body: []byte("x")}, table.Absent)
			if i == failing {
				w.If = 1
			}
			writes = append(writes, w)
		}
		// What is deleted must come back too, wherever the failing write stands.
		kept := table.Item{Key: table.Key{Table: table.Cases, PK: part, SK: "kept"}, Body: []byte("kept"), Version: 1}
		f.put(kept)
		other := (failing + 1) % n
		writes[other] = write(table.Delete, kept, table.AnyVersion)
		f.refused(fault.Conflict, writes...)
		for _, name := range table.Names() {
			items := f.drain(table.Query{Table: name, PK: part})
			if name == table.Cases && len(items) == 1 && items[0].SK == "kept" {
				continue
			}
			if len(items) != 0 || name == table.Cases {
				f.Errorf("write %d failed and %s has %d items", failing, name, len(items))
			}
		}
		f.stored(kept)
	}
}
