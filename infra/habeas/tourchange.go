package main

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// planned is what the tour reads of a plan.
type planned struct {
	Hash     string
	Waiting  bool
	Decision *struct{ Decision, By, Hash string }
	Systems  []struct {
		Name, Action, By string
		Collections      []struct {
			Name, Action, Reason string
			Records              int64
		}
	}
}

// records counts what a plan does to so many records.
func (p planned) records(action string) (n int64) {
	for _, s := range p.Systems {
		for _, c := range s.Collections {
			if c.Action == action {
				n += c.Records
			}
		}
	}
	return n
}

// change takes a request for a change from its plan to its end. Two of the privacy team take part: who handles the case may
// not approve. check says what is wrong with the plan.
func (v *visit) change(check func(planned) error) error {
	if err := v.decide(check); err != nil {
		return err
	}
	s, err := v.follow()
	if err != nil {
		return err
	}
	if err := v.tellRecipients(); err != nil {
		return err
	}
	return v.finish(s)
}

func (v *visit) decide(check func(planned) error) error {
	err := v.until("a plan that waits for approval", func() (bool, error) {
		raw, err := v.staff(v.handler, http.MethodGet, "/cases/"+v.id+"/plan", nil, nil)
		if fault.Has(err, fault.NotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		v.plan, err = decode[planned](raw)
		return v.plan.Waiting, err
	})
	if err != nil {
		return err
	}
	v.say("nothing has changed yet; this is the plan %s:", v.plan.Hash[:min(12, len(v.plan.Hash))])
	for _, s := range v.plan.Systems {
		if len(s.Collections) == 0 {
			v.say("    %-8s %s, by its owner", s.Name, s.Action)
		}
		for _, c := range s.Collections {
			v.say("    %-8s %-6s %4d %s%s", s.Name, c.Action, c.Records, c.Name, reasoned(c.Reason))
		}
	}
	if err := check(v.plan); err != nil {
		return err
	}
	decision := map[string]string{"decision": "approve", "hash": v.plan.Hash}
	if _, err := v.staff(v.handler, http.MethodPost, "/cases/"+v.id+"/plan/decision", nil, decision); !fault.Has(err, fault.Forbidden) {
		return errors.Join(err, differs("who handles the case could approve the plan"))
	}
	v.say("who handles the case may not approve it")
	if _, err := v.staff(v.approver, http.MethodPost, "/cases/"+v.id+"/plan/decision", nil, decision); err != nil {
		return err
	}
	raw, err := v.staff(v.handler, http.MethodGet, "/cases/"+v.id+"/plan", nil, nil)
	if err != nil {
		return err
	}
	p, err := decode[planned](raw)
	if err != nil {
		return err
	}
	if d := p.Decision; d == nil || d.Decision != "approve" || d.Hash != v.plan.Hash || (v.approverID != "" && d.By != "staff:"+v.approverID) {
		return differs("the approval is not on record as it was given")
	}
	v.say("the approver approves exactly this plan")
	return nil
}

func reasoned(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// ownersAnswer is the form that the owner of the paper archive sends: a file for a copy, a count for a change. What was erased
// is not there any more.
func (v *visit) ownersAnswer() (form []byte, kind, said string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fields := [][2]string{{"do", "answer"}, {"answer", "done"}}
	switch {
	case v.right == dsar.Access && v.erased():
		said, fields[1][1] = "nothing is held", "nothing_held"
	case v.right == dsar.Access:
		said = "a file with two letters"
		// Writing to a buffer does not fail.
		f, _ := w.CreateFormFile("file", "letters.txt")
		_, _ = io.WriteString(f, "Two letters on paper, of 3 March 2023 and 9 May 2024: an order, and thanks for it.\n")
	default:
		said, fields = "done, for 2 records", append(fields, [2]string{"records", "2"})
	}
	for _, f := range fields {
		_ = w.WriteField(f[0], f[1])
	}
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType(), said
}

// erased reports whether the tour had everything erased before this request.
func (v *visit) erased() bool {
	for _, x := range v.visits {
		if x.Right == dsar.Erasure {
			return true
		}
	}
	return false
}

// page sends a request for a page as a browser does and returns it. Redirects are not followed.
func (v *visit) page(method string, to *url.URL, form []byte, kind string) (int, string, error) {
	if to.Host != v.client.base.Host {
		return 0, "", differs("a link in a mail leads to another server than --server")
	}
	r, err := http.NewRequestWithContext(v.cmd.Context(), method, to.String(), bytes.NewReader(form))
	if err != nil {
		return 0, "", fmt.Errorf("preparing the call: %w", err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	browser := http.Client{Transport: v.client.http.Transport, Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Do(r)
	if err != nil {
		return 0, "", fault.Wrap(fault.Unavailable, plain(err), "reaching the server")
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, "", fault.Wrap(fault.Unavailable, err, "reading the answer")
	}
	return res.StatusCode, html.UnescapeString(string(raw)), nil
}

var revisionField = regexp.MustCompile(`name="revision" value="(\d+)"`)

// tellRecipients waits until every recipient was told, confirms what came by letter, and waits until all have confirmed.
func (v *visit) tellRecipients() error {
	confirmed, open := map[string]bool{}, []string{}
	err := v.until("that every recipient was told and has confirmed", func() (bool, error) {
		c, err := v.look()
		if err != nil {
			return false, err
		}
		open = open[:0]
		for _, r := range c.Recipients {
			switch {
			case r.Notice != nil && r.Notice.Status == "acknowledged":
				if !confirmed[r.Name] {
					confirmed[r.Name] = true
					v.say("%s was told by webhook and has confirmed with a signed callback", r.Title)
				}
				continue
			case r.Notice != nil && r.Notice.Status == "sent" && r.Notice.Channel == "mail" && !confirmed[r.Name]:
				if err := v.confirmLetter(r.Name); err != nil {
					return false, err
				}
				confirmed[r.Name] = true
				v.say("%s was told by letter and has confirmed on the page behind its link", r.Title)
			}
			how := "not told"
			if r.Notice != nil {
				how = r.Notice.Status
			}
			open = append(open, r.Title+": "+how)
		}
		return len(open) == 0, nil
	})
	if err != nil && len(open) > 0 {
		v.say("still open: %s", strings.Join(open, ", "))
	}
	return err
}

// confirmLetter presses the button on the page behind the link of a recipient's letter.
func (v *visit) confirmLetter(recipient string) error {
	raw, err := v.staff(v.handler, http.MethodGet, "/recipients/"+url.PathEscape(recipient), nil, nil)
	if err != nil {
		return err
	}
	who, err := decode[struct{ Email string }](raw)
	if err != nil {
		return err
	}
	m, err := v.letter("the letter to a recipient", func(m keptMail, text string) bool { return m.To == who.Email && noticeLink.MatchString(text) })
	if err != nil {
		return err
	}
	if strings.Contains(m.Text, v.requestOptions.email) {
		return differs("the letter to a recipient names the person")
	}
	link, err := v.client.base.Parse(noticeLink.FindString(m.Text))
	if err != nil {
		return differs("the link of a recipient is no address")
	}
	_, page, err := v.page(http.MethodGet, link, nil, "")
	if err != nil {
		return err
	}
	revision := revisionField.FindStringSubmatch(page)
	if revision == nil || !strings.Contains(page, v.requestOptions.email) {
		return differs("the page of a recipient does not say whose data it is about, or has no button")
	}
	form := url.Values{"revision": {revision[1]}}.Encode()
	if code, _, err := v.page(http.MethodPost, link, []byte(form), "application/x-www-form-urlencoded"); err != nil || code >= http.StatusBadRequest {
		return errors.Join(err, differs("the confirmation of a recipient was not taken (%d)", code))
	}
	return nil
}
