package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// maxPage is how much a page may weigh with its stylesheet, in bytes.
const maxPage = 50_000

// screen is a size and a colour scheme a page is looked at with.
type screen struct {
	width  int64
	scheme string
	axe    bool // axe looks too; between the smallest and the largest nothing new appears
}

var screens = []screen{
	{320, "light", true}, {320, "dark", true}, {768, "light", false}, {768, "dark", false}, {1280, "light", true}, {1280, "dark", true},
}

func (v *visitor) screen(width int64, scheme string) {
	v.Helper()
	v.do(chromedp.EmulateViewport(width, 900), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}, //nolint:misspell // as CSS spells it
	}))
}

// look holds the page to what holds for every page, and keeps pictures of it under the name.
func (v *visitor) look(name string) *visitor {
	v.Helper()
	for _, fault := range v.inspect(name) {
		v.Errorf("%s (%s): %s", name, v.location(), fault)
	}
	return v
}

// inspect returns what is wrong with the page.
func (v *visitor) inspect(name string) []string {
	v.Helper()
	var faults []string
	if n := read(v, chromedp.Evaluate[int](`performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
		.reduce((sum, e) => sum + e.decodedBodySize, 0)`)); n > maxPage {
		faults = append(faults, fmt.Sprintf("it weighs %d bytes", n))
	}
	for _, s := range screens {
		v.screen(s.width, s.scheme)
		for _, f := range v.inspectAt(s, name) {
			faults = append(faults, fmt.Sprintf("at %d px, %s: %s", s.width, s.scheme, f))
		}
	}
	v.screen(640, "light")
	v.do(chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = '200%'`))
	for _, over := range v.hanging() {
		faults = append(faults, "with text twice as large: "+over)
	}
	v.do(chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = ''`))
	v.screen(1280, "light")
	return faults
}

func (v *visitor) inspectAt(s screen, name string) []string {
	v.Helper()
	faults := v.hanging()
	if s.axe {
		faults = append(faults, v.axe()...)
	}
	v.picture(filepath.Join(pictures, fmt.Sprintf("%s-%d-%s.png", name, s.width, s.scheme)))
	return faults
}

func (v *visitor) picture(path string) {
	v.Helper()
	if err := os.WriteFile(path, read(v, chromedp.FullScreenshot(100)), 0o644); err != nil {
		v.Fatalf("keeping a picture: %v", err)
	}
}

// hanging returns what reaches over the right edge. A picture for the committed folder is never taken of such a page.
func (v *visitor) hanging() []string {
	v.Helper()
	return read(v, chromedp.Evaluate[[]string](`(() => { const w = document.documentElement.clientWidth
		if (document.documentElement.scrollWidth <= w) return []
		return [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > w + 1).slice(0, 3)
			.map(e => 'reaches over the edge: ' + e.outerHTML.slice(0, 120)).concat(['is ' + document.documentElement.scrollWidth + ' px wide']) })()`))
}

// axe returns what axe-core finds. It runs through the protocol, where neither the policy of the page nor the switched-off
// scripts hinder it.
func (v *visitor) axe() []string {
	v.Helper()
	enable := func(on bool) {
		v.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
	}
	enable(true)
	defer enable(false)
	v.do(chromedp.Evaluate[chromedp.Void](axe + ";0"))
	raw := read(v, chromedp.Evaluate[string](`axe.run(document, {preload: false, resultTypes: ['violations'], runOnly: {type: 'tag',
		values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}}).then(r => JSON.stringify({rules: r.passes.length,
		violations: r.violations.map(v => ({id: v.id, help: v.help, at: v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary)}))}))`, chromedp.EvalAwaitPromise))
	var found struct {
		Rules      int
		Violations []struct {
			ID, Help string
			At       []string
		}
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		v.Fatalf("reading what axe says: %v", err)
	}
	var faults []string
	if found.Rules < 5 {
		faults = append(faults, fmt.Sprintf("axe tried only %d rules", found.Rules))
	}
	for _, f := range found.Violations {
		faults = append(faults, f.ID+": "+f.Help+"\n\t"+strings.Join(f.At, "\n\t"))
	}
	return faults
}

// What the rules are there to find is found.
func TestTheRulesBite(t *testing.T) {
	v := visit(kit.Start(t))
	bad := `<!doctype html><html><head><title></title></head><body><img src="x"><p style="opacity:.3">faint</p>
		<input><div style="width:400px;font-size:2rem">unbreakably-long-and-wide</div><!--` + strings.Repeat("x", maxPage) + `--></body></html>`
	path := filepath.Join(t.TempDir(), "bad.html")
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	v.open("file://" + path)
	all := strings.Join(v.inspect("bad"), "\n")
	for _, want := range []string{"it weighs", "contrast", "image-alt", "html-has-lang", "document-title", "label", "at 320 px, dark: reaches over the edge"} {
		if !strings.Contains(all, want) {
			t.Errorf("the rules do not find %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "at 1280 px, light: reaches over") {
		t.Error("something reaches over the edge of a wide screen")
	}
}

// publish keeps a picture for the README when -update is given, and otherwise holds the one that is there to its size.
func (v *visitor) publish(name string, width, height int64) {
	v.Helper()
	const most = 150_000
	path := filepath.Join("screens", name+".png")
	if *update {
		v.do(chromedp.EmulateViewport(width, height))
		raw := read(v, chromedp.CaptureScreenshot())
		v.screen(1280, "light")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			v.Fatalf("keeping a picture: %v", err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		v.Fatalf("reading a picture of the README: %v", err)
	}
	if len(raw) > most || !bytes.HasPrefix(raw, []byte("\x89PNG")) {
		v.Errorf("%s is no PNG of at most %d bytes", path, most)
	}
}
