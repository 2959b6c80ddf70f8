package pages

import (
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

var galleryDir = flag.String("gallery", "", "write every page of the gallery, and the assets, into this directory")

// zone is a fixed one, so that the tests need no time zone database.
var zone = time.FixedZone("CET", 3600)

func at(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, zone)
}

func testFrame() Frame {
	return Frame{
		Lang: "en-GB,en;q=0.9", TenantName: "Harbour Lane Shop", HomeURL: "/t/default/", Now: at(12, 10, 14, 5),
		Contact: Contact{Email: "privacy@shop.example.com", AuthorityName: "Commissioner for Data Protection", AuthorityURL: "https://authority.example.com/complain"},
	}
}

func signedIn() Frame {
	f := testFrame()
	f.Session = &Session{Name: "7K3QX-9M2DA", SignOut: Form{Action: "/t/default/leave"}}
	return f
}

func demoFrame() Frame {
	f := testFrame()
	f.Demo, f.ManualClock, f.MailboxURL = true, true, "/dev/mailbox"
	return f
}

func testClock() Clock {
	return Clock{
		ReceivedAt: at(11, 20, 9, 12), DueAt: at(12, 22, 23, 59),
		Stops: []Stop{{From: at(11, 24, 10, 0), To: at(11, 26, 16, 30), Why: "We asked which of two accounts is yours."}},
	}
}

func testDue() Due {
	return Due{At: at(12, 22, 23, 59), Law: "One month after receipt, GDPR Art. 12(3)"}
}

func testSteps() []Step {
	return []Step{
		{Text: "Your request reached us on Friday 20 November 2026.", At: at(11, 20, 9, 12)},
		{Text: "The answer is due within one month of that day.", Citation: "GDPR Art. 12(3); Regulation 1182/71 Art. 3"},
		{Text: "The clock stood still for two days while we waited for your answer.", Citation: "EDPB Guidelines 01/2022, para. 158"},
		{Text: "The last day is", At: at(12, 22, 23, 59)},
	}
}

func testSystems() []SystemProgress {
	return []SystemProgress{
		{Name: "Shop database", Owner: "Web team", Outcome: dsar.Found, Records: 1841, Since: at(11, 26, 17, 2), Collections: []CollectionProgress{
			{Name: "customers", Outcome: dsar.Found, Records: 1},
			{Name: "orders", Outcome: dsar.Found, Records: 1839},
			{Name: "invoices", Outcome: dsar.Retained, Because: dsar.Keep, Records: 1, Why: "Invoices are kept for ten years by tax law."},
			{Name: "newsletter", Outcome: dsar.NothingHeld},
		}},
		{Name: "Support desk", Outcome: dsar.NothingHeld, Since: at(11, 26, 17, 3)},
		{Name: "Parcel service", Progress: Waiting, Since: at(12, 9, 3, 15), Why: "It has not been reachable since Wednesday morning. We ask again every fifteen minutes."},
		{Name: "Paper archive", Owner: "Front office", Progress: ForPerson, Since: at(11, 26, 17, 5)},
		{Name: "Old shop", Outcome: dsar.Ambiguous, Since: at(11, 26, 17, 6)},
		{Name: "Analytics", Outcome: dsar.Unsupported, Since: at(11, 26, 17, 6)},
		{Name: "Bookkeeping", Outcome: dsar.Retained, Because: dsar.Hold, Records: 12, Since: at(11, 26, 17, 8)},
	}
}

func doneSystems() []SystemProgress {
	return []SystemProgress{testSystems()[0], testSystems()[1]}
}

func testMessages() []Message {
	return []Message{
		{From: FromSystem, At: at(11, 20, 9, 13), Text: "We have your request for a copy of your data.", URL: "/t/default/requests/7K3QX-9M2DA/letters/1"},
		{From: FromTeam, Name: "Jo Park", At: at(11, 24, 10, 0), Text: "Two accounts carry your name.\nIs the one with orders to Mill Road yours?"},
		{From: FromSubject, At: at(11, 26, 16, 30), Text: "Yes, Mill Road is mine. <b>Thank you</b> & regards"},
	}
}

func testErrors(field string, p Problem) Errors { return Errors{{Field: field, Problem: p}} }

func noticePages() map[string]page {
	told := NoticePage{
		Frame: testFrame(), Form: Form{Action: "/t/default/notices/x", Hidden: []Hidden{{"revision", "1"}}}, Controller: "Harbour Lane Shop Ltd, 1 Example Street", Reference: "7K3QX-9M2DA",
		Person: []Fact{{"email", "ada.marlow@example.com"}}, Lines: []NoticeLine{
			{System: "shop", What: dsar.Erased, At: at(12, 9, 11, 0)}, {System: "crm", What: dsar.Corrected, At: at(12, 9, 11, 5), Fields: []Fact{{"name", "Ada <Marlow>"}}}, {System: "desk", What: dsar.Restricted, At: at(12, 9, 11, 6)},
		}, Newer: true,
	}
	confirmed := told
	confirmed.Confirmed, confirmed.Newer = true, false
	return map[string]page{
		"notice-page":           func(r *Renderer, w io.Writer) error { return r.NoticePage(w, told) },
		"notice-page-confirmed": func(r *Renderer, w io.Writer) error { return r.NoticePage(w, confirmed) },
		"notice-gone":           func(r *Renderer, w io.Writer) error { return r.NoticeGone(w, NoticeGone{testFrame()}) },
	}
}

func startPages() map[string]page {
	rights := dsar.Rights()
	return map[string]page{
		"landing": func(r *Renderer, w io.Writer) error {
			return r.Landing(w, Landing{Frame: Frame{Lang: "en"}, Tenants: []TenantLink{{"Harbour Lane Shop", "/t/default/"}, {"Kite Club", "/t/kites/"}}})
		},
		"landing-unknown": func(r *Renderer, w io.Writer) error {
			return r.Landing(w, Landing{Frame: Frame{Lang: "xx-invalid-;;"}, Unknown: true})
		},
		"portal-start": func(r *Renderer, w io.Writer) error {
			return r.PortalStart(w, PortalStart{Frame: demoFrame(), Rights: rights, StartURL: "/t/default/right", HaveURL: "/t/default/find"})
		},
		"portal-right": func(r *Renderer, w io.Writer) error {
			return r.PortalRight(w, PortalRight{Frame: testFrame(), Form: Form{Action: "/t/default/who"}, Rights: rights, Right: dsar.Access, BackURL: "/t/default/"})
		},
		"portal-right-error": func(r *Renderer, w io.Writer) error {
			return r.PortalRight(w, PortalRight{Frame: testFrame(), Form: Form{Action: "/t/default/who"}, Rights: rights[:3], Errors: testErrors("right", Missing)})
		},
		"portal-who": func(r *Renderer, w io.Writer) error {
			return r.PortalWho(w, PortalWho{Frame: testFrame(), Form: Form{Action: "/t/default/check", Hidden: []Hidden{{"right", "access"}}}, Right: dsar.Access, BackURL: "/t/default/right"})
		},
		"portal-who-error": func(r *Renderer, w io.Writer) error {
			return r.PortalWho(w, PortalWho{
				Frame: testFrame(), Form: Form{Action: "/t/default/check"}, Right: dsar.Access, Email: `ada"@<example>`, Country: "US", Region: "CA",
				Regions: []Option{{"CA", "California"}, {"CO", "Colorado"}}, Details: "</textarea><b>x", Errors: Errors{{"email", NotAnEmail}, {"details", TooLong}},
			})
		},
		"portal-check": func(r *Renderer, w io.Writer) error {
			return r.PortalCheck(w, PortalCheck{
				Frame: testFrame(), Form: Form{Action: "/t/default/requests", Hidden: []Hidden{{"right", "access"}, {"email", "ada.marlow@example.com"}}}, Right: dsar.Access,
				Email: "ada.marlow@example.com", Name: "Ada Marlow", Country: "DE", Details: "I moved in 2024.\nBefore that: 4 Mill Road.",
			})
		},
	}
}

func codePages() map[string]page {
	resend := Form{Action: "/t/default/code", Hidden: []Hidden{{"reference", "7K3QX-9M2DA"}}}
	return map[string]page{
		"portal-look-in-mail": func(r *Renderer, w io.Writer) error {
			return r.PortalLookInMail(w, PortalLookInMail{Frame: testFrame(), Reference: "7K3QX-9M2DA", CodeURL: "/t/default/code", Resend: resend})
		},
		"portal-code": func(r *Renderer, w io.Writer) error {
			return r.PortalCode(w, PortalCode{Frame: testFrame(), Form: Form{Action: "/t/default/verify"}, Reason: CodeFirst, Reference: "7K3QX-9M2DA", Known: true, Resend: resend})
		},
		"portal-code-error": func(r *Renderer, w io.Writer) error {
			return r.PortalCode(w, PortalCode{Frame: testFrame(), Form: Form{Action: "/t/default/verify"}, Reason: CodeReturn, Reference: "7K3QX-9M2DA", TriesLeft: 3, Errors: testErrors("code", WrongCode), StartURL: "/t/default/"})
		},
		"portal-code-download": func(r *Renderer, w io.Writer) error {
			return r.PortalCode(w, PortalCode{Frame: testFrame(), Form: Form{Action: "/t/default/verify"}, Reason: CodeDownload, Known: true, Reference: "7K3QX-9M2DA", TriesLeft: 1})
		},
		"portal-find": func(r *Renderer, w io.Writer) error {
			return r.PortalFind(w, PortalFind{Frame: testFrame(), Form: Form{Action: "/t/default/find"}, Reference: "7K3Q", Errors: testErrors("reference", NotARef), StartURL: "/t/default/"})
		},
		"portal-confirm-link": func(r *Renderer, w io.Writer) error {
			return r.PortalConfirmLink(w, PortalConfirmLink{Frame: testFrame(), Form: Form{Action: "/t/default/confirm", Hidden: []Hidden{{"token", "x"}}}, Reference: "7K3QX-9M2DA", Right: dsar.Access, AskedAt: at(12, 10, 13, 58)})
		},
		"portal-locked": func(r *Renderer, w io.Writer) error {
			return r.PortalLocked(w, PortalLocked{Frame: testFrame(), Reference: "7K3QX-9M2DA", Until: at(12, 10, 15, 5), Resend: resend})
		},
		"portal-session-ended": func(r *Renderer, w io.Writer) error {
			return r.PortalSessionEnded(w, PortalSessionEnded{Frame: testFrame(), Reference: "7K3QX-9M2DA", Resend: resend})
		},
		"error-page": func(r *Renderer, w io.Writer) error {
			return r.ErrorPage(w, ErrorPage{Frame: testFrame(), Status: 503, Class: "unavailable", Trace: "01J8-4QF2", BackURL: "/t/default/"})
		},
		"rate-limited": func(r *Renderer, w io.Writer) error {
			return r.RateLimited(w, RateLimited{Frame: testFrame(), Wait: 4*time.Minute + time.Second, BackURL: "/t/default/"})
		},
	}
}

func requestPages() map[string]page {
	request := PortalRequest{
		Frame: signedIn(), Reference: "7K3QX-9M2DA", Right: dsar.Access, Status: dsar.InProgress, Due: testDue(), Clock: testClock(), Steps: testSteps(),
		Because: []string{"The law gives us 1 month from that day: until Sunday 20 December 2026.", "That adds 2 days: until Tuesday 22 December 2026."}, OtherLaws: []string{"CCPA", "UK GDPR"},
		Systems: testSystems(), Recipients: []Recipient{{Name: "Parcel service", Purpose: "Delivery of orders", State: TellNotNeeded}, {Name: "Mail agency", State: TellDone, At: at(11, 27, 9, 0)}},
		Messages: testMessages(), MessageForm: Form{Action: "/t/default/requests/7K3QX-9M2DA/messages"}, WithdrawURL: "/t/default/w", ReceiptURL: "/t/default/r",
	}
	ready := request
	ready.Status, ready.Systems, ready.WithdrawURL = dsar.Fulfilled, doneSystems(), ""
	ready.Clock.SettledAt, ready.Due.SettledAt = at(12, 3, 11, 20), at(12, 3, 11, 20)
	ready.Package = &Package{Ready: true, URL: "/t/default/d", Records: 1841, ExpiresAt: at(12, 31, 12, 0), Volumes: []Volume{{1, 48_300_000}}}
	refused := request
	refused.Status, refused.Why = dsar.Refused, "You asked the same thing eleven days ago and nothing has changed since (GDPR Art. 12(5))."
	refused.Systems, refused.Messages, refused.Recipients = nil, nil, nil
	fresh := PortalRequest{Frame: signedIn(), Reference: "7K3QX-9M2DA", Right: dsar.Erasure, Status: dsar.Verifying, Clock: Clock{ReceivedAt: at(12, 10, 14, 0)}}
	return map[string]page{
		"portal-request":         func(r *Renderer, w io.Writer) error { return r.PortalRequest(w, request) },
		"portal-request-ready":   func(r *Renderer, w io.Writer) error { return r.PortalRequest(w, ready) },
		"portal-request-refused": func(r *Renderer, w io.Writer) error { return r.PortalRequest(w, refused) },
		"portal-request-fresh":   func(r *Renderer, w io.Writer) error { return r.PortalRequest(w, fresh) },
	}
}

func endingPages() map[string]page {
	return map[string]page{
		"portal-withdraw": func(r *Renderer, w io.Writer) error {
			return r.PortalWithdraw(w, PortalWithdraw{Frame: signedIn(), Form: Form{Action: "/t/default/w"}, Reference: "7K3QX-9M2DA", Right: dsar.Access, BackURL: "/t/default/requests"})
		},
		"portal-withdrawn": func(r *Renderer, w io.Writer) error {
			return r.PortalWithdrawn(w, PortalWithdrawn{Frame: testFrame(), Reference: "7K3QX-9M2DA", StartURL: "/t/default/", Done: doneSystems()})
		},
		"portal-download": func(r *Renderer, w io.Writer) error {
			return r.PortalDownload(w, PortalDownload{Frame: signedIn(), Form: Form{Action: "/t/default/d/x"}, Reference: "7K3QX-9M2DA", Records: 1841, Systems: 3, Volumes: []Volume{{1, 48_300_000}}, ExpiresAt: at(12, 31, 12, 0), RequestURL: "/t/default/requests"})
		},
		"portal-download-parts": func(r *Renderer, w io.Writer) error {
			return r.PortalDownload(w, PortalDownload{Frame: signedIn(), Form: Form{Action: "/t/default/d/x"}, Reference: "7K3QX-9M2DA", Records: 1841, Systems: 1, Volumes: []Volume{{1, 1_073_741_824}, {2, 912}}})
		},
		"portal-download-gone": func(r *Renderer, w io.Writer) error {
			return r.PortalDownloadGone(w, PortalDownloadGone{Frame: testFrame(), Reason: GoneUsed, ReturnURL: "/t/default/find"})
		},
		"portal-message-sent": func(r *Renderer, w io.Writer) error {
			return r.PortalMessageSent(w, PortalMessageSent{Frame: signedIn(), Reference: "7K3QX-9M2DA", RequestURL: "/t/default/requests"})
		},
		"portal-letter": func(r *Renderer, w io.Writer) error {
			return r.PortalLetter(w, PortalLetter{Frame: signedIn(), Letter: testLetter(), RequestURL: "/t/default/requests"})
		},
	}
}

func testLetter() Letter {
	return Letter{
		To: "ada.marlow@example.com", Subject: "Your data is ready (7K3QX-9M2DA)", Date: at(12, 3, 11, 20),
		Text: "Dear Ada Marlow,\n\nwe have put together everything that Harbour Lane Shop holds about you: 1,841 records from 3 systems.\n\nDownload it here until 31 December 2026:\nhttps://privacy.shop.example.com/t/default/requests/7K3QX-9M2DA/package.\n\nYou may complain to the Commissioner for Data Protection (https://authority.example.com/complain).\n\nHarbour Lane Shop, privacy team",
	}
}

// page writes one page of the gallery.
type page func(*Renderer, io.Writer) error

// gallery is every page at least once, with data that stretches it: long and empty lists, problems, markup in values.
func gallery() map[string]page {
	all := map[string]page{}
	for _, group := range []map[string]page{startPages(), noticePages(), provePages(), codePages(), requestPages(), endingPages(), ownerPages(), handOverPages(), listPages(), casePages(), taskPages(), systemPages(), recipientPages(), planPages(), holdPages(), latePages(), numbersPages(), lawPages(), dutyPages(), exemptionPages(), authorityPages(), devPages()} {
		maps.Copy(all, group)
	}
	return all
}

func TestWriteGallery(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	dir := *galleryDir
	if dir == "" {
		dir = t.TempDir()
	}
	if err := os.MkdirAll(filepath.Join(dir, AssetPath), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, asset := range []func() (string, []byte){Stylesheet, Icon} {
		name, body := asset()
		if err := os.WriteFile(filepath.Join(dir, AssetPath, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, write := range gallery() {
		f, err := os.Create(filepath.Join(dir, name+".html"))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(r, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
