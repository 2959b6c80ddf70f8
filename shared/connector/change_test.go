package connector

import "testing"

func TestStandingOfChanges(t *testing.T) {
	rec := func(owner int64, name string) *Record {
		return &Record{Collection: "c", Key: Key{Int(1)}, Fields: []Field{{"id", Int(1)}, {"owner", Int(owner)}, {"name", Text(name)}}}
	}
	via := []Field{{"owner", Int(7)}}
	del := Change{Collection: "c", Key: Key{Int(1)}, Action: ActDelete, Via: via}
	set := Change{Collection: "c", Key: Key{Int(1)}, Action: ActSet, Via: via, Fields: []Field{{"name", Text("new")}}}
	keep := Change{Collection: "c", Key: Key{Int(1)}, Action: ActKeep}
	moved := Change{Collection: "c", Key: Key{Int(1)}, Action: ActNull, Fields: []Field{{"owner", Null()}}, Via: []Field{{"owner", Int(7)}, {"owner", Null()}}}
	nulled := rec(7, "old")
	nulled.Fields[1].Value = Null()
	for _, tc := range []struct {
		name            string
		c               Change
		now             *Record
		settle, compare Effect
	}{
		{"delete: gone", del, nil, EffectAlready, EffectDone},
		{"delete: there", del, rec(7, "old"), EffectNot, EffectNot},
		{"delete: somebody else's", del, rec(8, "old"), EffectOwner, EffectNot},
		{"set: there", set, rec(7, "old"), EffectNot, EffectNot},
		{"set: done", set, rec(7, "new"), EffectAlready, EffectDone},
		{"set: gone", set, nil, EffectAlready, EffectDone},
		{"set: somebody else's", set, rec(8, "new"), EffectOwner, EffectDone},
		{"keep: there", keep, rec(7, "old"), EffectAlready, EffectDone},
		{"keep: gone", keep, nil, EffectAlready, EffectNot},
		{"null of the owner: there", moved, rec(7, "old"), EffectNot, EffectNot},
		{"null of the owner: done", moved, nulled, EffectAlready, EffectDone},
		{"null of the owner: somebody else's", moved, rec(8, "old"), EffectOwner, EffectNot},
	} {
		if got := tc.c.Settle(tc.now); got != tc.settle {
			t.Errorf("%s: Settle %d, want %d", tc.name, got, tc.settle)
		}
		if got := tc.c.Compare(tc.now); got != tc.compare {
			t.Errorf("%s: Compare %d, want %d", tc.name, got, tc.compare)
		}
	}
}

func TestNestedFields(t *testing.T) {
	rec := &Record{Fields: []Field{{"tags", JSON([]byte(`["a", null, "b"]`))}, {"home", JSON([]byte(`{"city": "X", "people": [{"name": "Y", "n": 1}, {"name": "Z"}]}`))}}}
	texts := func(path string) (out []string) {
		for _, v := range rec.AppendValues(nil, path) {
			out = append(out, v.RevealText())
		}
		return out
	}
	if got := texts("tags"); len(got) != 3 || got[2] != "b" {
		t.Errorf("tags: %d values", len(got))
	}
	if got := texts("home.people.name"); len(got) != 2 || got[1] != "Z" {
		t.Errorf("home.people.name: %d values", len(got))
	}
	if !rec.Withhold("home.people.name", WithheldThirdParty) || rec.Withhold("home.nothing", WithheldDenied) {
		t.Error("Withhold reports wrongly whether there was anything")
	}
	want := `{"tags":["a",null,"b"],"home":{"city":"X","people":[{"n":1,"name":{"$withheld":"third_party"}},{"name":{"$withheld":"third_party"}}]}}`
	if got := string(rec.AppendJSON(nil)); got != want {
		t.Errorf("withheld: %s, want %s", got, want)
	}
}
