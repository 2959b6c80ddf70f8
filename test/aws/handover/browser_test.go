package handover

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// patience bounds one step of a person.
const patience = 20 * time.Second

// visitor is somebody at a Chromium without JavaScript, who uses keys only.
type visitor struct {
	*site
	ctx context.Context
}

func visit(s *site) *visitor {
	s.Helper()
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	s.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocator)
	s.Cleanup(leave)
	v := &visitor{s, ctx}
	if _, err := chromedp.Run(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})); err != nil {
		s.Fatalf("starting a browser without JavaScript: %v", err)
	}
	return v
}

func read[T any](v *visitor, a chromedp.Action[T]) T {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, a)
	if err != nil {
		v.Fatal(err)
	}
	return got
}

func (v *visitor) text() string {
	v.Helper()
	return read(v, chromedp.Evaluate[string](`document.body.innerText`))
}

func (v *visitor) open(path string) {
	v.Helper()
	if r := read(v, chromedp.NavigateResponse(v.base+path)); r == nil || r.Status >= 400 {
		v.Fatalf("%s does not open", path)
	}
}

// enter goes to an element and presses Enter, which leads to another page.
func (v *visitor) enter(selector string) {
	v.Helper()
	read(v, chromedp.Focus(chromedp.CSS(selector), chromedp.NodeVisible))
	v.leave()
}

func (v *visitor) leave() {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(kb.Enter)); err != nil {
		v.Fatalf("Enter leads nowhere: %v\n%s", err, v.text())
	}
}

func (v *visitor) typed(name, value string) {
	v.Helper()
	read(v, chromedp.SendKeys(chromedp.CSS(`main [name="`+name+`"]`), value))
}

// TestAnOwnerSendsALargeFileWithKeysOnly: a browser lets the form go to the store and comes back, under the content security policy
// that the page has, and without any script.
func TestAnOwnerSendsALargeFileWithKeysOnly(t *testing.T) {
	s := newSite(t, emulator.Ministack(t).Config(t, ""))
	c, link := s.ownersTask()
	file := filepath.Join(t.TempDir(), "scan.pdf")
	s.ok(os.WriteFile(file, []byte("%PDF-1.4 "+strings.Repeat("x", 5<<20)), 0o600))
	v := visit(s)
	v.open(link)
	v.typed("filename", "letters 1998.pdf")
	v.leave() // Enter in the field sends its form
	if !strings.Contains(v.text(), "Pick the file") {
		t.Fatalf("the page does not ask for the file:\n%s", v.text())
	}
	read(v, chromedp.SetUploadFiles(chromedp.CSS(`main input[type="file"]`), []string{file}))
	v.enter(`main form button`)
	if at := read(v, chromedp.Location()); at != s.base+link || !strings.Contains(v.text(), "letters 1998.pdf") {
		t.Errorf("the way through the store ends at %s:\n%s", at, v.text())
	}
	f, err := s.set.Cases.Load(t.Context(), tenant, c.ID)
	s.ok(err)
	if up := f.Tasks[0].Owner.Uploads; len(up) != 1 || up[0].Bytes != 9+5<<20 || len(s.lying("inbox/")) != 0 {
		t.Errorf("the task has %d files, in the open lies %v", len(up), s.lying("inbox/"))
	}
}

var code = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)

// TestAPersonDownloadsWithKeysOnly: the page behind the button leads to the zip by itself.
func TestAPersonDownloadsWithKeysOnly(t *testing.T) {
	s := newSite(t, emulator.Ministack(t).Config(t, ""))
	c := s.request()
	v := visit(s)
	at := "/t/" + tenant + "/requests/" + c.Reference
	v.open(at + "/code")
	v.typed("code", s.code(c))
	v.leave()
	want := s.packed(c, 5<<20)
	v.open(at + "/download")
	if got := v.downloaded(`main form button[name="volume"]`); !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived", len(got))
	}
	if text := v.text(); !strings.Contains(text, "Your download begins") {
		t.Errorf("the page says:\n%s", text)
	}
}

// code returns the code that was mailed.
func (s *site) code(c casefile.Case) string {
	s.Helper()
	_, letters, err := s.set.Cases.Letters(s.Context(), tenant, c.ID, 100)
	s.ok(err)
	for _, l := range letters {
		if m := code.FindStringSubmatch(l.Text.Reveal()); m != nil {
			return m[1] + m[2]
		}
	}
	s.Fatal("no code was mailed")
	return ""
}

// downloaded presses Enter on an element and returns the file that arrives in the end.
func (v *visitor) downloaded(selector string) []byte {
	v.Helper()
	dir := v.TB.(*testing.T).TempDir()
	b := chromedp.FromContext(v.ctx)
	if _, err := chromedp.CallBrowser(v.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: b.BrowserContextID, DownloadPath: dir, EventsEnabled: new(true),
	}); err != nil {
		v.Fatalf("allowing a download: %v", err)
	}
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	progress := chromedp.BrowserEvents(ctx, browser.DownloadProgress)
	v.enter(selector)
	for p, err := range progress {
		switch {
		case err != nil || p.State == browser.DownloadProgressStateCanceled:
			v.Fatalf("the download broke off: %v\n%s", err, v.text())
		case p.State == browser.DownloadProgressStateCompleted:
			raw, err := os.ReadFile(filepath.Join(dir, p.GUID))
			v.ok(err)
			return raw
		}
	}
	v.Fatal("the download never ended")
	return nil
}
