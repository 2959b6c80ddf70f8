package ownertask_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// counter is the task of an owner on a site whose store takes large files directly.
type counter struct {
	*task
	door  *blobstest.Door
	asked []string
}

func newCounter(t testing.TB) *counter {
	t.Helper()
	k := &counter{}
	r := newRig(t, func(p *functions.Ports) {
		k.door = blobstest.NewDoor(t, p.Blobs)
		p.HandOver = k.door
		p.Prepare = func(_ context.Context, id string) error { k.asked = append(k.asked, id); return nil }
	})
	r.set.HandOvers.Limits = uploads.Limits{File: 64 << 10, Task: 150 << 10, Files: 5}
	k.task = r.open(dsar.Access, "person")
	return k
}

var inputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// pick asks for a form for a file of this name and reads it from the page.
func (k *counter) pick(name string) (f blobs.Form, page answer) {
	k.t.Helper()
	page = k.want(k.form(k.link()+"/file", url.Values{"filename": {name}}), 200)
	to := regexp.MustCompile(`<form method="post" action="(http://127[^"]*)" enctype="multipart/form-data">`).FindStringSubmatch(page.body)
	if to == nil {
		k.t.Fatalf("the page has no form: %s", page.body)
	}
	f.URL = redact.NewText(html.UnescapeString(to[1]))
	for _, m := range inputs.FindAllStringSubmatch(page.body, -1) {
		f.Fields = append(f.Fields, blobs.FormField{Name: html.UnescapeString(m[1]), Value: redact.NewText(html.UnescapeString(m[2]))})
	}
	return f, page
}

// put sends the file and follows to where the store sends the browser.
func (k *counter) put(f blobs.Form, body string) (back string) {
	k.t.Helper()
	status, location := blobstest.Post(k.t, f, "as the browser calls it.bin", body)
	if status != http.StatusSeeOther || !strings.HasPrefix(location, base+"/owner/") {
		k.t.Fatalf("the store answers %d to %q", status, location)
	}
	return strings.TrimPrefix(location, base)
}

// files are the files of the task, opened.
func (k *counter) files() map[string]string {
	k.t.Helper()
	f, t := k.load()
	out := map[string]string{}
	for _, u := range t.Owner.Uploads {
		name, err := f.UploadName(t, u)
		k.ok(err)
		r, err := objects.Open(k.t.Context(), k.blobs, f.Keys, u.Object)
		k.ok(err)
		raw := make([]byte, 200<<10)
		n, _ := r.Read(raw)
		for {
			m, err := r.Read(raw[n:])
			if n += m; err != nil {
				break
			}
		}
		k.ok(r.Close())
		out[name.Reveal()] = string(raw[:n])
	}
	return out
}

func (k *counter) inbox() (out []string) {
	for _, o := range k.objects() {
		if strings.HasPrefix(o, "inbox/") {
			out = append(out, o)
		}
	}
	return out
}

func (k *counter) clockwork(d time.Duration) {
	k.t.Helper()
	k.now = k.now.Add(d)
	_, err := k.set.Dispose(k.t.Context())
	k.ok(err)
}

func (k *counter) refused() (out []string) {
	_, t := k.load()
	for _, r := range t.Owner.Refused {
		out = append(out, r.Why)
	}
	return out
}

func TestALargeFileGoesPastTheProcess(t *testing.T) {
	k := newCounter(t)
	page := k.want(k.get(k.link()), 200, `action="`+k.link()+`/file"`, `name="filename"`, "4.0 MB")
	if len(k.objects()) != 0 || len(k.door.Given()) != 0 || strings.Contains(page.body, "127.0.0.1") {
		t.Error("looking at the page made something")
	}
	f, _ := k.pick(" C:\\letters\\letters 1998 Zq7canary.pdf ")
	if given := k.door.Given(); len(given) != 1 || !regexp.MustCompile(`^inbox/[0-9a-f]{64}$`).MatchString(given[0]) {
		t.Errorf("goes to %v", given)
	}
	content := "%PDF-1.4 " + strings.Repeat("x", 60<<10)
	back := k.put(f, content)
	a := k.want(k.get(back), 303)
	if a.location != k.link() {
		t.Errorf("leads to %q", a.location)
	}
	if got := k.files(); len(got) != 1 || got["letters 1998 Zq7canary.pdf"] != content {
		t.Errorf("the task has %d files", len(got))
	}
	if left := k.inbox(); len(left) != 0 {
		t.Errorf("in the open: %v", left)
	}
	k.want(k.get(k.link()), 200, "letters 1998 Zq7canary.pdf", "1 file added")
	k.want(k.get(back), 303) // once more changes nothing
	if len(k.files()) != 1 {
		t.Error("the file was added twice")
	}
	k.want(k.post(k.link(), nil, "answer", "done", "do", "answer"), 303)
	k.verified()
	k.leaks()
}

// The store may send files only as long as its form holds, and the page may post to the store and nowhere else.
func TestTheFormOfAFileIsBounded(t *testing.T) {
	k := newCounter(t)
	f, _ := k.pick("a.pdf")
	origin := strings.TrimSuffix(f.URL.Reveal(), "/")
	w := k.served(http.MethodPost, k.link()+"/file", url.Values{"filename": {"b.pdf"}})
	if csp := w.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+origin+";") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the page with the form may: %s", csp)
	}
	if csp := k.served(http.MethodGet, k.link(), nil).Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self';") {
		t.Errorf("the page of the task may: %s", csp)
	}
	for body, want := range map[string]int{"": 400, strings.Repeat("x", 64<<10+1): 400} {
		if status, _ := blobstest.Post(t, f, "a.pdf", body); status != want {
			t.Errorf("%d bytes: %d", len(body), status)
		}
	}
	k.door.Pass(blobs.MaxAddressLife)
	if status, _ := blobstest.Post(t, f, "a.pdf", "%PDF-1.4"); status != 403 {
		t.Errorf("after five minutes: %d", status)
	}
	if len(k.inbox()) != 0 {
		t.Error("something came")
	}
	for name, want := range map[string]string{"": "Enter the name", "a.exe": "do not take files of this kind", "letters": "do not take files of this kind"} {
		k.want(k.form(k.link()+"/file", url.Values{"filename": {name}}), 400, want, `href="#filename"`)
	}
	for range 20 {
		if a := k.form(k.link()+"/file", url.Values{"filename": {"a.pdf"}}); a.status == 429 {
			return
		}
	}
	t.Error("nothing bounds how many forms a link makes")
}

// served returns the headers of an answer.
func (k *counter) served(method, path string, form url.Values) http.Header {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), method, base+path, strings.NewReader(form.Encode()))
	k.ok(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := &headers{h: http.Header{}}
	k.site.ServeHTTP(w, req)
	return w.h
}

type headers struct{ h http.Header }

func (w *headers) Header() http.Header         { return w.h }
func (w *headers) Write(b []byte) (int, error) { return len(b), nil }
func (w *headers) WriteHeader(int)             {}

func TestAFileThatIsNotWhatItsNameSaysIsRefusedAndDeleted(t *testing.T) {
	k := newCounter(t)
	f, _ := k.pick("letters 1998.pdf")
	back := k.put(f, "MZ\x90 not a document")
	k.want(k.get(back), 303)
	k.want(k.get(k.link()), 200, "letters 1998.pdf", "the content is not what the name says")
	if len(k.files()) != 0 || len(k.objects()) != 0 || !slices.Equal(k.refused(), []string{"bad_kind"}) {
		t.Errorf("kept %v, told %v", k.objects(), k.refused())
	}
	f, _ = k.pick("letters.pdf")
	k.want(k.get(k.put(f, "%PDF-1.4")), 303)
	if len(k.files()) != 1 || len(k.refused()) != 0 {
		t.Errorf("after a good one: %d files, told %v", len(k.files()), k.refused())
	}
	k.verified()
	k.leaks()
}

func TestAFileWithoutRoomIsRefused(t *testing.T) {
	k := newCounter(t)
	for range 2 {
		f, _ := k.pick("a.pdf")
		k.want(k.get(k.put(f, "%PDF-"+strings.Repeat("x", 60<<10))), 303)
	}
	f, _ := k.pick("b.pdf")
	k.want(k.get(k.put(f, "%PDF-"+strings.Repeat("x", 60<<10))), 303)
	k.want(k.get(k.link()), 200, "all files together are")
	if len(k.objects()) != 2 || !slices.Equal(k.refused(), []string{"too_large"}) {
		t.Errorf("kept %v, told %v", k.objects(), k.refused())
	}
}

// An owner whose browser never came back from the store is served all the same.
func TestAFileIsTakenWithoutItsOwnerComingBack(t *testing.T) {
	k := newCounter(t)
	good, _ := k.pick("a.pdf")
	k.put(good, "%PDF-1.4")
	bad, _ := k.pick("b.pdf")
	k.put(bad, "MZ")
	k.pick("c.pdf") // and nothing comes
	k.clockwork(handover.UploadLife - time.Second)
	if len(k.inbox()) != 2 {
		t.Errorf("before its time: %v", k.inbox())
	}
	k.clockwork(time.Second)
	if len(k.files()) != 1 || len(k.inbox()) != 0 || !slices.Contains(k.refused(), "bad_kind") {
		t.Errorf("%d files, in the open %v, told %v", len(k.files()), k.inbox(), k.refused())
	}
	k.want(k.get(k.link()), 200, "a.pdf", "b.pdf")
	// An upload that was still under way comes after the end; it goes too.
	_, err := k.blobs.Put(t.Context(), k.door.Given()[2], strings.NewReader("%PDF-1.4"))
	k.ok(err)
	k.clockwork(handover.AfterUpload)
	if len(k.inbox()) != 0 || len(k.files()) != 1 {
		t.Errorf("in the open: %v", k.inbox())
	}
	k.verified()
}

func TestALargeFileIsCheckedElsewhere(t *testing.T) {
	k := newCounter(t)
	k.set.HandOvers.Small = 10
	f, _ := k.pick("a.pdf")
	back := k.put(f, "%PDF-1.4 0123456789")
	for range 2 {
		k.want(k.get(back), 200, "Your file is being checked", `http-equiv="refresh" content="5; url=`+strings.SplitN(back, "?", 2)[0]+`"`)
	}
	if len(k.asked) != 1 || len(k.files()) != 0 {
		t.Fatalf("asked %d times", len(k.asked))
	}
	// Who says that everything is there does not lose what is on its way.
	k.want(k.post(k.link(), []file{{"other.csv", "a;b"}}, "answer", "done", "do", "answer"), 400, "still being checked", `href="#file"`)
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[0]))
	k.ok(k.set.HandOvers.Carry(t.Context(), k.asked[0])) // repeated
	k.want(k.get(back), 303)
	if len(k.files()) != 2 || len(k.inbox()) != 0 {
		t.Errorf("%d files, in the open %v", len(k.files()), k.inbox())
	}
	k.want(k.post(k.link(), nil, "answer", "done", "do", "answer"), 303)
	k.verified()
}

// A file that was being checked and is lost holds nobody up for ever: its owner is told.
func TestAFileThatIsLostWhileItIsCheckedIsToldOf(t *testing.T) {
	k := newCounter(t)
	k.set.HandOvers.Small = 10
	f, _ := k.pick("a.pdf")
	k.want(k.get(k.put(f, "%PDF-1.4 0123456789")), 200)
	k.ok(k.blobs.Delete(t.Context(), k.inbox()[0])) // the net below took it
	k.clockwork(handover.UploadLife)
	k.want(k.get(k.link()), 200, "a.pdf", "Please add it again")
	k.want(k.post(k.link(), []file{{"other.csv", "a;b"}}, "answer", "done", "do", "answer"), 303)
	k.verified()
}

func TestNothingOfAFileThatNobodyWantsStays(t *testing.T) {
	t.Run("the task was answered meanwhile", func(t *testing.T) {
		k := newCounter(t)
		f, _ := k.pick("a.pdf")
		back := k.put(f, "%PDF-1.4")
		k.want(k.post(k.link(), nil, "answer", "nothing_held", "do", "answer"), 303)
		k.want(k.get(back), 200, "Thank you for your answer")
		k.clockwork(handover.UploadLife)
		if len(k.objects()) != 0 {
			t.Errorf("kept %v", k.objects())
		}
	})
	t.Run("it was passed on meanwhile", func(t *testing.T) {
		k := newCounter(t)
		f, _ := k.pick("a.pdf")
		k.put(f, "%PDF-1.4")
		k.want(k.form(k.link()+"/pass", url.Values{"to": {"mo@example.com"}}), 303)
		k.clockwork(handover.UploadLife)
		if len(k.objects()) != 0 {
			t.Errorf("kept %v", k.objects())
		}
	})
	t.Run("it never came", func(t *testing.T) {
		k := newCounter(t)
		k.pick("a.pdf")
		id := strings.TrimPrefix(k.door.Given()[0], "inbox/")
		k.want(k.get(k.link()+"/file/"+id), 200, "The file has not come")
		k.want(k.get(k.link()+"/file/"+handover.NewID()), 404)
		k.want(k.get(k.link()+"/file/x"), 404)
	})
}

// A case that is only busy loses no file.
func TestABusyCaseStillTakesTheFile(t *testing.T) {
	k := newCounter(t)
	f, _ := k.pick("a.pdf")
	back := k.put(f, "%PDF-1.4")
	lost := 0
	k.blobs.stored = func() { // the file is sealed; now everybody else is faster
		lost++
		k.change(func(_ context.Context, f *casefile.File) error {
			return f.Note(evidence.System, redact.NewText("busy"))
		})
	}
	k.want(k.get(back), 303)
	if len(k.files()) != 1 || lost != 1 {
		t.Errorf("%d files", len(k.files()))
	}
}

func TestOnOneMachineEveryFileGoesThroughThePage(t *testing.T) {
	k := newRig(t).open(dsar.Access, "person")
	if page := k.want(k.get(k.link()), 200); strings.Contains(page.body, "filename") {
		t.Error("the page offers another way")
	}
	k.want(k.form(k.link()+"/file", url.Values{"filename": {"a.pdf"}}), 404)
	k.want(k.get(k.link()+"/file/"+handover.NewID()), 404)
}
