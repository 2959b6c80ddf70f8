package policy_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

func load(t testing.TB) *policy.Set {
	t.Helper()
	set, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func pack(t testing.TB, id policy.ID) policy.Pack {
	t.Helper()
	p, err := load(t).Pack(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tree copies the packs and calendars of the repository into memory, to be changed.
func tree(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for _, dir := range []string{"packs", "calendars"} {
		err := fs.WalkDir(os.DirFS("."), dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			out[path] = &fstest.MapFile{Data: content}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// edit replaces the first old by fresh in the file, and fails the test when there is none.
func edit(t testing.TB, files fstest.MapFS, name, old, fresh string) {
	t.Helper()
	if !bytes.Contains(files[name].Data, []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	files[name] = &fstest.MapFile{Data: bytes.Replace(files[name].Data, []byte(old), []byte(fresh), 1)}
}

func TestRightsOfEachLaw(t *testing.T) {
	for id, want := range map[policy.ID]map[dsar.Right]policy.Level{
		"eu":    {dsar.OptOut: policy.None, dsar.LimitSensitive: policy.None},
		"uk":    {dsar.OptOut: policy.None, dsar.LimitSensitive: policy.None},
		"us-ca": {dsar.Restriction: policy.None, dsar.Objection: policy.None, dsar.WithdrawConsent: policy.Partial, dsar.AutomatedDecisionReview: policy.Partial},
	} {
		p := pack(t, id)
		for _, r := range dsar.Rights() {
			level, special := want[r]
			if !special {
				level = policy.Full
			}
			if got := p.RightLevel(r); got != level {
				t.Errorf("%s %s: got %s, want %s", id, r, got, level)
			}
			if rule := p.Rule(r); rule.Level != level || rule.Response.Basis == "" || rule.Calendar.IsZero() || rule.Version != p.Version {
				t.Errorf("%s %s: incomplete rule %+v", id, r, rule)
			}
		}
		if p.RightLevel("other") != policy.None {
			t.Errorf("%s: an unknown right is granted", id)
		}
	}
}

func TestRuleOfARight(t *testing.T) {
	ca := pack(t, "us-ca")
	for _, c := range []struct {
		right     dsar.Right
		period    policy.Amount
		extension bool
		ack       bool
	}{
		{dsar.Access, policy.Amount{Value: 45, Unit: policy.CalendarDays}, true, true},
		{dsar.Erasure, policy.Amount{Value: 45, Unit: policy.CalendarDays}, true, true},
		{dsar.OptOut, policy.Amount{Value: 15, Unit: policy.BusinessDays}, false, false},
		{dsar.LimitSensitive, policy.Amount{Value: 15, Unit: policy.BusinessDays}, false, false},
	} {
		r := ca.Rule(c.right)
		if r.Response.Amount() != c.period || (r.Extension != nil) != c.extension || (r.Acknowledge != nil) != c.ack {
			t.Errorf("%s: got %+v, extension %v, acknowledgement %v", c.right, r.Response.Amount(), r.Extension, r.Acknowledge)
		}
	}
	uk := pack(t, "uk")
	if s := uk.Rule(dsar.Access).Stop(policy.ClarificationRequested); s.Effect != policy.Pause || s.DayCount != policy.Inclusive {
		t.Errorf("UK access: got %+v", s)
	}
	if s := uk.Rule(dsar.Erasure).Stop(policy.ClarificationRequested); s.Effect != policy.NoEffect || s.Basis == "" {
		t.Errorf("UK erasure: got %+v", s)
	}
	if p := uk.Rule(dsar.Access).Response; !p.Waits(policy.OnVerification) || !p.Waits(policy.OnFee) || !p.Waits(policy.OnReceipt) {
		t.Errorf("UK start: got %+v", p)
	}
	if p := ca.Rule(dsar.Access).Response; p.Waits(policy.OnVerification) || !p.Waits(policy.OnReceipt) {
		t.Errorf("California start: got %+v", p)
	}
}

func TestVersionFollowsContent(t *testing.T) {
	before := load(t)
	for _, p := range before.Packs() {
		if !strings.HasPrefix(string(p.Version), string(p.ID)+"@sha256:") || len(p.Version) != len(p.ID)+len("@sha256:")+16 {
			t.Errorf("version %q", p.Version)
		}
		if got, err := before.At(p.ID, p.Version); err != nil || got.Version != p.Version {
			t.Errorf("%s at its own version: %v", p.ID, err)
		}
	}
	eu, uk := pack(t, "eu"), pack(t, "uk")
	for _, bad := range []struct {
		id policy.ID
		v  policy.Version
	}{{"eu", uk.Version}, {"eu", "eu@sha256:0000000000000000"}, {"eu", ""}, {"xx", eu.Version}} {
		if _, err := before.At(bad.id, bad.v); !fault.Has(err, fault.NotFound) {
			t.Errorf("%s at %s: got %v", bad.id, bad.v, err)
		}
	}
	if _, err := before.Pack("xx"); !fault.Has(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	files := tree(t)
	edit(t, files, "packs/eu.yaml", "short: GDPR", "short: The GDPR")
	after, err := policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := after.Pack("eu"); p.Version == eu.Version {
		t.Error("another content has the same version")
	}
	if p, _ := after.Pack("uk"); p.Version != uk.Version {
		t.Error("a pack has another version because a different one changed")
	}
	files = tree(t)
	edit(t, files, "calendars/eu.yaml", "weekend: [sat, sun]", "weekend: [sat, sun]\nholidays: [2027-01-04]")
	after, err = policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := after.Pack("eu"); p.Version == eu.Version || p.Calendar.Working(date(t, "2027-01-04")) {
		t.Error("another calendar must give another version")
	}
}

// TestSupersededPackStaysReadable: a case that was opened under an earlier pack finds it, with the same version as then.
func TestSupersededPackStaysReadable(t *testing.T) {
	files, old := tree(t), pack(t, "eu")
	files["packs/superseded/eu-2026.yaml"] = &fstest.MapFile{Data: files["packs/eu.yaml"].Data}
	edit(t, files, "packs/eu.yaml", "short: GDPR", "short: The GDPR")
	set, err := policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	now, err := set.Pack("eu")
	if err != nil || now.Short != "The GDPR" {
		t.Errorf("got %q, %v", now.Short, err)
	}
	then, err := set.At("eu", old.Version)
	if err != nil || then.Short != "GDPR" {
		t.Errorf("got %q, %v", then.Short, err)
	}
	if p := set.Choose(policy.Where{Residence: policy.Place{Country: "DE"}}).Pack; p.Version != now.Version {
		t.Error("a new request must be under the current pack")
	}
}

// TestLoadingIsStrict spoils one thing at a time; the error names the file and the line.
func TestLoadingIsStrict(t *testing.T) {
	lineOf := func(files fstest.MapFS, name, text string) int {
		return 1 + bytes.Count(files[name].Data[:bytes.Index(files[name].Data, []byte(text))], []byte("\n"))
	}
	const eu, uk, ca, cal = "packs/eu.yaml", "packs/uk.yaml", "packs/us-ca.yaml", "calendars/sat-sun.yaml"
	for _, c := range []struct{ name, file, old, new, at, text string }{
		{"unknown key", eu, "regulator:", "regulater:", "", "regulater"},
		{"unknown key in a period", ca, "value: 10, unit: business_days", "value: 10, days: 3, unit: business_days", "value: 10, days", "days"},
		{"unknown key in a calendar", cal, "title:", "titel:", "titel:", "titel"},
		{"unknown unit", uk, "    unit: calendar_months\n    start_event", "    unit: moons\n    start_event", "    unit: moons", "value must be one of"},
		{"number as text", eu, "value: 3, unit: business_days", "value: three, unit: business_days", "value: three", "want integer"},
		{"missing right", eu, "  limit_sensitive: none\n", "", "rights:\n", "limit_sensitive"},
		{"unknown right", eu, "  limit_sensitive: none\n", "  limit_sensitive: none\n  oblivion: full\n", "  oblivion: full", "no such key"},
		{"duplicate key", eu, "short: GDPR", "short: GDPR\nshort: DSGVO", "short: DSGVO", "already defined"},
		{"not a date", eu, "from: 2018-05-25", "from: 2018-02-30", "", ""},
		{"ends before it begins", eu, "from: 2018-05-25", "from: 2018-05-25, until: 2018-05-24", "until: 2018-05-24", "before it begins"},
		{"no such calendar", uk, "calendar: uk\n", "calendar: moon\n", "calendar: moon", "no such calendar"},
		{"id is not the file's", uk, "id: uk", "id: gb", "id: gb", "file's name"},
		{"pause without a count", uk, "    day_count: inclusive\n", "", "event: clarification", "needs a day count"},
		{"count without a pause", uk, "    effect: restart_at_receipt\n", "    effect: restart_at_receipt\n    day_count: inclusive\n", "", "needs a day count"},
		{"two rules for one event", eu, "- event: fee", "- event: identity", "", "another rule"},
		{"total is not the sum", eu, "total: {value: 3,", "total: {value: 4,", "total: {value: 4", "plus the extension"},
		{"total in another unit", ca, "total: {value: 90, unit: calendar_days}", "total: {value: 3, unit: calendar_months}", "total: {value: 3", "not longer"},
		{"notice after the period", eu, "notice_by: {value: 1,", "notice_by: {value: 2,", "notice_by: {value: 2", "after the period"},
		{"no authority to point to", ca, "must_state: [reasons,", "must_state: [complaint, reasons, court,", "must_state:", "complaint.court"},
		{"refusal without reasons", ca, "must_state: [reasons, statutory_exception, opt_out]", "must_state: [opt_out]", "must_state: [opt_out]", ""},
		{"an address without https", uk, "url: https://ico.org.uk/make-a-complaint/\n", "url: http://ico.org.uk/make-a-complaint/\n", "url: http://", "pattern"},
		{"not YAML", uk, "rights:", "rights: [", "", ""},
		{"a second document", uk, "short: UK GDPR", "short: UK GDPR\n---\nx: 1", "", "exactly one"},
		{"weekday", cal, "[sat, sun]", "[sat, sunday]", "[sat, sunday]", "want one of mon"},
		{"a week without work", cal, "[sat, sun]", "[mon, tue, wed, thu, fri, sat, sun]", "", "working day"},
		{"closed range backwards", cal, "closed_ranges: []", "closed_ranges: [[2027-01-15, 2026-12-25]]", "", "ends before it begins"},
		{"closed range of one date", cal, "closed_ranges: []", "closed_ranges: [[2027-01-15]]", "", "pair of dates"},
		{"calendar name", cal, "name: sat-sun", "name: sun-sat", "name: sun-sat", "file's name"},
		{"calendar version", cal, "schema_version: 1", "schema_version: 2", "schema_version: 2", "want 1"},
		{"two laws for one place", uk, "country: GB", "country: FR", "", "claim the same place"},
	} {
		files := tree(t)
		maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool { // three laws say as much as all
			return strings.HasPrefix(name, "packs/") && !slices.Contains([]string{eu, uk, ca}, name)
		})
		edit(t, files, c.file, c.old, c.new)
		_, err := policy.LoadFS(files)
		if !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: got %v, want misconfigured", c.name, err)
			continue
		}
		if !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: the error does not say %q: %v", c.name, c.text, err)
		}
		if c.at != "" {
			if want := c.file + ":" + strconv.Itoa(lineOf(files, c.file, c.at)) + ":"; !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %s: %v", c.name, want, err)
			}
		}
	}
}

func TestSetsThatCannotWork(t *testing.T) {
	for name, spoil := range map[string]func(fstest.MapFS){
		"no packs": func(f fstest.MapFS) {
			maps.DeleteFunc(f, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "packs/") })
		},
		"no fallback":      func(f fstest.MapFS) { delete(f, "packs/eu.yaml") },
		"the same twice":   func(f fstest.MapFS) { f["packs/superseded/eu.yaml"] = f["packs/eu.yaml"] },
		"calendar twice":   func(f fstest.MapFS) { f["calendars/superseded/sat-sun.yaml"] = f["calendars/sat-sun.yaml"] },
		"calendar missing": func(f fstest.MapFS) { delete(f, "calendars/sat-sun.yaml") },
	} {
		files := tree(t)
		spoil(files)
		if _, err := policy.LoadFS(files); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: got %v, want misconfigured", name, err)
		}
	}
}

// TestSchemaNamesWhatTheCodeKnows: the lists in the schema are those of the vocabulary, and every object of the schema has
// the fields of its Go type, so that neither knows a key the other lacks.
func TestSchemaNamesWhatTheCodeKnows(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(policy.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	defs := doc["$defs"].(map[string]any)
	rights, names := []any{}, []string{}
	for _, r := range dsar.Rights() {
		rights, names = append(rights, string(r)), append(names, string(r))
	}
	everyRight := "^(" + strings.Join(names, "|") + ")$"
	if diff := cmp.Diff(rights, defs["right"].(map[string]any)["enum"]); diff != "" {
		t.Errorf("rights of the schema (-want +got):\n%s", diff)
	}
	properties := doc["properties"].(map[string]any)
	if diff := cmp.Diff(rights, properties["rights"].(map[string]any)["required"]); diff != "" {
		t.Errorf("required rights (-want +got):\n%s", diff)
	}
	sameKeys(t, "pack", doc, reflect.TypeFor[policy.Pack](), defs, everyRight)
}

// sameKeys compares the properties of a schema with the yaml keys of the type, and goes down into both.
func sameKeys(t *testing.T, at string, schema map[string]any, typ reflect.Type, defs map[string]any, everyRight string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch typ.Kind() {
	case reflect.Pointer:
		sameKeys(t, at, schema, typ.Elem(), defs, everyRight)
	case reflect.Slice:
		sameKeys(t, at+"[]", schema["items"].(map[string]any), typ.Elem(), defs, everyRight)
	case reflect.Map:
		patterns, ok := schema["patternProperties"].(map[string]any)
		if !ok {
			t.Errorf("%s: the schema has no patternProperties", at)
		}
		for pattern, values := range patterns {
			if typ.Key() == reflect.TypeFor[dsar.Right]() && pattern != everyRight {
				t.Errorf("%s: the schema's pattern of rights is %s", at, pattern)
			}
			sameKeys(t, at+"{}", values.(map[string]any), typ.Elem(), defs, everyRight)
		}
	case reflect.Struct:
		properties, ok := schema["properties"].(map[string]any)
		if !ok {
			if typ != reflect.TypeFor[civil.Date]() {
				t.Errorf("%s: the schema has no properties", at)
			}
			return
		}
		var fields []string
		for f := range typ.Fields() {
			key := f.Tag.Get("yaml")
			if key == "-" || !f.IsExported() {
				continue
			}
			fields = append(fields, key)
			if sub, ok := properties[key].(map[string]any); ok {
				sameKeys(t, at+"."+key, sub, f.Type, defs, everyRight)
			}
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(properties))); diff != "" {
			t.Errorf("%s (-Go +schema):\n%s", at, diff)
		}
	}
}

func TestEveryNumberHasItsSource(t *testing.T) {
	for _, p := range load(t).Packs() {
		if len(p.Sources) == 0 || p.ConfidenceNote == "" || p.InForce(date(t, "2026-11-21")) != (p.Status == "in_force") || p.InForce(p.Valid.From.AddDays(-1)) {
			t.Errorf("%s: sources, confidence or validity", p.ID)
		}
		if !p.Draft() && !slices.ContainsFunc(p.Sources, func(s policy.Source) bool { return s.Read }) {
			t.Errorf("%s: nothing of it was read, and it is no draft", p.ID)
		}
	}
}

func TestWordsFallBackToEnglish(t *testing.T) {
	w := policy.Words{"en": "court", "de": "Gericht"}
	if s, back := w.In("de"); s != "Gericht" || back {
		t.Errorf("got %q, %v", s, back)
	}
	if s, back := w.In("fr"); s != "court" || !back {
		t.Errorf("got %q, %v", s, back)
	}
}

func TestCalendar(t *testing.T) {
	c, err := policy.NewCalendar("fixture", []time.Weekday{time.Friday, time.Saturday}, []civil.Date{date(t, "2026-12-24")}, []policy.Range{{From: date(t, "2026-12-27"), To: date(t, "2026-12-29")}})
	if err != nil {
		t.Fatal(err)
	}
	for d, why := range map[string]string{
		"2026-12-23": "", "2026-12-24": "a public holiday", "2026-12-25": "not a working day", "2026-12-26": "not a working day",
		"2026-12-27": "a public holiday", "2026-12-29": "a public holiday", "2026-12-30": "",
	} {
		if got := c.Why(date(t, d)); got != why || c.Working(date(t, d)) != (why == "") {
			t.Errorf("%s: got %q, want %q", d, got, why)
		}
	}
	if !(policy.Calendar{}).IsZero() || c.IsZero() {
		t.Error("which calendar is none")
	}
	if _, err := policy.NewCalendar("", nil, nil, nil); !fault.Has(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
	if got, err := load(t).Calendar("sat-sun"); err != nil || got.Working(date(t, "2026-11-21")) || !got.Working(date(t, "2026-11-23")) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := load(t).Calendar("moon"); !fault.Has(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
}
