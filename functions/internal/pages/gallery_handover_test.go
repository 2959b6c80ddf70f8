package pages

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

const signed = "https://delivery.s3.eu-west-1.amazonaws.com/delivery/0a1b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261210%2Feu-west-1%2Fs3%2Faws4_request&response-content-disposition=attachment%3B%20filename%3D%22a.zip%22"

func handOverPages() map[string]page {
	preparing := PortalPreparing{
		Frame: signedIn(), Reference: "7K3QX-9M2DA", Number: 1, Of: 2, Bytes: 1_073_741_824, Refresh: Refresh{Seconds: 5, URL: "/t/default/d/x?volume=1"}, RequestURL: "/t/default/requests",
	}
	late := preparing
	late.Of, late.Retry = 1, Form{Action: "/t/default/d/x", Hidden: []Hidden{{"volume", "1"}}}
	owner := ownerTask().Frame
	large := ownerTask()
	large.Action, large.LargeForm, large.Filename, large.Errors = dsar.ReadOut, Form{Action: "/owner/x/file"}, "<film>.exe", testErrors("filename", BadKind)
	large.Limits.Once = 4 << 20
	return map[string]page{
		"portal-preparing":      func(r *Renderer, w io.Writer) error { return r.PortalPreparing(w, preparing) },
		"portal-preparing-late": func(r *Renderer, w io.Writer) error { return r.PortalPreparing(w, late) },
		"portal-handed-over": func(r *Renderer, w io.Writer) error {
			return r.PortalHandedOver(w, PortalHandedOver{Frame: signedIn(), Reference: "7K3QX-9M2DA", Number: 2, Of: 2, Bytes: 912, URL: signed, ExpiresAt: at(12, 10, 14, 10), RequestURL: "/t/default/requests"})
		},
		"console-preparing": func(r *Renderer, w io.Writer) error {
			return r.ConsolePreparing(w, ConsolePreparing{ConsoleFrame: testConsoleFrame(SectionCases), Reference: "2F8KW-00QRD", Bytes: 1_073_741_824, Refresh: Refresh{Seconds: 5, URL: "/console/cases/1/package/1?delivery=x"}, BackURL: "/console/cases/1"})
		},
		"owner-task-large": func(r *Renderer, w io.Writer) error { return r.OwnerTask(w, large) },
		"owner-file-pick": func(r *Renderer, w io.Writer) error {
			return r.OwnerFilePick(w, OwnerFilePick{
				Frame: owner, Reference: "7K3QX-9M2DA", Name: "card <1>.pdf", Limit: 200 << 20, Kinds: ".pdf,.csv", ExpiresAt: at(12, 10, 14, 10), BackURL: "/owner/x",
				Form: Form{Action: "https://inbox.s3.eu-west-1.amazonaws.com/", Hidden: []Hidden{{"key", "inbox/0a1b"}, {"policy", "eyJ9=="}}},
			})
		},
		"owner-file-wait": func(r *Renderer, w io.Writer) error {
			return r.OwnerFileWait(w, OwnerFileWait{Frame: owner, Reference: "7K3QX-9M2DA", Refresh: Refresh{Seconds: 5, URL: "/owner/x/file/0a1b"}, BackURL: "/owner/x"})
		},
		"owner-file-wait-missing": func(r *Renderer, w io.Writer) error {
			return r.OwnerFileWait(w, OwnerFileWait{Frame: owner, Reference: "7K3QX-9M2DA", Missing: true, BackURL: "/owner/x"})
		},
	}
}

// TestSignedAddressesStayAsTheyAre: one changed character, and the store refuses them.
func TestSignedAddressesStayAsTheyAre(t *testing.T) {
	doc, err := html.Parse(bytes.NewReader(renderAll(t)["portal-handed-over"]))
	if err != nil {
		t.Fatal(err)
	}
	var links, refreshes []string
	walk(doc, func(n *html.Node) {
		switch {
		case n.Data == "a" && strings.HasPrefix(attr(n, "href"), "https://delivery"):
			links = append(links, attr(n, "href"))
		case n.Data == "meta" && attr(n, "http-equiv") == "refresh":
			refreshes = append(refreshes, attr(n, "content"))
		}
	})
	if !slices.Equal(links, []string{signed}) || !slices.Equal(refreshes, []string{"0; url=" + signed}) {
		t.Errorf("the page leads to %q and %q", links, refreshes)
	}
}

// TestTheFileIsTheLastField: S3 ignores what follows it (Amazon S3 API Reference, "POST Object").
func TestTheFileIsTheLastField(t *testing.T) {
	doc, err := html.Parse(bytes.NewReader(renderAll(t)["owner-file-pick"]))
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	walk(doc, func(n *html.Node) {
		if n.Data == "input" {
			fields = append(fields, attr(n, "name"))
		}
	})
	if !slices.Equal(fields, []string{"key", "policy", "file"}) {
		t.Errorf("the form carries %q", fields)
	}
}

// TestOnlyPagesThatWaitLookAgain: nothing else moves under a reader's eyes (WCAG 2.2, success criterion 3.2.5).
func TestOnlyPagesThatWaitLookAgain(t *testing.T) {
	waiting := []string{"portal-preparing", "portal-preparing-late", "portal-handed-over", "console-preparing", "owner-file-wait"}
	for name, body := range renderAll(t) {
		if bytes.Contains(body, []byte("http-equiv=\"refresh\"")) != slices.Contains(waiting, name) {
			t.Errorf("%s looks again by itself: %t", name, !slices.Contains(waiting, name))
		}
	}
}
