package crm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg crm.Config) *crm.Server {
	t.Helper()
	s, err := crm.New(cfg)
	if err == nil {
		err = s.Listen(context.Background(), "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return s
}

func seed(t *testing.T, s *crm.Server, contacts int) {
	t.Helper()
	for i := range contacts {
		if err := s.Put("contacts", crm.Record{"id": i, "email": fmt.Sprintf("P%d@example.com", i%2), "phone": "+44 7700 900100", "name": "Somebody"}); err != nil {
			t.Fatal(err)
		}
	}
}

// reply is an answer with its JSON object.
type reply struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (r reply) ids() []string {
	var list []string
	results, _ := r.body["results"].([]any)
	for _, e := range results {
		list = append(list, fmt.Sprint(e.(map[string]any)["id"]))
	}
	return list
}

func ask(t *testing.T, method, address, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &r.body); err != nil {
			t.Fatalf("%s %s: %s", method, address, raw)
		}
	}
	return r
}

func TestEveryWayOfPagingGivesTheSame(t *testing.T) {
	s := start(t, crm.Config{PageLimit: 4})
	seed(t, s, 21)
	at := s.URL() + "/objects/contacts?email=p0@EXAMPLE.com&limit=100" // eleven of them, four at a time
	want := []string{"0", "2", "4", "6", "8", "10", "12", "14", "16", "18", "20"}
	for name, next := range map[string]func(n int, last reply) string{
		"cursor": func(_ int, last reply) string {
			if c, ok := last.body["next"].(string); ok {
				return at + "&cursor=" + url.QueryEscape(c)
			}
			return ""
		},
		"link": func(_ int, last reply) string {
			target, _, ok := strings.Cut(strings.TrimPrefix(last.header.Get("Link"), "<"), `>; rel="next"`)
			if !ok {
				return ""
			}
			return strings.TrimSuffix(s.URL(), "/api/v1") + target
		},
		"page":   func(n int, last reply) string { return more(last, fmt.Sprintf("%s&page=%d", at, n+1)) },
		"offset": func(n int, last reply) string { return more(last, fmt.Sprintf("%s&offset=%d", at, n*4)) },
	} {
		var got []string
		address := at
		for n := 1; address != "" && n < 10; n++ {
			r := ask(t, "GET", address, "")
			if r.status != 200 || r.body["total"] != 11.0 {
				t.Fatalf("%s: %d %s", name, r.status, r.text)
			}
			got = append(got, r.ids()...)
			address = next(n, r)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", name, got, want)
		}
	}
	for _, bad := range []string{"limit=0", "limit=x", "page=0", "offset=-1", "cursor=!", "cursor=YWJj", "nonsense=1"} {
		if r := ask(t, "GET", s.URL()+"/objects/contacts?"+bad, ""); r.status != 400 {
			t.Errorf("%s gives %d", bad, r.status)
		}
	}
	if r := ask(t, "GET", s.URL()+"/objects/contacts?offset=99", ""); r.status != 200 || len(r.ids()) != 0 || r.body["more"] != false {
		t.Errorf("behind the end: %s", r.text)
	}
}

func more(last reply, address string) string {
	if last.body["more"] == true {
		return address
	}
	return ""
}

func TestSearching(t *testing.T) {
	s := start(t, crm.Config{})
	seed(t, s, 3)
	for query, want := range map[string][]string{
		"id=1&id=2": {"1", "2"}, "email=p1@example.com": {"1"}, "phone=0044%207700-900100&id=2": {"2"}, "name=somebody": nil, "id=1&email=p0@example.com": nil,
	} {
		if got := ask(t, "GET", s.URL()+"/objects/contacts?"+query, "").ids(); !slices.Equal(got, want) {
			t.Errorf("%s finds %v, want %v", query, got, want)
		}
	}
}

func TestChanging(t *testing.T) {
	s := start(t, crm.Config{})
	seed(t, s, 2)
	at := s.URL() + "/objects/contacts/1"
	if r := ask(t, "PATCH", at, `{"name": "New", "email": "new@example.com"}`); r.status != 200 || r.body["name"] != "New" {
		t.Errorf("PATCH: %d %s", r.status, r.text)
	}
	if r := ask(t, "GET", s.URL()+"/objects/contacts?email=new@example.com", ""); len(r.ids()) != 1 {
		t.Error("a changed field is not found")
	}
	if r := ask(t, "GET", s.URL()+"/objects/contacts?email=p1@example.com", ""); len(r.ids()) != 0 {
		t.Error("a changed field is still found by what it was")
	}
	if r := ask(t, "PUT", at+"/restriction", `{"restricted": true}`); r.status != 200 || r.body["restricted"] != true {
		t.Errorf("restriction: %d %s", r.status, r.text)
	}
	for body, want := range map[string]int{`{"id": 3}`: 422, `{"other": 3}`: 422, `{`: 400, `{}{}`: 400, `[]`: 400} {
		if r := ask(t, "PATCH", at, body); r.status != want {
			t.Errorf("PATCH %s gives %d, want %d", body, r.status, want)
		}
	}
	if r := ask(t, "PUT", at+"/restriction", `{}`); r.status != 422 {
		t.Errorf("a restriction without a word gives %d", r.status)
	}
	if r := ask(t, "DELETE", at, ""); r.status != 204 {
		t.Errorf("DELETE: %d", r.status)
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		if r := ask(t, method, at, "{}"); r.status != 404 || strings.Contains(r.text, "1") {
			t.Errorf("%s of what is gone: %d %s", method, r.status, r.text)
		}
	}
	if left := s.Records("contacts"); len(left) != 1 || left[0]["id"] != json.Number("0") {
		t.Errorf("left are %v", left)
	}
}

func TestIdsOfSeveralParts(t *testing.T) {
	s := start(t, crm.Config{Objects: []crm.Object{{Name: "parcels", Fields: []string{"a", "b"}, Key: []string{"a", "b"}}}})
	if err := s.Put("parcels", crm.Record{"a": "x", "b": ""}, crm.Record{"a": "x,", "b": "y/z"}, crm.Record{"a": "x", "b": ",y/z"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"x,", "x%2C,y%2Fz"} {
		if r := ask(t, "DELETE", s.URL()+"/objects/parcels/"+path, ""); r.status != 204 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if list := s.Records("parcels"); len(list) != 1 || list[0]["b"] != ",y/z" {
		t.Errorf("left are %v", list)
	}
	for name, r := range map[string]crm.Record{"no key": {"a": "x"}, "unknown field": {"a": "1", "b": "2", "c": "3"}, "no JSON": {"a": func() {}, "b": 1}} {
		if err := s.Put("parcels", r); err == nil {
			t.Errorf("a record with %s is stored", name)
		}
	}
}

func TestCredentials(t *testing.T) {
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	s := start(t, crm.Config{Now: func() time.Time { return now }, Credentials: crm.Credentials{
		Tokens: []string{"tok"}, Users: map[string]string{"u": "p"}, Keys: []string{"k"}, Clients: map[string]string{"c": "s"},
	}})
	tokens := strings.TrimSuffix(s.URL(), "/api/v1") + "/oauth/token"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	r := ask(t, "POST", tokens, "grant_type=client_credentials&client_id=c&client_secret=s", form...)
	issued, _ := r.body["access_token"].(string)
	if r.status != 200 || issued == "" || r.body["token_type"] != "Bearer" || r.body["expires_in"] != 3600.0 || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("token endpoint: %d %s", r.status, r.text)
	}
	for body, want := range map[string]int{"grant_type=client_credentials&client_id=c&client_secret=x": 401, "grant_type=password&client_id=c&client_secret=s": 400} {
		if r := ask(t, "POST", tokens, body, form...); r.status != want {
			t.Errorf("%s gives %d", body, r.status)
		}
	}
	for header, want := range map[string]int{
		"": 401, "Bearer tok": 200, "Bearer x": 401, "Bearer ": 401, "Bearer " + issued: 200, "Basic dTpw": 200, "Basic dTp4": 401,
	} {
		r := ask(t, "GET", s.URL()+"/me", "", "Authorization", header)
		if r.status != want || (want == 401) != (r.header.Get("WWW-Authenticate") != "") {
			t.Errorf("%q gives %d, want %d", header, r.status, want)
		}
	}
	if ask(t, "GET", s.URL()+"/me", "", "X-Api-Key", "k").status != 200 || ask(t, "GET", s.URL()+"/me?api_key=k", "").status != 200 || ask(t, "GET", s.URL()+"/me?api_key=x", "").status != 401 {
		t.Error("keys do not work")
	}
	now = now.Add(time.Hour)
	if r := ask(t, "GET", s.URL()+"/me", "", "Authorization", "Bearer "+issued); r.status != 401 {
		t.Error("an access token lives for ever")
	}
}

func TestJobsByPollingAndCallback(t *testing.T) {
	told := make(chan string, 1)
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		told <- string(raw)
	}))
	defer hooks.Close()
	s := start(t, crm.Config{JobTime: -1, Callbacks: &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}})
	seed(t, s, 3)
	r := ask(t, "POST", s.URL()+"/erasures", `{"object": "contacts", "key": {"id": 1}, "callbackUrl": "`+hooks.URL+`/x"}`)
	at := strings.TrimSuffix(s.URL(), "/api/v1") + r.header.Get("Location")
	if r.status != 202 || r.body["state"] != "queued" || ask(t, "GET", at, "").body["state"] != "queued" || len(s.Records("contacts")) != 3 {
		t.Fatalf("erasure: %d %s", r.status, r.text)
	}
	later := ask(t, "DELETE", s.URL()+"/objects/contacts/2", "", "Prefer", "wait=1, respond-async")
	if later.status != 202 {
		t.Errorf("a deletion that may come later gives %d", later.status)
	}
	s.RunJobs()
	if ask(t, "GET", at, "").body["state"] != "done" || len(s.Records("contacts")) != 1 {
		t.Errorf("%d contacts are left after the jobs", len(s.Records("contacts")))
	}
	select {
	case text := <-told:
		if !strings.Contains(text, `"state":"done"`) || strings.Contains(text, "example.com") {
			t.Errorf("the callback says %s", text)
		}
	case <-time.After(5 * time.Second):
		t.Error("no callback came")
	}
	for body, want := range map[string]int{
		`{"object": "contacts", "key": {"id": 1}}`: 404, `{"object": "nothing", "key": {"id": 1}}`: 404, `{"object": "contacts", "key": {}}`: 422,
		`{"object": "contacts", "key": {"id": 0}, "callbackUrl": "file:///x"}`: 422, `{"x": 1}`: 400,
	} {
		if r := ask(t, "POST", s.URL()+"/erasures", body); r.status != want {
			t.Errorf("%s gives %d, want %d", body, r.status, want)
		}
	}
	if r := ask(t, "GET", s.URL()+"/jobs/job-x", ""); r.status != 404 {
		t.Errorf("an unknown job gives %d", r.status)
	}
}

func TestExports(t *testing.T) {
	s := start(t, crm.Config{JobTime: time.Millisecond, PageLimit: 2})
	seed(t, s, 6)
	r := ask(t, "POST", s.URL()+"/exports", `{"object": "contacts", "field": "email", "values": ["p0@example.com"]}`)
	job, _ := r.body["job"].(string)
	var got []string
	address := s.URL() + "/exports/" + job + "/records"
	for range 500 {
		if ask(t, "GET", s.URL()+"/jobs/"+job, "").body["state"] == "done" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	for range 5 {
		r := ask(t, "GET", address, "")
		got = append(got, r.ids()...)
		c, ok := r.body["next"].(string)
		if !ok {
			break
		}
		address = s.URL() + "/exports/" + job + "/records?cursor=" + c
	}
	if !slices.Equal(got, []string{"0", "2", "4"}) {
		t.Errorf("the export gives %v", got)
	}
	if r := ask(t, "POST", s.URL()+"/exports", `{"object": "contacts", "field": "nothing", "values": [1]}`); r.status != 422 {
		t.Errorf("an export by an unknown field gives %d", r.status)
	}
}

func TestHooksLatencyAndAudit(t *testing.T) {
	s := start(t, crm.Config{})
	seed(t, s, 3)
	s.SetHook(func(m crm.Moment) crm.Trouble {
		switch {
		case m.Stage == crm.Arrived && m.Request.URL.Path == "/api/v1/me":
			return crm.Trouble{Status: 429, RetryAfter: "7"}
		case m.Stage == crm.Listed && m.Records == 3:
			return crm.Trouble{DropAfter: 2}
		case m.Stage == crm.Changed:
			return crm.Trouble{Drop: true}
		}
		return crm.Trouble{}
	})
	if r := ask(t, "GET", s.URL()+"/me", ""); r.status != 429 || r.header.Get("Retry-After") != "7" {
		t.Errorf("a busy CRM gives %d", r.status)
	}
	resp, err := http.Get(s.URL() + "/objects/contacts")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil || bytes.Count(raw, []byte(`"id"`)) != 2 {
		t.Errorf("a dropped page gives %s, %v", raw, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.URL()+"/objects/contacts/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a lost answer arrived")
	}
	if len(s.Records("contacts")) != 2 {
		t.Error("a change whose answer is lost was not made")
	}
	s.SetHook(nil)
	s.SetLatency(50 * time.Millisecond)
	begin := time.Now()
	ask(t, "GET", s.URL()+"/objects/contacts?email=p0@example.com", "")
	if time.Since(begin) < 50*time.Millisecond {
		t.Error("latency has no effect")
	}
	audit := s.Audit()
	if len(audit) != 4 || audit[0].Status != 429 || audit[2].Method != http.MethodDelete || audit[2].Path != "/objects/contacts/{id}" || audit[2].Status != 0 {
		t.Errorf("the audit is %+v", audit)
	}
	if strings.Contains(fmt.Sprintf("%+v", audit), "example.com") {
		t.Error("the audit holds what was asked for")
	}
}

func TestCloseIsIdempotentAndEndsWhatHangs(t *testing.T) {
	s := start(t, crm.Config{JobTime: time.Hour})
	seed(t, s, 1)
	s.SetHook(func(crm.Moment) crm.Trouble { return crm.Trouble{Hang: true} })
	ended := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL()+"/me", nil)
		if err == nil {
			var resp *http.Response
			if resp, err = http.DefaultTransport.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
			}
		}
		ended <- err
	}()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a request to a closed CRM was answered")
		}
	case <-time.After(5 * time.Second):
		t.Error("a request outlives the CRM")
	}
	if _, err := crm.New(crm.Config{Objects: []crm.Object{{Name: "x"}}}); err == nil {
		t.Error("an object without a key is taken")
	}
}
