package pages

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

const largestPage = 50_000

// walk visits the elements below n in document order.
func walk(n *html.Node, visit func(*html.Node)) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode {
			visit(c)
		}
		walk(c, visit)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func inside(n *html.Node, tag string) bool {
	for a := range n.Ancestors() {
		if a.Data == tag {
			return true
		}
	}
	return false
}

func renderAll(t *testing.T) map[string][]byte {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for name, page := range gallery() {
		var b bytes.Buffer
		if err := page(r, &b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b.Bytes()
	}
	return out
}

func eachPage(t *testing.T, check func(t *testing.T, doc *html.Node)) {
	t.Helper()
	for name, body := range renderAll(t) {
		t.Run(name, func(t *testing.T) {
			doc, err := html.Parse(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			check(t, doc)
		})
	}
}

// TestGalleryHasEveryPage compares the methods of Renderer with the names in the gallery: PortalStart is portal-start.
func TestGalleryHasEveryPage(t *testing.T) {
	capital := regexp.MustCompile(`[A-Z]`)
	for method := range reflect.TypeFor[*Renderer]().Methods() {
		if method.Type.In(1) != reflect.TypeFor[io.Writer]() {
			continue // it writes no page
		}
		name := strings.TrimPrefix(capital.ReplaceAllStringFunc(method.Name, func(c string) string { return "-" + strings.ToLower(c) }), "-")
		if gallery()[name] == nil {
			t.Errorf("no page %s in the gallery", name)
		}
	}
}

func TestPagesAreSmallAndWhole(t *testing.T) {
	for name, body := range renderAll(t) {
		if len(body) >= largestPage {
			t.Errorf("%s has %d bytes, want fewer than %d", name, len(body), largestPage)
		}
		for _, bad := range []string{"<no value>", "ZgotmplZ", "{{", "%!", "[redacted]"} {
			if bytes.Contains(body, []byte(bad)) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
		if !bytes.HasPrefix(body, []byte("<!doctype html>")) || !bytes.HasSuffix(bytes.TrimSpace(body), []byte("</html>")) {
			t.Errorf("%s is not a whole document", name)
		}
	}
}

// TestPagesNeedNoException holds the promise of the package comment: nothing that a strict content security policy forbids.
func TestPagesNeedNoException(t *testing.T) {
	eachPage(t, func(t *testing.T, doc *html.Node) {
		walk(doc, func(n *html.Node) {
			if slices.Contains([]string{"script", "style", "iframe", "object", "embed", "base", "img"}, n.Data) {
				t.Errorf("element %s", n.Data)
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("attribute %s on %s", a.Key, n.Data)
				}
			}
			if n.Data == "link" && !strings.HasPrefix(attr(n, "href"), AssetPath) {
				t.Errorf("loads %s", attr(n, "href"))
			}
		})
	})
}

func TestPagesHaveOneOutline(t *testing.T) {
	eachPage(t, func(t *testing.T, doc *html.Node) {
		var title, heading string
		ones, mains, level := 0, 0, 0
		walk(doc, func(n *html.Node) {
			switch n.Data {
			case "html":
				if attr(n, "lang") == "" {
					t.Error("no language")
				}
			case "title":
				if n.Namespace == "" {
					title = text(n)
				}
			case "main":
				mains++
			case "h1", "h2", "h3", "h4":
				now := int(n.Data[1] - '0')
				if now == 1 {
					ones++
					heading = text(n)
				}
				if now > level+1 {
					t.Errorf("heading %q jumps from level %d to %d", text(n), level, now)
				}
				level = now
			}
		})
		if ones != 1 || mains != 1 {
			t.Errorf("%d h1 and %d main, want one of each", ones, mains)
		}
		if title == "" || heading == "" {
			t.Errorf("title %q, heading %q", title, heading)
		}
	})
}

func TestFieldsHaveLabels(t *testing.T) {
	eachPage(t, func(t *testing.T, doc *html.Node) {
		labels := map[string]bool{}
		walk(doc, func(n *html.Node) {
			if n.Data == "label" && text(n) != "" {
				labels[attr(n, "for")] = true
			}
		})
		walk(doc, func(n *html.Node) {
			switch n.Data {
			case "input", "select", "textarea":
				if attr(n, "type") != "hidden" && !labels[attr(n, "id")] {
					t.Errorf("%s %s has no label", n.Data, attr(n, "name"))
				}
				if attr(n, "name") == "" || !inside(n, "form") {
					t.Errorf("%s %q has no name or no form", n.Data, attr(n, "id"))
				}
			case "button":
				if text(n) == "" || !inside(n, "form") {
					t.Errorf("button %q in a form: %t", text(n), inside(n, "form"))
				}
			case "form":
				if attr(n, "action") == "" || attr(n, "method") == "" || inside(n, "form") {
					t.Errorf("form to %q by %q", attr(n, "action"), attr(n, "method"))
				}
			}
		})
	})
}

func TestThingsHaveNames(t *testing.T) {
	eachPage(t, func(t *testing.T, doc *html.Node) {
		walk(doc, func(n *html.Node) {
			switch n.Data {
			case "a":
				if attr(n, "href") == "" || text(n) == "" {
					t.Errorf("link %q to %q", text(n), attr(n, "href"))
				}
			case "th":
				if attr(n, "scope") == "" {
					t.Errorf("head cell %q has no scope", text(n))
				}
			case "table", "section", "nav", "aside":
				if attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" {
					t.Errorf("%s has no name", n.Data)
				}
			case "time":
				if attr(n, "datetime") == "" {
					t.Errorf("time %q has no datetime", text(n))
				}
			}
		})
	})
}

func TestReferencesHold(t *testing.T) {
	eachPage(t, func(t *testing.T, doc *html.Node) {
		ids := map[string]bool{}
		walk(doc, func(n *html.Node) {
			id := attr(n, "id")
			if id == "" {
				return
			}
			if ids[id] {
				t.Errorf("id %s twice", id)
			}
			ids[id] = true
		})
		walk(doc, func(n *html.Node) {
			wanted := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby") + " " + attr(n, "for"))
			if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
				wanted = append(wanted, to)
			}
			for _, id := range wanted {
				if !ids[id] {
					t.Errorf("%s refers to %s, which is not there", n.Data, id)
				}
			}
		})
	})
}

// TestErrorsAreSaidTwice checks that a page with a problem announces it in the title, in a summary that takes the focus, and
// at the field.
func TestErrorsAreSaidTwice(t *testing.T) {
	body := renderAll(t)["portal-who-error"]
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	summary, invalid := false, []string{}
	walk(doc, func(n *html.Node) {
		if attr(n, "role") == "alert" {
			summary = slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "autofocus" })
		}
		if attr(n, "aria-invalid") == "true" {
			invalid = append(invalid, attr(n, "id"))
		}
		if n.Data == "title" && !strings.HasPrefix(text(n), "Error:") {
			t.Errorf("title %q", text(n))
		}
	})
	if !summary || !slices.Equal(invalid, []string{"email", "details"}) {
		t.Errorf("summary with focus: %t; invalid fields: %v", summary, invalid)
	}
}

func TestValuesAreEscaped(t *testing.T) {
	all := renderAll(t)
	for page, want := range map[string]string{
		"portal-who-error": "&lt;/textarea&gt;&lt;b&gt;x</textarea>",
		"portal-request":   "&lt;b&gt;Thank you&lt;/b&gt; &amp; regards",
	} {
		if !bytes.Contains(all[page], []byte(want)) {
			t.Errorf("%s does not contain %s", page, want)
		}
	}
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	m := PortalStart{Frame: testFrame(), StartURL: "javascript:alert(1)", HaveURL: "/"}
	if err := r.PortalStart(&b, m); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "javascript:") {
		t.Error("a link with a script scheme was written")
	}
}

type failingWriter struct{ writes int }

var errClosed = errors.New("closed")

func (f *failingWriter) Write([]byte) (int, error) { f.writes++; return 0, errClosed }

func TestPageIsWrittenWholeOrNotAtAll(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	bad := PortalRequest{Frame: testFrame(), Right: dsar.Access, Status: dsar.InProgress, Systems: []SystemProgress{{Name: "Shop", Outcome: "maybe"}}}
	if err := r.PortalRequest(&b, bad); err == nil || b.Len() != 0 {
		t.Errorf("an outcome that does not exist gave %d bytes and error %v", b.Len(), err)
	}
	f := &failingWriter{}
	err = r.RateLimited(f, RateLimited{Frame: testFrame()})
	if !errors.Is(err, errClosed) || f.writes != 1 {
		t.Errorf("after %d writes: %v", f.writes, err)
	}
	b.Reset()
	if err := r.ErrorPage(&b, ErrorPage{Frame: Frame{}, Status: 500, Class: "no such class"}); err != nil || b.Len() == 0 {
		t.Errorf("the error page itself failed: %v", err)
	}
}

func TestRendererIsSafeForConcurrentUse(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for name, page := range gallery() {
		wg.Go(func() {
			if err := page(r, io.Discard); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
}
