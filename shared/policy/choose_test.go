package policy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// at returns the place that "DE" or "US-CA" names.
func at(code string) policy.Place {
	country, region, _ := strings.Cut(code, "-")
	return policy.Place{Country: country, Region: region}
}

// world is a set of a few laws whose texts are the real ones with another place, so that a test does not change with the laws that
// are built in: eu, uk, us-ca; us-xa, which starts in 2027; us-xb, a draft with 30 days; xc with 10 days for the country and xc-qc for
// one of its regions.
func world(t *testing.T) *policy.Set {
	t.Helper()
	all := tree(t)
	files := fstest.MapFS{}
	for name, f := range all {
		if strings.HasPrefix(name, "calendars/") || slices.Contains([]string{"packs/eu.yaml", "packs/uk.yaml"}, name) {
			files[name] = f
		}
	}
	california := numbers.ReplaceAll(all["packs/superseded/us-ca-2026-11.yaml"].Data, nil) // which stays as it is
	derive := func(id string, changes ...string) {
		text := strings.NewReplacer(changes...).Replace(string(california))
		files["packs/"+id+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	const fortyFive = "default: {value: 45, unit: calendar_days"
	derive("us-ca")
	derive("us-xa", "id: us-ca", "id: us-xa", "name: California", "name: Xanadu", "region: CA, region_name: California", "region: XA, region_name: Xanadú", "short: CCPA", "short: XPA", "from: 2020-01-01", "from: 2027-03-01")
	derive("us-xb", "id: us-ca", "id: us-xb", "name: California", "name: Xebec", "region: CA, region_name: California", "region: XB, region_name: Xebec", "short: CCPA", "short: XBA", "confidence: high", "confidence: low",
		fortyFive, "default: {value: 30, unit: calendar_days", "  opt_out: full", "  opt_out: none")
	derive("xc", "id: us-ca", "id: xc", "name: California", "name: Xcountry", "{country: US, region: CA, region_name: California}", "{country: XC}", "short: CCPA", "short: XCA", fortyFive, "default: {value: 10, unit: calendar_days")
	derive("xc-qc", "id: us-ca", "id: xc-qc", "name: California", "name: Quebexc", "{country: US, region: CA, region_name: California}", "{country: XC, region: QC, region_name: Quebexc}", "short: CCPA", "short: XQ")
	set, err := policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// numbers are the parts of a pack whose numbers would contradict another period.
var numbers = regexp.MustCompile(`(?m)^extension:\n(  .*\n)+|^  by_right:\n(    .*\n)+`)

func notDrafts(p policy.Pack) bool { return p.Confidence != policy.Low }

func TestChoose(t *testing.T) {
	set := world(t)
	for name, c := range map[string]struct {
		where policy.Where
		want  policy.ID
		doubt policy.Doubt
		also  []policy.ID
	}{
		"a country":                   {policy.Where{Residence: at("DE")}, "eu", "", nil},
		"a region that is no matter":  {policy.Where{Residence: at("DE-BY")}, "eu", "", nil},
		"as the Union writes it":      {policy.Where{Residence: at(" el ")}, "eu", "", nil},
		"as people write it":          {policy.Where{Residence: at("UK-SCT")}, "uk", "", nil},
		"a region":                    {policy.Where{Residence: at("US-CA")}, "us-ca", "", nil},
		"a region with its country":   {policy.Where{Residence: at("us"), RegionText: "us-ca"}, "us-ca", "", nil},
		"a region by its name":        {policy.Where{Residence: at("US"), RegionText: " california "}, "us-ca", "", nil},
		"a name without its marks":    {policy.Where{Residence: at("US"), RegionText: "xanadu", On: date(t, "2027-03-01")}, "us-xa", "", nil},
		"words before the code":       {policy.Where{Residence: at("US-XB"), RegionText: "California"}, "us-ca", "", nil},
		"the region's before":         {policy.Where{Residence: at("XC-QC")}, "xc-qc", "", nil},
		"the country's for the rest":  {policy.Where{Residence: at("XC-ON")}, "xc", "", nil},
		"region needed":               {policy.Where{Residence: at("XC"), Right: dsar.Access}, "xc", policy.RegionUnknown, nil},
		"no country":                  {policy.Where{RegionText: "CA"}, "eu", policy.CountryUnknown, nil},
		"no such country":             {policy.Where{Residence: at("CH"), RegionText: "CA"}, "eu", policy.CountryUnrecorded, nil},
		"state unknown":               {policy.Where{Residence: at("US"), Right: dsar.Access}, "us-xb", policy.RegionUnknown, nil},
		"state unknown, no drafts":    {policy.Where{Residence: at("US"), Right: dsar.Access, Allowed: notDrafts}, "us-ca", policy.RegionUnknown, nil},
		"state unknown, not granted":  {policy.Where{Residence: at("US"), Right: dsar.OptOut}, "us-ca", policy.RegionUnknown, nil},
		"state unrecorded":            {policy.Where{Residence: at("US-NY"), Right: dsar.Access, Allowed: notDrafts}, "eu", policy.RegionUnrecorded, nil},
		"not known to the Union":      {policy.Where{Residence: at("US-NY"), Right: dsar.OptOut}, "us-ca", policy.RegionUnrecorded, nil},
		"the day before":              {policy.Where{Residence: at("US-XA"), On: date(t, "2027-02-28")}, "eu", policy.NotInForce, nil},
		"the first day":               {policy.Where{Residence: at("US-XA"), On: date(t, "2027-03-01")}, "us-xa", "", nil},
		"a draft that may not":        {policy.Where{Residence: at("US-XB"), Allowed: notDrafts}, "eu", policy.Unconfirmed, nil},
		"a draft that may":            {policy.Where{Residence: at("US-XB")}, "us-xb", "", nil},
		"in scope":                    {policy.Where{Residence: at("DE"), Scope: []policy.ID{"us-ca", "eu"}}, "eu", "", nil},
		"out of scope":                {policy.Where{Residence: at("DE"), Right: dsar.Access, Scope: []policy.ID{"us-ca", "xc"}}, "xc", policy.OutOfScope, nil},
		"region out, country in":      {policy.Where{Residence: at("XC-QC"), Scope: []policy.ID{"xc"}}, "xc", "", nil},
		"no country, with a scope":    {policy.Where{Right: dsar.Access, Scope: []policy.ID{"us-ca", "xc"}}, "xc", policy.CountryUnknown, nil},
		"a scope of nothing usable":   {policy.Where{Scope: []policy.ID{"us-xb"}, Allowed: notDrafts}, "eu", policy.CountryUnknown, nil},
		"seat and home alike":         {policy.Where{Residence: at("DE"), Seat: at("FR")}, "eu", "", nil},
		"seat elsewhere":              {policy.Where{Residence: at("US-CA"), Seat: at("FR")}, "us-ca", "", []policy.ID{"eu"}},
		"seat and home of two laws":   {policy.Where{Residence: at("DE"), Seat: at("gb-SCT")}, "eu", "", []policy.ID{"uk"}},
		"a seat that binds nobody":    {policy.Where{Residence: at("DE"), Seat: at("US-CA")}, "eu", "", nil},
		"a seat out of scope":         {policy.Where{Residence: at("US-CA"), Seat: at("FR"), Scope: []policy.ID{"us-ca"}}, "us-ca", "", nil},
		"home unknown, seat known":    {policy.Where{Seat: at("GB"), Right: dsar.Access}, "uk", policy.CountryUnknown, nil},
		"home unknown, seat too long": {policy.Where{Seat: at("GB"), Right: dsar.Access, Scope: []policy.ID{"uk", "xc"}}, "xc", policy.CountryUnknown, []policy.ID{"uk"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := set.Choose(c.where)
			var also []policy.ID
			for _, o := range got.Also {
				also = append(also, o.Pack.ID)
				if !strings.Contains(o.Why, o.Pack.Reach.Basis) || o.Pack.Reach.Basis == "" {
					t.Errorf("%q does not cite why %s applies", o.Why, o.Pack.ID)
				}
			}
			if got.Pack.ID != c.want || got.Doubt != c.doubt || !slices.Equal(also, c.also) {
				t.Errorf("got %s, doubt %q, also %v", got.Pack.ID, got.Doubt, also)
			}
			if (got.Assumption == "") != (got.Doubt == policy.NoDoubt) {
				t.Errorf("doubt %q, assumption %q", got.Doubt, got.Assumption)
			}
			if got.Assumption != "" && (!strings.Contains(got.Assumption, got.Pack.Short) || !strings.Contains(got.Assumption, "an assumption")) {
				t.Errorf("%q must say that it assumes, and which law", got.Assumption)
			}
		})
	}
}

// TestEveryStateOfTheAreaIsUnderOneLaw: the 27 of the Union and the three of the European Economic Area.
func TestEveryStateOfTheAreaIsUnderOneLaw(t *testing.T) {
	set := load(t)
	for country := range strings.FieldsSeq("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO") {
		if c := set.Choose(policy.Where{Residence: at(country)}); c.Pack.ID != "eu" || c.Doubt != "" {
			t.Errorf("%s: got %s, %q", country, c.Pack.ID, c.Doubt)
		}
	}
}

// TestChooseProperties: whatever is asked, one law governs, it may, and no word of the person comes back.
func TestChooseProperties(t *testing.T) {
	set := load(t)
	first := date(t, "2026-01-01")
	var ids []policy.ID
	for _, p := range set.Packs() {
		ids = append(ids, p.ID)
	}
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.Custom(func(t *rapid.T) policy.Place {
			return policy.Place{Country: rapid.SampledFrom([]string{"", "DE", "GB", "US", "CA", "BR", "IN", "Zz-17"}).Draw(t, "country"), Region: rapid.SampledFrom([]string{"", "CA", "QC", "TX", "Qq-18"}).Draw(t, "region")}
		})
		w := policy.Where{
			Residence: place.Draw(t, "residence"), Seat: place.Draw(t, "seat"), RegionText: rapid.SampledFrom([]string{"", "California", "Ww-19"}).Draw(t, "text"),
			On: first.AddDays(rapid.IntRange(0, 1000).Draw(t, "day")), Right: rapid.SampledFrom(dsar.Rights()).Draw(t, "right"),
			Scope: rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, 3, rapid.ID[policy.ID]).Draw(t, "scope"),
		}
		got := set.Choose(w)
		if diff := cmp.Diff(got.Pack.Version, set.Choose(w).Pack.Version); diff != "" {
			t.Fatalf("asked twice:\n%s", diff)
		}
		standIn := got.Doubt != policy.NoDoubt && got.Pack.ID == "eu"
		for _, p := range append([]policy.Pack{got.Pack}, others(got)...) {
			if !standIn && (!p.InForce(w.On) || len(w.Scope) > 0 && !slices.Contains(w.Scope, p.ID)) {
				t.Fatalf("%s may not apply on %s within %v", p.ID, w.On, w.Scope)
			}
		}
		for _, word := range []string{"Zz-17", "Qq-18", "Ww-19"} {
			if strings.Contains(strings.ToUpper(got.Assumption), strings.ToUpper(word)) {
				t.Fatalf("%q repeats what the person wrote", got.Assumption)
			}
		}
	})
}

func others(c policy.Choice) []policy.Pack {
	var out []policy.Pack
	for _, o := range c.Also {
		out = append(out, o.Pack)
	}
	return out
}

// TestChooseAmongTheLawsThatAreBuiltIn holds single choices of the real laws, and the first day of one that is to come.
func TestChooseAmongTheLawsThatAreBuiltIn(t *testing.T) {
	set := load(t)
	for _, c := range []struct {
		home, on string
		right    dsar.Right
		want     policy.ID
		doubt    policy.Doubt
	}{
		{"IN", "2027-05-12", dsar.Access, "eu", policy.NotInForce},
		{"IN", "2027-05-13", dsar.Access, "in", ""},
		{"BR", "2026-11-23", dsar.Access, "br", ""},
		{"GB-SCT", "2026-11-23", dsar.Access, "uk", ""},
		{"US-TX", "2026-11-23", dsar.Access, "us-tx", ""},
		{"US-NY", "2026-11-23", dsar.Access, "eu", policy.RegionUnrecorded},
		{"US", "2026-11-23", dsar.OptOut, "us-ca", policy.RegionUnknown},
		{"CA-QC", "2026-11-23", dsar.Access, "ca-qc", ""},
		{"CA-ON", "2026-11-23", dsar.Access, "ca", ""},
		{"US-OK", "2026-12-31", dsar.Access, "eu", policy.NotInForce},
		{"US-OK", "2027-01-01", dsar.Access, "us-ok", ""},
	} {
		if got := set.Choose(policy.Where{Residence: at(c.home), On: date(t, c.on), Right: c.right}); got.Pack.ID != c.want || got.Doubt != c.doubt {
			t.Errorf("%s on %s for %s: got %s, %q", c.home, c.on, c.right, got.Pack.ID, got.Doubt)
		}
	}
}
