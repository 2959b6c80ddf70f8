package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// The whole way: asked, confirmed, answered, downloaded, proved.
func TestAccessGivesEverythingTheShopHolds(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Typical)
	if got := r.Subjects(); !slices.Equal(got, []string{"Confirm your request"}) {
		t.Fatalf("before the code was entered the person got %q", got)
	}
	r.Verify()
	st := r.WantStatus("fulfilled")
	if want := []string{"Confirm your request", "We have your request", "The answer to your request"}; !slices.Equal(r.Subjects(), want) {
		t.Errorf("letters are %q, want %q", r.Subjects(), want)
	}
	if !st.ReceivedAt.Equal(testkit.Start0) || st.Right != "access" || st.Law != "eu" || st.Assumption != "" || len(st.Recipients) != 2 {
		t.Errorf("status is %+v", st)
	}
	if st.Package == nil || !st.Package.Ready || len(st.Package.Volumes) != 1 || !st.Package.ExpiresAt.After(testkit.Start0) {
		t.Fatalf("the package is not ready: %+v", st.Package)
	}
	p := r.Fetch()
	s.WantHeld(p, testkit.Typical)
	if m := p.Manifest; m.Reference != r.Reference || m.Right != "access" || !m.GeneratedAt.Equal(testkit.Start0) {
		t.Errorf("the manifest is about %s, %s, %s", m.Reference, m.Right, m.GeneratedAt)
	}
	wantSameCounts(t, p, st)
	index := string(p.Files["index.html"])
	for _, want := range []string{"Web shop", "selling and delivering books", "Parcelline", "Kite Mail", "orders 10 years", "Art. 46", r.Reference} {
		if !strings.Contains(index, want) {
			t.Errorf("index.html lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http-equiv=\"refresh", "src=\"http", "href=\"//", "@import", "url(http"} {
		if strings.Contains(strings.ToLower(index), never) {
			t.Errorf("index.html reaches outside or runs something: %s", never)
		}
	}
	report := r.WantEvidence()
	if report.Chains < 3 {
		t.Errorf("the evidence has %d chains; case, search and reading have one each", report.Chains)
	}
}

// wantSameCounts compares what the status page says with what was delivered.
func wantSameCounts(t *testing.T, p *testkit.Package, st testkit.Status) {
	t.Helper()
	said := map[string]int64{}
	for _, s := range st.Systems {
		for _, c := range s.Collections {
			said[s.Name+"/"+c.Name+"/"+c.Outcome] = c.Records
		}
	}
	n := 0
	for _, s := range p.Manifest.Systems {
		for _, c := range s.Collections {
			n++
			if got, ok := said[s.Name+"/"+c.Name+"/"+c.Outcome]; !ok || got != int64(c.Records) {
				t.Errorf("%s/%s: %s %d in the package, %v in the status", s.Name, c.Name, c.Outcome, c.Records, said)
			}
		}
	}
	if n != len(said) || n == 0 {
		t.Errorf("%d collections in the manifest, %d in the status", n, len(said))
	}
}

// The due date follows the law: a month on, the end of that day in the controller's zone, and never on a weekend.
func TestDueDateFollowsTheLaw(t *testing.T) {
	s := site(t)
	for _, c := range []struct {
		received, country, region, law, due string
		assumed                             bool
	}{
		{"2026-11-24T09:00:00Z", "DE", "", "eu", "2026-12-24T22:59:59.999Z", false},
		{"2026-11-26T23:30:00Z", "DE", "", "eu", "2026-12-28T22:59:59.999Z", false},      // 27th in Berlin; the 27th of December is a Sunday
		{"2026-11-27T09:00:00Z", "GB", "", "uk", "2026-12-29T22:59:59.999Z", false},      // the 27th is a Sunday, the 28th stands in for Boxing Day
		{"2026-11-27T10:00:00Z", "US", "CA", "us-ca", "2027-01-11T22:59:59.999Z", false}, // 45 days: a Monday
		{"2026-11-30T09:00:00Z", "BR", "", "br", "2026-12-15T22:59:59.999Z", false},
		{"2026-12-01T09:00:00Z", "CI", "", "eu", "2027-01-04T22:59:59.999Z", true},  // a law that is not here; New Year's Day is a Friday
		{"2026-12-31T09:00:00Z", "", "", "eu", "2027-02-01T22:59:59.999Z", true},    // the 31st of January is a Sunday
		{"2027-01-29T09:00:00Z", "FR", "", "eu", "2027-03-01T22:59:59.999Z", false}, // no 29th of February: the 28th, a Sunday
	} {
		at, err := time.Parse(time.RFC3339, c.received)
		if err != nil {
			t.Fatal(err)
		}
		s.Set(at)
		r := s.Ask("lumen", "access", testkit.Stranger, map[string]any{"country": c.country, "region": c.region})
		want := "fulfilled"
		if c.law == "us-ca" {
			want = "verifying" // specific pieces need more than a code (11 CCR 7062)
		}
		st := r.Verify().WantStatus(want)
		if st.Law != c.law || st.DueAt.UTC().Format(time.RFC3339Nano) != c.due || (st.Assumption != "") != c.assumed {
			t.Errorf("%s from %q %q: law %s (assumed: %q), due %s; want %s, %s", c.received, c.country, c.region, st.Law, st.Assumption, st.DueAt, c.law, c.due)
		}
		if len(st.Explanation) < 2 {
			t.Errorf("%s: the date is not explained: %+v", c.received, st.Explanation)
		}
	}
}

func TestPortabilityGivesTheSameData(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "portability", testkit.NoOrders).Verify()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	if p.Manifest.Right != "portability" {
		t.Errorf("the manifest says %s", p.Manifest.Right)
	}
	s.WantHeld(p, testkit.NoOrders)
	r.WantEvidence()
}

func TestNothingHeldIsAnAnswer(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Stranger).Verify()
	st := r.WantStatus("fulfilled")
	if len(st.Systems) != 1 || st.Systems[0].Outcome != "nothing_held" || st.Systems[0].Records != 0 {
		t.Errorf("systems say %+v", st.Systems)
	}
	if st.Package != nil && st.Package.Ready {
		t.Error("there is a package of nothing")
	}
	s.Call("POST", r.Path("/package"), r.Session, map[string]any{}).WantProblem(404, "not_found")
	if text := r.Mail("The answer to your request").Text; !strings.Contains(text, "found none") {
		t.Errorf("the letter does not say that nothing is held:\n%s", text)
	}
	r.WantEvidence()
}

// A customer of the shop who rows at the club asks each of them; neither answers for the other.
func TestTenantsAnswerForThemselves(t *testing.T) {
	s := site(t)
	r := s.Ask("riverside", "access", testkit.Typical, map[string]any{"country": "GB"}).Verify()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	for name := range p.Files {
		if strings.HasPrefix(name, "data/shop/") {
			t.Errorf("the club's package has %s", name)
		}
	}
	var members, bookings, dues int
	row := s.Open("club.db").QueryRow(`SELECT count(DISTINCT m.number), (SELECT count(*) FROM bookings b WHERE b.member_number = m.number),
		(SELECT count(*) FROM dues d WHERE d.member_number = m.number) FROM members m WHERE m.email = ?`, testkit.Typical)
	if err := row.Scan(&members, &bookings, &dues); err != nil {
		t.Fatal(err)
	}
	for collection, want := range map[string]int{"members": members, "bookings": bookings, "dues": dues} {
		if got, err := p.Records("members", collection); err != nil || len(got) != want || want == 0 {
			t.Errorf("%s: %d records, the club holds %d (%v)", collection, len(got), want, err)
		}
	}
	// A session of the club is none at the shop.
	other := s.Ask("lumen", "access", testkit.Typical)
	s.Call("GET", other.Path(""), r.Session, nil).WantProblem(401, "unauthenticated")
	s.Call("GET", testkit.API("lumen")+"/"+r.Reference, r.Session, nil).WantProblem(401, "unauthenticated")
	if st := s.Ask("lumen", "access", testkit.ClubOnly).Verify().WantStatus("fulfilled"); st.Systems[0].Outcome != "nothing_held" {
		t.Errorf("the shop knows a member of the club: %+v", st.Systems)
	}
}

// The second address is found in a row matched by the first, and leads to tickets that nothing else leads to.
func TestASecondAddressIsFoundInRounds(t *testing.T) {
	s := site(t)
	for _, from := range []string{testkit.TwoMails, testkit.SecondMail} {
		r := s.Ask("lumen", "access", from).Verify()
		r.WantStatus("fulfilled")
		p := r.Fetch()
		s.WantHeld(p, testkit.TwoMails)
		addresses := map[string]int{}
		tickets, err := p.Records("shop", "tickets")
		if err != nil {
			t.Fatal(err)
		}
		for _, ticket := range tickets {
			addresses[ticket["email"].(string)]++
		}
		if addresses[testkit.TwoMails] == 0 || addresses[testkit.SecondMail] == 0 {
			t.Errorf("asked from %s: tickets are from %v", from, addresses)
		}
	}
}

// A large package is whole too.
func TestHundredsOfOrders(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Busy).Verify()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	s.WantHeld(p, testkit.Busy)
	if orders, err := p.Records("shop", "orders"); err != nil || len(orders) < 640 {
		t.Errorf("%d orders, %v", len(orders), err)
	}
	if bytes := r.Status().Package.Volumes[0].Bytes; bytes != int64(len(p.Raw)) {
		t.Errorf("the status says %d bytes, the zip has %d", bytes, len(p.Raw))
	}
}
