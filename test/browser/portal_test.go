package browser

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// ask goes through the form up to the page that says to look into the mail, and returns the request.
func (v *visitor) ask(email string) *testkit.Request {
	v.Helper()
	v.open("/t/lumen/").follow("Start a request").choose("right", "access").press("Continue")
	v.fill("email", email).pick("country", "DE").press("Continue").press("Send this request").status(200)
	return v.sent(email)
}

// sent returns the request of the page that says that a code was sent.
func (v *visitor) sent(email string) *testkit.Request {
	v.Helper()
	v.want("Look in your mail")
	reference := read(v, chromedp.Text(chromedp.CSS("main .ref")))
	v.Settle()
	return &testkit.Request{Site: v.Site, Tenant: "lumen", Email: email, Reference: reference}
}

// enter types a code on the page that asks for one.
func (v *visitor) enter(code string) *visitor {
	v.Helper()
	return v.fill("code", code).press("Confirm")
}

// wrong returns a code that is not the given one.
func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// A person asks for a copy of her data and gets it.
func TestFromTheFirstPageToTheOpenedPackage(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	v.open("/").status(200).want("Lumen", "ines.marchetti@example.com").look("dev-home")
	v.open("/t/lumen/").status(200).look("portal-start")
	v.follow("Start a request").look("portal-right")
	v.choose("right", "access").press("Continue").look("portal-who")
	v.fill("email", "ines.marchetti@").do(chromedp.Evaluate[chromedp.Void](`document.forms[0].noValidate = true`))
	v.press("Continue").status(400).want("There is a problem").look("portal-who-problem")
	v.fill("email", testkit.Typical).fill("name", "Inês Marchetti").pick("country", "DE").press("Continue")
	v.want("Check your answers", testkit.Typical, "Germany").look("portal-check")
	v.press("Send this request").look("portal-sent")
	r := v.sent(testkit.Typical)

	mail := visit(s)
	mail.open("/dev/mailbox").status(200).want(testkit.Typical).look("dev-mailbox")
	mail.follow("Confirm").want("Your code").look("dev-mail-code")
	mail.letter("letter-code", r.Mail("Confirm").HTML)

	v.follow("Enter the code").look("portal-code")
	v.enter(r.Code()).status(200)
	s.Settle()
	v.open(r.Page("")).status(200).want("Your request is answered", r.Reference, "23 December 2026", "Web shop").look("portal-request")
	v.publish("request", 900, 1160)
	v.follow("Download your data").look("portal-download")
	raw := v.download(chromedp.Click(containing("button", "Download")))
	p, err := testkit.OpenPackage(raw)
	if err != nil {
		t.Fatal(err)
	}
	s.WantHeld(p, testkit.Typical)
	v.unpacked(raw)

	v.open(r.Page(""))
	bundle := v.download(chromedp.Click(containing("a", "Download the receipt")))
	report, err := evidence.VerifyBundle(bytes.NewReader(bundle), int64(len(bundle)), evidence.VerifyOptions{})
	if err != nil || !report.OK() || report.Reference != r.Reference {
		t.Errorf("the receipt does not verify: %+v, %v", report, err)
	}
	v.letter("letter-answer", r.Mail("The answer").HTML)
	v.open(r.Page("")).press("Leave").status(200).look("portal-signed-out")
	v.open(r.Page("")).status(401).look("portal-signed-out-return")
}

// letter looks at a mail's HTML as a mail reader shows it.
func (v *visitor) letter(name, html string) {
	v.Helper()
	path := filepath.Join(v.TB.(*testing.T).TempDir(), "letter.html")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		v.Fatal(err)
	}
	v.open("file://" + path).look(name)
}

// unpacked opens the first page of a package from the disk.
func (v *visitor) unpacked(raw []byte) {
	v.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		v.Fatal(err)
	}
	dir := v.TB.(*testing.T).TempDir()
	if err := os.CopyFS(dir, z); err != nil {
		v.Fatalf("unpacking: %v", err)
	}
	v.open("file://"+filepath.Join(dir, "index.html")).want("Inês Marchetti", "orders").look("package-index")
	for _, link := range read(v, chromedp.Evaluate[[]string](`[...document.links].map(a => a.href).filter(h => h.startsWith('file:') && !h.includes('#'))`)) {
		if _, err := os.Stat(strings.TrimPrefix(link, "file://")); err != nil {
			v.Errorf("the package links to a file that is not in it: %v", err)
		}
	}
}

// The link in the mail does as well as the code.
func TestTheLinkInTheMail(t *testing.T) {
	s := kit.Start(t)
	r := visit(s).ask(testkit.NoOrders)
	v := visit(s)
	v.open(r.Mail("Confirm").Link()).status(200).want(r.Reference).look("portal-confirm")
	v.press("Yes, this is my request").status(200).want(r.Reference)
	s.Settle()
	v.reload().want("Your request is answered")
	visit(s).open(r.Mail("Confirm").Link()).status(410).look("portal-link-used")
}

func TestWrongCodesAndALock(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	r := v.ask(testkit.NoOrders)
	code := r.Code()
	v.follow("Enter the code").enter(wrong(code)).status(401).want("do not belong together").look("portal-code-wrong")
	for range 4 {
		v.enter(wrong(code))
	}
	s.Settle()
	v.look("portal-code-last")
	v.letter("letter-locked", r.Mail("no longer works").HTML)
	v.open(r.Page("/code")).press("Send a new code").status(200)
	s.Settle()
	v.enter(r.Code()).status(200).want(r.Reference)
}

func TestWithdrawing(t *testing.T) {
	s := kit.Start(t)
	unlock := lock(t, s, "shop.db")
	v := visit(s)
	r := v.ask(testkit.NoOrders)
	v.follow("Enter the code").enter(r.Code()).status(200)
	s.Settle()
	v.open(r.Page("")).want("We are working on it").look("portal-request-open")
	v.fill("text", "I have moved, if that helps.").press("Send the message").want("We have your message").look("portal-message-sent")
	v.follow("Back to your request").want("I have moved")
	v.follow("Withdraw this request").look("portal-withdraw")
	v.fill("reason", "I found it myself").press("Withdraw my request").status(200).look("portal-withdrawn")
	v.open(r.Page("")).want("You have withdrawn your request") // before the next step has stopped
	unlock()
	s.Advance("PT5M")
	v.open(r.Page("")).want("You have withdrawn your request").look("portal-request-withdrawn")
}

func TestASessionThatHasEnded(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	r := v.ask(testkit.NoOrders)
	v.follow("Enter the code").enter(r.Code()).status(200)
	s.Settle()
	v.open(r.Page("")).status(200)
	s.Advance("PT16M")
	v.follow("Download your data").status(401).want("make sure once more").look("portal-stale")
	s.Advance("PT15M")
	v.open(r.Page("")).status(401).look("portal-session-ended")
	v.press("Send a new code").status(200)
	s.Settle()
	v.enter(r.Code()).status(200).want("Your request is answered")
	s.Advance("P40D")
	v.open("/t/lumen/find").look("portal-find")
	v.fill("reference", r.Reference).press("Send a code").status(200)
	v.open("/t/nobody/").status(404).look("portal-unknown")
}

// Whoever has no mouse gets as far with Tab, Space, the arrows and Enter, and sees where she is.
func TestTheFormByKeyboard(t *testing.T) {
	s := kit.Start(t)
	v := visit(s)
	v.open("/t/lumen/").key(kb.Tab)
	if at := read(v, chromedp.Evaluate[focus](focused("a.skip"))); !at.There {
		t.Errorf("the first stop is %s, not the way past the head of the page", at.What)
	}
	v.tab("main a.button").leave(chromedp.KeyEvent(kb.Enter))
	v.tab(`input[name="right"]`).key(" ").key(kb.ArrowDown).key(kb.ArrowUp)
	v.tab("main button").leave(chromedp.KeyEvent(kb.Enter))
	v.tab("#email").key("not an address")
	v.do(chromedp.Evaluate[chromedp.Void](`document.forms[0].noValidate = true`))
	v.leave(chromedp.KeyEvent(kb.Enter)).status(400)
	v.tab(`a[href="#email"]`).key(kb.Enter)
	if at := read(v, chromedp.Evaluate[focus](focused("#email"))); !at.There {
		t.Errorf("the error leads to %s, not to its field", at.What)
	}
	v.do(chromedp.Clear(chromedp.ID("email")))
	v.key(testkit.NoOrders)
	v.tab("#country").key("Germ")
	v.tab("main button").leave(chromedp.KeyEvent(" ")).want("Check your answers", testkit.NoOrders, "Germany", "A copy of my data")
	v.tab(`button[name="send"]`).leave(chromedp.KeyEvent(kb.Enter))
	r := v.sent(testkit.NoOrders)
	v.tab("main a.button").leave(chromedp.KeyEvent(kb.Enter))
	v.tab("#code").key(r.Code()).leave(chromedp.KeyEvent(kb.Enter)).status(200)
	s.Settle()
	v.reload().want("Your request is answered")
	v.tab("main summary").key(kb.Enter).want("Regulation")
	v.tab("main .ready a.button").leave(chromedp.KeyEvent(kb.Enter))
	v.tab("main button")
	if _, err := testkit.OpenPackage(v.download(chromedp.KeyEvent(kb.Enter))); err != nil {
		t.Error(err)
	}
}

// lock takes a database of the demo for another process's writing, so that nobody can even read it.
func lock(t *testing.T, s *testkit.Site, name string) (unlock func()) {
	t.Helper()
	db := s.Open(name)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := db.Exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}
