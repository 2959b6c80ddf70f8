package tabletest

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func expiryTests() []test {
	return []test{
		{"an expired item is absent everywhere", testExpiredIsAbsent},
		{"an item expires at its time and not before", func(f *fixture) {
			it := f.indexed("s", "i")
			it.ExpiresAt = table.StoredExpiry(f.Now().Add(10 * time.Second))
			f.put(it, f.indexed("stays", "j"))
			f.Advance(it.ExpiresAt.Sub(f.Now()) - time.Second)
			f.stored(version(it, 1))
			f.wantSKs(table.Query{}, "s", "stays")
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, version(it, 1), version(f.indexed("stays", "j"), 1))
			f.refused(fault.Conflict, write(table.Put, it, table.Absent))
			f.Advance(time.Second)
			f.absent(it.Key)
			f.wantSKs(table.Query{}, "stays")
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, version(f.indexed("stays", "j"), 1))
			f.transact(write(table.Put, it, table.Absent))
		}},
		{"expiry is kept in whole seconds, rounded up", func(f *fixture) {
			it := f.item("s", "")
			at := f.Now().Add(time.Hour).Truncate(time.Second)
			it.ExpiresAt = at.Add(time.Millisecond).In(time.FixedZone("", 7200))
			f.put(it)
			if got := f.get(it.Key).ExpiresAt; got != at.Add(time.Second).UTC() {
				f.Errorf("got %v, want %v", got, at.Add(time.Second).UTC())
			}
		}},
		{"a put may extend or lift the expiry", func(f *fixture) {
			it := f.item("s", "")
			it.ExpiresAt = f.Now().Add(10 * time.Second)
			f.put(it)
			it.ExpiresAt = table.StoredExpiry(f.Now().Add(20 * time.Second))
			f.put(it)
			f.Advance(15 * time.Second)
			f.stored(version(it, 2))
			it.ExpiresAt = time.Time{}
			f.put(it)
			f.Advance(10 * 365 * 24 * time.Hour)
			f.stored(version(it, 3))
		}},
		{"pages skip what is expired", func(f *fixture) {
			for i := range 30 {
				it := f.indexed(string(rune('a'+i)), string(rune('a'+i)))
				if i%10 != 0 {
					it.ExpiresAt = f.Now().Add(-time.Second)
				}
				f.put(it)
			}
			f.wantSKs(table.Query{}, "a", "k", "u")
			f.wantSKs(table.Query{Descending: true}, "u", "k", "a")
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part},
				version(f.indexed("a", "a"), 1), version(f.indexed("k", "k"), 1), version(f.indexed("u", "u"), 1))
		}},
	}
}

func testExpiredIsAbsent(f *fixture) {
	expired := f.indexed("s", "i")
	expired.ExpiresAt = f.Now().Add(-time.Hour)
	f.put(expired, f.indexed("marker", "j"))
	f.absent(expired.Key)
	f.wantSKs(table.Query{}, "marker")
	f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, version(f.indexed("marker", "j"), 1))

	f.refused(fault.Conflict, write(table.Put, f.item("s", ""), 1))
	f.refused(fault.Conflict, write(table.Delete, f.item("s", ""), 1))
	f.refused(fault.Conflict, write(table.Check, f.item("s", ""), 1))
	f.transact(write(table.Check, f.item("s", ""), table.Absent))
	f.transact(write(table.Put, f.item("s", "new"), table.Absent))
	f.stored(version(f.item("s", "new"), 1))

	f.put(expired)
	f.transact(write(table.Delete, f.item("s", ""), table.Absent))
	f.put(expired)
	f.transact(write(table.Delete, f.item("s", ""), table.AnyVersion))
	f.absent(expired.Key)

	// An unconditional put over an expired item may count on from it, or begin at 1: the item may have been removed.
	f.put(expired)
	f.put(f.item("s", "again"))
	if got := f.get(expired.Key); string(got.Body) != "again" || got.Version < 1 || !got.ExpiresAt.IsZero() || got.IPK != "" {
		f.Errorf("got %+v", got)
	}
}
