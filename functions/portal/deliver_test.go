package portal_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// counter is a portal that hands volumes over through a door.
type counter struct {
	*rig
	door  *blobstest.Door
	store *failing
	asked []string // ids of hand-overs that were to be prepared elsewhere
}

// failing is an object store that does not take what it is told not to.
type failing struct {
	blobs.Store
	refuse string // prefix
	keeps  string // "fails": nothing is deleted, with an error; "lies": without one
}

func (s *failing) Delete(ctx context.Context, name string) error {
	switch s.keeps {
	case "fails":
		return fault.New(fault.Unavailable, "the store is away")
	case "lies":
		return nil
	}
	return s.Store.Delete(ctx, name)
}

func (s *failing) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	if s.refuse != "" && strings.HasPrefix(name, s.refuse) {
		_, _ = io.CopyN(io.Discard, r, 1)
		return blobs.Info{}, fault.New(fault.Unavailable, "the store is away")
	}
	return s.Store.Put(ctx, name, r)
}

// newCounter returns a portal where volumes of more than small bytes are prepared elsewhere.
func newCounter(t testing.TB, small int64) *counter {
	t.Helper()
	k := &counter{}
	k.rig = newRig(t, func(p *functions.Ports) {
		k.store = &failing{Store: p.Blobs}
		k.door = blobstest.NewDoor(t, p.Blobs)
		p.Blobs, p.HandOver = k.store, k.door
		p.Prepare = func(_ context.Context, id string) error { k.asked = append(k.asked, id); return nil }
	})
	k.set.HandOvers.Small = small
	return k
}

// packed gives the case a package with volumes of these contents.
func (k *counter) packed(c casefile.Case, volumes ...string) {
	k.t.Helper()
	f, err := k.set.Cases.Load(k.t.Context(), c.Tenant, c.ID)
	k.ok(err)
	var p casefile.Package
	for n, content := range volumes {
		name := "package/" + c.Tenant + "/" + c.ID + "/g1-" + string(rune('1'+n))
		k.ok(objects.Put(k.t.Context(), k.blobs, f.Keys, name, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		}))
		sum := sha256.Sum256([]byte(content))
		p.Volumes = append(p.Volumes, casefile.Volume{Object: name, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Name: c.Reference + ".zip"})
	}
	p.BuiltAt, p.ExpiresAt = k.now, k.now.AddDate(0, 0, 30)
	k.change(c, func(f *casefile.File) error {
		f.Case.Status, f.Case.Package, f.Case.Answered, f.Case.ClosedAt = dsar.Fulfilled, &p, true, k.now
		return nil
	})
}

// fetch gets what lies behind an address, as anybody could.
func (k *counter) fetch(address string) (status int, body string, head http.Header) {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodGet, address, nil)
	k.ok(err)
	res, err := http.DefaultClient.Do(req)
	k.ok(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	k.ok(err)
	return res.StatusCode, string(raw), res.Header
}

// open lists what lies in the open.
func (k *counter) inTheOpen() []string {
	k.t.Helper()
	var out []string
	for _, prefix := range []string{"delivery/", "inbox/"} {
		page, err := k.blobs.List(k.t.Context(), prefix, "", 0)
		k.ok(err)
		for _, o := range page.Objects {
			out = append(out, o.Name)
		}
	}
	return out
}

// clockwork lets time pass and runs what is due.
func (k *counter) clockwork(d time.Duration) {
	k.t.Helper()
	k.now = k.now.Add(d)
	_, err := k.set.Dispose(k.t.Context())
	k.ok(err)
}

// handedOver counts the entries of evidence that say so.
func (k *counter) handedOver(c casefile.Case) (n int) {
	k.t.Helper()
	for e, err := range evidence.Read(k.t.Context(), k.table, c.Tenant, c.ID) {
		k.ok(err)
		if e.Kind == "package_downloaded" {
			n++
		}
	}
	return n
}

func (k *counter) take(path, bearer string) answer {
	k.t.Helper()
	return k.send(call{method: "POST", path: path, body: `{"volume":1}`, bearer: bearer})
}

var delivery = regexp.MustCompile(`^delivery/[0-9a-f]{64}$`)

func TestASmallVolumeIsHandedOverOnceAndThenGone(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	path := k.download(c, token)
	a := k.want(k.take(path, token), 303)
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the address may be kept: %q", a.Header.Get("Cache-Control"))
	}
	for range 2 { // an address works any number of times
		status, body, head := k.fetch(a.Header.Get("Location"))
		if status != 200 || body != "the zip" || head.Get("Content-Disposition") != `attachment; filename="`+c.Reference+`.zip"` || head.Get("Content-Type") != "application/zip" {
			t.Fatalf("the address answers %d, %q, %v", status, body, head)
		}
	}
	if given := k.door.Given(); len(given) != 1 || !delivery.MatchString(given[0]) {
		t.Errorf("lies at %v", given)
	}
	k.want(k.take(path, token), 410)
	k.want(k.send(call{method: "GET", path: path + "?volume=1", cookie: token}), 410)
	if n, p := k.handedOver(c), k.one(c).Package; n != 1 || p.Downloads != 1 || len(k.door.Given()) != 1 {
		t.Errorf("the evidence says so %d times, counted %d, %d addresses", n, p.Downloads, len(k.door.Given()))
	}
	k.clockwork(handover.OpenLife - time.Second)
	if open := k.inTheOpen(); len(open) != 1 {
		t.Errorf("before its time is over: %v", open)
	}
	k.clockwork(time.Second)
	if open := k.inTheOpen(); len(open) != 0 {
		t.Errorf("after %s there lies %v", handover.OpenLife, open)
	}
	if status, _, _ := k.fetch(a.Header.Get("Location")); status != 404 {
		t.Errorf("the address answers %d", status)
	}
	k.clockwork(handover.AfterDelivery)
	if _, err := k.set.HandOvers.Records.Get(t.Context(), handover.IDOf(path[strings.LastIndexByte(path, '/')+1:], 1)); !fault.Has(err, fault.NotFound) {
		t.Errorf("the record is still there: %v", err)
	}
	k.want(k.take(path, token), 410)
}

// A redirect of a form to another origin is refused by browsers (form-action), so a page leads there.
func TestABrowserIsLedToTheAddressByAPage(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "one", "two")
	path := k.download(c, token)
	a := k.want(k.send(call{method: "POST", path: path, body: form("volume", "2"), cookie: token}), 200)
	link := regexp.MustCompile(`href="(http://127[^"]+)"`).FindStringSubmatch(a.body)
	if link == nil || !strings.Contains(a.body, `http-equiv="refresh" content="0; url=http://127`) {
		t.Fatalf("the page leads nowhere: %s", a.body)
	}
	if status, body, _ := k.fetch(html.UnescapeString(link[1])); status != 200 || body != "two" {
		t.Errorf("the link answers %d, %q", status, body)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if strings.Contains(a.Header.Get("Content-Security-Policy"), "127.0.0.1") {
		t.Error("the page may do more than others")
	}
	k.want(k.send(call{method: "POST", path: path, body: form("volume", "1"), cookie: token}), 200)
	k.want(k.send(call{method: "POST", path: path, body: form("volume", "1"), cookie: token}), 410)
	k.want(k.send(call{method: "POST", path: path, body: form("volume", "3"), cookie: token}), 410)
}

func TestALargeVolumeIsPreparedElsewhere(t *testing.T) {
	k := newCounter(t, 3)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "large")
	path := k.download(c, token)
	for range 2 {
		a := k.want(k.take(path, token), 202)
		if a.Header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
		}
	}
	if len(k.asked) != 1 {
		t.Fatalf("asked %d times", len(k.asked))
	}
	see := call{method: "GET", path: path + "?volume=1", cookie: token}
	page := k.want(k.send(see), 200).body
	if !strings.Contains(page, `http-equiv="refresh" content="5; url=`+path+`?volume=1"`) || strings.Contains(page, "<button>") && strings.Contains(page, "Start again") {
		t.Errorf("the page does not wait: %s", page)
	}
	a := k.want(k.send(call{method: "POST", path: path, body: form("volume", "1"), cookie: token}), 303)
	if a.Header.Get("Location") != path+"?volume=1" {
		t.Errorf("a browser is led to %q", a.Header.Get("Location"))
	}
	k.now = k.now.Add(handovers.Patience)
	if !strings.Contains(k.want(k.send(see), 200).body, "Start again") || len(k.asked) != 1 {
		t.Error("whoever waits too long cannot have it started again, or looking did")
	}
	k.want(k.take(path, token), 202)
	if len(k.asked) != 2 || len(k.inTheOpen()) != 0 {
		t.Fatalf("asked %d times, and there lies %v", len(k.asked), k.inTheOpen())
	}
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[0]))
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[1])) // late: it is ready already
	if page = k.want(k.send(see), 200).body; !strings.Contains(page, `name="volume" value="1"`) || strings.Contains(page, "http-equiv") || len(k.door.Given()) != 0 {
		t.Errorf("looking gave %d addresses: %s", len(k.door.Given()), page)
	}
	a = k.want(k.take(path, token), 303)
	if status, body, _ := k.fetch(a.Header.Get("Location")); status != 200 || body != "large" {
		t.Errorf("the address answers %d, %q", status, body)
	}
	k.want(k.take(path, token), 410)
	if n := k.handedOver(c); n != 1 {
		t.Errorf("the evidence says so %d times", n)
	}
}

func TestNobodyElseIsHandedAnything(t *testing.T) {
	k := newCounter(t, 3)
	c := k.open(home, ada)
	stranger := k.signIn(k.open(home, "eve@example.com"))
	token := k.signIn(c)
	k.packed(c, "large")
	path := k.download(c, token)
	away := strings.Replace(path, "/"+home+"/", "/"+other+"/", 1)
	for _, bearer := range []string{"", stranger, "nonsense"} {
		k.want(k.take(path, bearer), 401) // before anything was begun
	}
	k.want(k.take(path, token), 202)
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[0]))
	for _, bearer := range []string{"", stranger, "nonsense"} {
		k.want(k.take(path, bearer), 401)
		k.want(k.send(call{method: "GET", path: path + "?volume=1", cookie: bearer}), 401)
	}
	k.want(k.take(away, token), 410)
	k.want(k.send(call{method: "GET", path: away + "?volume=1", cookie: token}), 410)
	if len(k.door.Given()) != 0 || k.handedOver(c) != 0 {
		t.Errorf("somebody got an address: %v", k.door.Given())
	}
	k.want(k.take(path, token), 303)
}

func TestOneOfManyAtOnceGetsTheAddress(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	path := k.download(c, token)
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(`{"volume":1}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			k.site.ServeHTTP(w, req)
			mu.Lock()
			defer mu.Unlock()
			got[w.Code]++
		})
	}
	wg.Wait()
	if got[303] != 1 || got[303]+got[410]+got[409] != 6 || k.handedOver(c) != 1 {
		t.Errorf("answers: %v, evidence: %d", got, k.handedOver(c))
	}
}

func TestWhatIsNotWhatThePackageSaysIsNotHandedOver(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	k.change(c, func(f *casefile.File) error {
		f.Case.Package.Volumes[0].SHA256 = strings.Repeat("0", 64)
		return nil
	})
	k.want(k.take(k.download(c, token), token), 500)
	if open := k.inTheOpen(); len(open) != 0 || len(k.door.Given()) != 0 {
		t.Errorf("there lies %v, given %v", open, k.door.Given())
	}
}

func TestPreparingGoesOnAfterAFailure(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	path := k.download(c, token)
	k.store.refuse = "delivery/"
	k.want(k.take(path, token), 503)
	if n := k.handedOver(c); n != 0 {
		t.Errorf("the evidence says %d times that it was handed over", n)
	}
	k.store.refuse = ""
	k.want(k.take(path, token), 303)
}

// Whoever prepares may be slow, may stop, may come back after the end: nothing stays in the open.
func TestWhatEndsWhileItIsPreparedDoesNotStay(t *testing.T) {
	k := newCounter(t, 3)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "large")
	path := k.download(c, token)
	k.want(k.take(path, token), 202)
	id := k.asked[0]
	k.clockwork(handover.PrepareLife)
	k.ok(k.set.HandOvers.Carry(t.Context(), id)) // it has ended
	r, err := k.set.HandOvers.Records.Get(t.Context(), id)
	k.ok(err)
	if r.State != handover.Ended {
		t.Errorf("the record is %s", r.State)
	}
	// A process that read the record before the end lays the object out after it, and dies before it looks again.
	_, err = k.blobs.Put(t.Context(), r.Object(), strings.NewReader("large"))
	k.ok(err)
	k.clockwork(handover.AfterDelivery)
	if open := k.inTheOpen(); len(open) != 0 {
		t.Errorf("there lies %v", open)
	}
	k.want(k.take(path, k.session(c, time.Hour)), 410)
}

// A delivery that nobody asks for again is not left lying.
func TestWhatNobodyFetchesIsRemoved(t *testing.T) {
	k := newCounter(t, 3)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "large")
	path := k.download(c, token)
	k.want(k.take(path, token), 202)
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[0]))
	if len(k.inTheOpen()) != 1 {
		t.Fatal("nothing was prepared")
	}
	k.clockwork(handover.OpenLife)
	if open := k.inTheOpen(); len(open) != 0 || k.handedOver(c) != 0 {
		t.Errorf("there lies %v", open)
	}
	k.want(k.take(path, token), 410)
}

// Deleting is not believed: an object that is still there stays due, and so does its record.
func TestWhatIsNotGoneStaysDue(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	path := k.download(c, token)
	k.want(k.take(path, token), 303)
	k.now = k.now.Add(handover.OpenLife)
	for _, k.store.keeps = range []string{"fails", "lies"} {
		if _, err := k.set.Dispose(t.Context()); !fault.Has(err, fault.Unavailable) || len(k.inTheOpen()) != 1 {
			t.Errorf("a store that %s: %v, there lies %v", k.store.keeps, err, k.inTheOpen())
		}
	}
	k.store.keeps = ""
	k.clockwork(0)
	if len(k.inTheOpen()) != 0 {
		t.Errorf("there lies %v", k.inTheOpen())
	}
	k.store.keeps = "lies"
	_, err := k.blobs.Put(t.Context(), k.door.Given()[0], strings.NewReader("late"))
	k.ok(err)
	k.now = k.now.Add(handover.AfterDelivery)
	if _, err := k.set.Dispose(t.Context()); !fault.Has(err, fault.Unavailable) {
		t.Errorf("the record went before its object: %v", err)
	}
	k.store.keeps = ""
	k.clockwork(0)
	if len(k.inTheOpen()) != 0 {
		t.Errorf("there lies %v", k.inTheOpen())
	}
}

// A function answers with little: evidence that is larger is laid out as well. What an entry adds to a bundle is measured, so that the
// bound can be read as a number of entries.
func TestLargeEvidenceIsHandedOverToo(t *testing.T) {
	k := newCounter(t, 1<<20)
	c := k.open(home, ada)
	token := k.signIn(c)
	small := k.want(k.send(call{method: "GET", path: api(c) + "/evidence", bearer: token}), 200)
	for range 20 {
		k.change(c, func(f *casefile.File) error {
			for range 50 {
				if err := f.Entry("turn_recorded", evidence.System, map[string]any{"sum": handover.NewID()}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	large := k.want(k.send(call{method: "GET", path: api(c) + "/evidence", bearer: token}), 200)
	each := (len(large.body) - len(small.body)) / 1000
	t.Logf("an entry adds %d bytes to a bundle: %d entries fit into an answer", each, k.set.HandOvers.Most/int64(each))
	if each > 400 {
		t.Errorf("an entry adds %d bytes", each)
	}
	k.set.HandOvers.Most = int64(len(large.body)) - 1
	for path, bearer := range map[string]string{api(c) + "/evidence": token, page(c) + "/evidence": ""} {
		a := k.want(k.send(call{method: "GET", path: path, bearer: bearer, cookie: token}), 303)
		status, body, head := k.fetch(a.Header.Get("Location"))
		rep, err := evidence.VerifyBundle(strings.NewReader(body), int64(len(body)), evidence.VerifyOptions{})
		if status != 200 || err != nil || !rep.OK() || head.Get("Content-Type") != "application/zip" || !strings.Contains(head.Get("Content-Disposition"), "evidence-"+c.Reference) {
			t.Errorf("%s leads to %d, %v, %+v", path, status, err, rep.Findings)
		}
	}
	k.clockwork(handover.OpenLife)
	if len(k.inTheOpen()) != 0 {
		t.Errorf("there lies %v", k.inTheOpen())
	}
}

// Every link lays a volume out anew, so their number is bounded: nobody fills the store, or runs up a bill, with one request.
func TestLinksDoNotLayOutWithoutEnd(t *testing.T) {
	k := newCounter(t, 1<<20)
	k.set.Portal.Limits = verification.DefaultLimits()
	c := k.open(home, ada)
	token := k.signIn(c)
	k.packed(c, "the zip")
	for n := range 12 {
		want := 303
		if n >= 10 {
			want = 429
		}
		a := k.want(k.take(k.download(c, token), token), want)
		if want == 429 && a.Header.Get("Retry-After") == "" {
			t.Error("it does not say when it goes on")
		}
	}
	if len(k.inTheOpen()) != 10 {
		t.Errorf("there lie %d", len(k.inTheOpen()))
	}
	k.clockwork(handover.OpenLife)
	if len(k.inTheOpen()) != 0 {
		t.Errorf("there lies %v", k.inTheOpen())
	}
}
