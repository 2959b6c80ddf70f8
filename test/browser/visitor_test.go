package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// visitor is a person at a browser of her own: nobody else's cookies, and no JavaScript.
type visitor struct {
	*testkit.Site
	ctx  context.Context
	last int64 // status of the page she is on
}

func visit(s *testkit.Site) *visitor {
	s.Helper()
	ctx, leave := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	s.Cleanup(leave)
	v := &visitor{Site: s, ctx: ctx}
	v.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	v.screen(1280, "light")
	return v
}

// call makes an action of a command of the protocol.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// read runs one action with a person's patience.
func read[T any](v *visitor, a chromedp.Action[T]) T {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	// The first action binds the tab to its context, which therefore has no limit of time.
	if chromedp.FromContext(v.ctx).Target == nil {
		ctx = v.ctx
	}
	got, err := chromedp.Run(ctx, a)
	if err != nil {
		v.Fatalf("at %s: %v", v.where(), err)
	}
	return got
}

func (v *visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	for _, step := range steps {
		read(v, step)
	}
}

// where says which page this is, as far as that can be told; it is used when something else went wrong.
func (v *visitor) where() string {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "a page that does not answer"
	}
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	return at + "\n" + text + "\n"
}

func (v *visitor) location() string { v.Helper(); return read(v, chromedp.Location()) }

func (v *visitor) text() string {
	v.Helper()
	return read(v, chromedp.Evaluate[string](`document.body.innerText`))
}

// want fails the test unless a person reads all of the words on the page.
func (v *visitor) want(words ...string) *visitor {
	v.Helper()
	text := v.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			v.Fatalf("%s does not say %q:\n%s", v.location(), w, text)
		}
	}
	return v
}

// status fails the test unless the page came with the status.
func (v *visitor) status(want int64) *visitor {
	v.Helper()
	if v.last != want {
		v.Fatalf("%s has status %d, want %d:\n%s", v.location(), v.last, want, v.text())
	}
	return v
}

// open goes to an address: a path of the site or a whole one.
func (v *visitor) open(target string) *visitor {
	v.Helper()
	if strings.HasPrefix(target, "/") {
		target = v.URL + target
	}
	v.arrive(read(v, chromedp.NavigateResponse(target)))
	return v
}

// reload looks at the same page again.
func (v *visitor) reload() *visitor { v.Helper(); return v.open(v.location()) }

func (v *visitor) arrive(r *network.Response) {
	v.last = 0
	if r != nil {
		v.last = r.Status
	}
}

// leave runs the steps, which lead to another page, and waits until it is there.
func (v *visitor) leave(steps ...chromedp.Action[chromedp.Void]) *visitor {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	r, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		v.Fatalf("leaving %s: %v", v.where(), err)
	}
	v.arrive(r)
	return v
}

func containing(tag, words string) chromedp.Search {
	//nolint:misspell // as XPath spells it
	return chromedp.Search(`//main//` + tag + `[contains(normalize-space(.), "` + words + `")] | //header//` + tag + `[contains(normalize-space(.), "` + words + `")]`)
}

// press presses the button with the words.
func (v *visitor) press(words string) *visitor {
	v.Helper()
	return v.leave(chromedp.Click(containing("button", words), chromedp.NodeVisible))
}

// follow clicks the link with the words.
func (v *visitor) follow(words string) *visitor {
	v.Helper()
	return v.leave(chromedp.Click(containing("a", words), chromedp.NodeVisible))
}

// fill types into the field of the name, in place of what stands there.
func (v *visitor) fill(name, text string) *visitor {
	v.Helper()
	field := chromedp.CSS(`main [name="` + name + `"]`)
	v.do(chromedp.Focus(field, chromedp.NodeVisible), chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent(text))
	return v
}

// pick chooses from a list.
func (v *visitor) pick(name, value string) *visitor {
	v.Helper()
	v.do(chromedp.SetValue(chromedp.CSS(`main select[name="`+name+`"]`), value))
	return v
}

// choose clicks the label of an answer.
func (v *visitor) choose(name, value string) *visitor {
	v.Helper()
	v.do(chromedp.Click(chromedp.CSS(`main div:has(> input[name="`+name+`"][value="`+value+`"]) > label`), chromedp.NodeVisible))
	return v
}

// key presses a key without looking where it goes.
func (v *visitor) key(keys string) *visitor {
	v.Helper()
	v.do(chromedp.KeyEvent(keys))
	return v
}

// download presses the button with the words and returns the file that arrives.
func (v *visitor) download(click chromedp.Action[chromedp.Void]) []byte {
	v.Helper()
	dir := v.TB.(*testing.T).TempDir()
	b := chromedp.FromContext(v.ctx)
	_, err := chromedp.CallBrowser(v.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: b.BrowserContextID, DownloadPath: dir, EventsEnabled: new(true),
	})
	if err != nil {
		v.Fatalf("allowing a download: %v", err)
	}
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	progress := chromedp.BrowserEvents(ctx, browser.DownloadProgress)
	v.do(click)
	for p, err := range progress {
		switch {
		case err != nil:
			v.Fatalf("waiting for a download at %s: %v", v.where(), err)
		case p.State == browser.DownloadProgressStateCanceled:
			v.Fatalf("the download at %s broke off", v.where())
		case p.State != browser.DownloadProgressStateCompleted:
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, p.GUID))
		if err != nil {
			v.Fatalf("reading a download: %v", err)
		}
		return raw
	}
	v.Fatal("the download never ended")
	return nil
}

// tab presses Tab until the element that the selector names has the focus. Each stop on the way must be visible as one.
func (v *visitor) tab(to string) *visitor {
	v.Helper()
	const stops = 40
	for range stops {
		v.key(kb.Tab)
		at := read(v, chromedp.Evaluate[focus](focused(to)))
		if at.There && at.Ring < 3 {
			v.Fatalf("%s: the focus on %s cannot be seen (%v px)", v.location(), at.What, at.Ring)
		}
		if at.There {
			return v
		}
	}
	v.Fatalf("%s: %d tabs do not lead to %s", v.location(), stops, to)
	return v
}

// focus is what has it.
type focus struct {
	There bool    `json:"there"` // it is the element that was looked for
	What  string  `json:"what"`
	Ring  float64 `json:"ring"` // width of the ring around it, in pixels
}

func focused(selector string) string {
	return `(() => { const e = document.activeElement, s = getComputedStyle(e)
		return {there: e.matches(` + "`" + selector + "`" + `), what: e.outerHTML.slice(0, 80), ring: s.outlineStyle === 'none' ? 0 : parseFloat(s.outlineWidth)} })()`
}
