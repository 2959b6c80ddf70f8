package testkit

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Browser is a person's browser without JavaScript: it keeps cookies, follows redirects, those of a page too, and submits forms as
// they stand in the page.
type Browser struct {
	site *Site
	http *http.Client
}

// Browser returns a browser that has been nowhere yet.
func (s *Site) Browser() *Browser {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &Browser{s, &http.Client{Jar: jar, Transport: s.HTTP.Transport, Timeout: s.HTTP.Timeout}}
}

// Page is a page with its forms.
type Page struct {
	Answer
	URL     *url.URL
	browser *Browser
	root    *html.Node
}

// Get opens a page.
func (b *Browser) Get(target string) *Page {
	b.site.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.site.URL + target
	}
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		b.site.Fatal(err)
	}
	return b.do(req)
}

func (b *Browser) do(req *http.Request) *Page {
	b.site.Helper()
	req.Header.Set("Accept-Language", "en")
	res, err := b.http.Do(req)
	if err != nil {
		b.site.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.site.Fatal(err)
	}
	p := &Page{Answer{b.site, req.Method + " " + req.URL.Path, res.StatusCode, res.Header, raw}, res.Request.URL, b, nil}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if p.root, err = html.Parse(strings.NewReader(string(raw))); err != nil {
			b.site.Fatal(err)
		}
	}
	if after, target, ok := p.refresh(); ok {
		if time.Sleep(after); p.Status != http.StatusOK {
			b.site.Fatalf("%s (%d) leads on by itself", p.What, p.Status)
		}
		return b.Get(target)
	}
	return p
}

// refresh returns where a page leads by itself, and after how long.
func (p *Page) refresh() (after time.Duration, target string, ok bool) {
	p.Site.Helper()
	walk(p.root, func(n *html.Node) {
		if n.Data != "meta" || attr(n, "http-equiv") != "refresh" {
			return
		}
		seconds, to, found := strings.Cut(attr(n, "content"), "; url=")
		s, err := strconv.Atoi(seconds)
		if !found || err != nil || s < 0 || s > 60 {
			p.Site.Fatalf("%s leads on by %q", p.What, attr(n, "content"))
		}
		after, target, ok = time.Duration(s)*time.Second, p.resolve(to), true
	})
	return after, target, ok
}

// Want fails the test unless the page has the status.
func (p *Page) Want(status int) *Page {
	p.Site.Helper()
	p.Answer.Want(status)
	return p
}

// Text returns what a person reads on the page.
func (p *Page) Text() string {
	var b strings.Builder
	walk(p.root, func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(strings.TrimSpace(n.Data) + " ")
		}
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// Link returns where the link with the words leads.
func (p *Page) Link(words string) string {
	p.Site.Helper()
	found := ""
	walk(p.root, func(n *html.Node) {
		if n.Data == "a" && found == "" && strings.Contains(text(n), words) {
			found = attr(n, "href")
		}
	})
	if found == "" {
		p.Site.Fatalf("%s has no link %q:\n%s", p.What, words, p.Text())
	}
	return p.resolve(found)
}

func (p *Page) resolve(ref string) string {
	p.Site.Helper()
	u, err := p.URL.Parse(ref)
	if err != nil {
		p.Site.Fatal(err)
	}
	return u.String()
}

// Form is a form of a page with what stands in it.
type Form struct {
	page   *Page
	action string
	method string
	Fields url.Values
	Origin string // where the browser says that the form was; the site itself unless it is set
	known  map[string]bool
}

// Form returns the form whose action ends with the words, or that has a field of that name.
func (p *Page) Form(words string) *Form {
	p.Site.Helper()
	var found *Form
	walk(p.root, func(n *html.Node) {
		if n.Data != "form" || found != nil {
			return
		}
		f := p.form(n)
		if strings.HasSuffix(f.action, words) || f.known[words] {
			found = f
		}
	})
	if found == nil {
		p.Site.Fatalf("%s (%d) has no form %q:\n%s", p.What, p.Status, words, p.Text())
	}
	return found
}

func (p *Page) form(n *html.Node) *Form {
	p.Site.Helper()
	action := attr(n, "action")
	f := &Form{page: p, action: p.resolve(action), method: strings.ToUpper(attr(n, "method")), Fields: url.Values{}, known: map[string]bool{}}
	walk(n, func(e *html.Node) {
		name := attr(e, "name")
		if name == "" || e.Type != html.ElementNode {
			return
		}
		switch e.Data {
		case "input":
			f.known[name] = true
			switch attr(e, "type") {
			case "radio", "checkbox":
				if has(e, "checked") {
					f.Fields.Add(name, attr(e, "value"))
				}
			case "submit":
			default:
				f.Fields.Add(name, attr(e, "value"))
			}
		case "textarea":
			f.known[name] = true
			f.Fields.Add(name, text(e))
		case "select":
			f.known[name] = true
			f.Fields.Add(name, selected(e))
		case "button":
			f.known[name] = true
		}
	})
	return f
}

// Submit fills in the fields and sends the form. A field that the form does not have fails the test.
func (f *Form) Submit(fields map[string]string) *Page {
	s := f.page.Site
	s.Helper()
	for name, v := range fields {
		if !f.known[name] {
			s.Fatalf("the form %s has no field %s: %v", f.action, name, Keys(f.known))
		}
		f.Fields.Set(name, v)
	}
	method, target, body := f.method, f.action, ""
	if method == http.MethodPost {
		body = f.Fields.Encode()
	} else {
		method = http.MethodGet
		target += "?" + f.Fields.Encode()
	}
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Origin", s.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if f.Origin != "" {
		req.Header.Set("Origin", f.Origin)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	return f.page.browser.do(req)
}

func selected(n *html.Node) string {
	value, first := "", true
	walk(n, func(o *html.Node) {
		if o.Data != "option" {
			return
		}
		if first || has(o, "selected") {
			value = attr(o, "value")
		}
		first = false
	})
	return value
}

func walk(n *html.Node, visit func(*html.Node)) {
	if n == nil {
		return
	}
	for d := range n.Descendants() {
		visit(d)
	}
}

func text(n *html.Node) string {
	var b strings.Builder
	walk(n, func(d *html.Node) {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	})
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
