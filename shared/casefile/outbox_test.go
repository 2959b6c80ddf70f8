package casefile_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func TestOutboxRowsAreReadAsTheyWereWritten(t *testing.T) {
	want := casefile.OutboxRow{Tenant: "acme", CaseID: "018f2f6e-7c1a-7000-8000-000000000001", N: 7, Kind: casefile.OutMail, Mail: 2, At: time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC)}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		edit  func(*table.Item)
		ok    bool
		fault fault.Class
	}{
		"a row":                 {func(*table.Item) {}, true, ""},
		"of another index":      {func(it *table.Item) { it.IPK = "DUE#3" }, false, ""},
		"of no index":           {func(it *table.Item) { it.IPK, it.ISK = "", "" }, false, ""},
		"of another table":      {func(it *table.Item) { it.Table = table.Tokens }, false, ""},
		"no document":           {func(it *table.Item) { it.Body = []byte("{") }, true, fault.Internal},
		"under another case":    {func(it *table.Item) { it.PK = "T#acme#C#018f2f6e-7c1a-7000-8000-000000000002" }, true, fault.Internal},
		"under another number":  {func(it *table.Item) { it.SK = "O#00000008" }, true, fault.Internal},
		"what is no outbox row": {func(it *table.Item) { it.Body = []byte("{}") }, true, fault.Internal},
	} {
		it := table.Item{Key: want.Key(), IPK: casefile.OutboxIndex + "3", ISK: "2027-01-31T09:00:00.000Z", Body: body, Version: 1}
		tt.edit(&it)
		got, ok, err := casefile.OutboxRowOf(it)
		if ok != tt.ok || fault.ClassOf(err) != tt.fault {
			t.Errorf("%s: %t, %v", name, ok, err)
		}
		if ok && err == nil && got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
