package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Waits of a tour.
const (
	tourWait = 2 * time.Minute // for anything to happen
	tourPoll = 100 * time.Millisecond
)

// visit is one request on its way.
type visit struct {
	*tour
	requestOptions

	right   dsar.Right
	dir     string
	session string
	id      string // of the case, for the privacy team
	plan    planned
	asked   map[string]bool // tasks whose owner has answered
}

// until calls done until it is true. what says in the error what did not happen.
func (v *visit) until(what string, done func() (bool, error)) error {
	ctx := v.cmd.Context()
	for end := time.Now().Add(tourWait); ; {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if !time.Now().Before(end) {
			return differs("%s has not happened within %s", what, tourWait)
		}
		select {
		case <-time.After(tourPoll):
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting in the tour")
		}
	}
}

func (v *visit) portal(below string) string {
	return "/t/" + url.PathEscape(v.client.tenant) + "/api/v1" + below
}

// ask submits the request, proves the address with the mailed code, and finds the case as the privacy team does.
func (v *visit) ask(more map[string]any) error {
	ctx := v.cmd.Context()
	body := map[string]any{"right": v.right, "email": v.requestOptions.email, "country": "IE"}
	maps.Copy(body, more)
	raw, err := v.client.call(ctx, http.MethodPost, v.portal("/requests"), nil, "", body)
	if fault.Has(err, fault.Throttled) {
		return differs("the person has asked too often; start the demonstration with HABEAS_RATE_LIMITS=off, as make run does")
	}
	if err != nil {
		return err
	}
	s, err := decode[status](raw)
	if err != nil {
		return err
	}
	v.reference, v.asked = s.Reference, map[string]bool{}
	v.say("the person asks; the request has the reference %s", v.reference)
	m, err := v.letter("the mail with a code", func(m keptMail, text string) bool { return mailedCodeLine.MatchString(text) })
	if err != nil {
		return err
	}
	c := mailedCodeLine.FindStringSubmatch(m.Text)
	v.code = c[1] + c[2]
	if v.session, err = v.signIn(v.cmd, v.client); err != nil {
		return err
	}
	v.say("the person enters the code out of the mail: the address is proved")
	if raw, err = v.staff(v.handler, http.MethodGet, "/cases", url.Values{"q": {v.reference}}, nil); err != nil {
		return err
	}
	list, err := decode[struct{ Cases []struct{ ID string } }](raw)
	if err != nil || len(list.Cases) != 1 {
		return errors.Join(err, differs("the privacy team finds %d cases with the reference", len(list.Cases)))
	}
	v.id = list.Cases[0].ID
	return nil
}

// tourCase is what the tour reads of a case.
type tourCase struct {
	Status, MergedInto string
	Tasks              []struct {
		ID, System, By, Status string
		Owner                  *struct{ Holders []struct{ Address string } }
	}
	Recipients []struct {
		Name, Title string
		Notice      *struct{ Status, Channel string }
	}
}

func (v *visit) look() (tourCase, error) {
	raw, err := v.staff(v.handler, http.MethodGet, "/cases/"+v.id, nil, nil)
	if err != nil {
		return tourCase{}, err
	}
	return decode[tourCase](raw)
}

// follow answers the tasks of owners until the request is answered, and returns what the person sees then.
func (v *visit) follow() (status, error) {
	err := v.until("the answer to "+v.reference, func() (bool, error) {
		c, err := v.look()
		if err != nil {
			return false, err
		}
		if err := v.answerOwners(c); err != nil {
			return false, err
		}
		if c.MergedInto != "" {
			return false, differs("this person has the same request open already, so it was joined with that; answer it first, or take somebody else with --email")
		}
		return dsar.Status(c.Status).Final(), nil
	})
	if err != nil {
		return status{}, err
	}
	raw, err := v.client.call(v.cmd.Context(), http.MethodGet, v.path(v.client, ""), nil, v.session, nil)
	if err != nil {
		return status{}, err
	}
	s, err := decode[status](raw)
	if err != nil {
		return s, err
	}
	if s.Status != string(dsar.Fulfilled) {
		return s, differs("the request ended as %s", s.Status)
	}
	for _, e := range s.Explanation {
		v.say("by when: %s", e.Text)
	}
	for _, sys := range s.Systems {
		v.say("%s: %s, %d records", cmp.Or(sys.Title, sys.Name), strings.ReplaceAll(sys.Outcome, "_", " "), sys.Records)
	}
	return s, nil
}

// answerOwners answers every open task of a system that no machine reaches, through the link that its owner was mailed.
func (v *visit) answerOwners(c tourCase) error {
	for _, task := range c.Tasks {
		if task.By != "owner" || task.Status != "person" || v.asked[task.ID] || task.Owner == nil || len(task.Owner.Holders) == 0 {
			continue
		}
		to := task.Owner.Holders[len(task.Owner.Holders)-1].Address
		m, err := v.letter("the mail to the owner of "+task.System, func(m keptMail, text string) bool {
			return m.To == to && ownerLink.MatchString(text)
		})
		if err != nil {
			return err
		}
		link, err := v.client.base.Parse(ownerLink.FindString(m.Text))
		if err != nil {
			return differs("the link of the owner is no address")
		}
		if _, page, err := v.page(http.MethodGet, link, nil, ""); err != nil {
			return err
		} else if !strings.Contains(page, v.requestOptions.email) {
			return differs("the owner's page does not say whose data it is about")
		}
		if strings.Contains(m.Text, v.requestOptions.email) {
			return differs("the mail to the owner names the person")
		}
		form, kind, said := v.ownersAnswer()
		if code, _, err := v.page(http.MethodPost, link, form, kind); err != nil || code != http.StatusSeeOther {
			return errors.Join(err, differs("the owner's answer was not taken (%d)", code))
		}
		v.asked[task.ID] = true
		v.say("%s was asked by mail and answers on the page behind the link: %s", to, said)
	}
	return nil
}

// finish saves letters and evidence.
func (v *visit) finish(s status) error {
	if err := v.saveLetters(); err != nil {
		return err
	}
	if err := v.saveProof(); err != nil {
		return err
	}
	v.visits = append(v.visits, visited{v.right, v.reference, s.Status, v.dir})
	return nil
}

// saveLetters saves every mail about the request, whoever it went to.
func (v *visit) saveLetters() error {
	list, err := v.mails()
	if err != nil {
		return err
	}
	n := 0
	for _, m := range list {
		if !strings.Contains(m.Subject, v.reference) {
			continue
		}
		raw, err := v.client.call(v.cmd.Context(), http.MethodGet, "/dev/mail/"+m.ID, nil, "", nil)
		if err != nil {
			return err
		}
		n++
		if _, _, err := save(filepath.Join(v.dir, "letters", fmt.Sprintf("%02d.eml", n)), bytes.NewReader(raw)); err != nil {
			return err
		}
		v.say("letter %d to %s: %s", n, m.To, m.Subject)
	}
	return nil
}

// saveProof saves the evidence and verifies it as an auditor would.
func (v *visit) saveProof() error {
	body, err := v.client.open(v.cmd.Context(), http.MethodGet, v.client.address(v.path(v.client, "/evidence"), nil), v.session, nil)
	if err != nil {
		return err
	}
	name := filepath.Join(v.dir, "evidence.zip")
	_, _, err = save(name, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	report, err := verifyBundle(name, evidence.VerifyOptions{})
	if err != nil {
		return err
	}
	if !report.OK() {
		return differs("the evidence of %s does not verify", v.reference)
	}
	v.say("the evidence is complete and unchanged, checked without the server: %s", name)
	return nil
}

// keptMail is a mail in the mailbox of the demonstration.
type keptMail struct {
	ID, To, Subject string
	Text            string
}

func (t *tour) mails() ([]keptMail, error) {
	raw, err := t.client.call(t.cmd.Context(), http.MethodGet, "/dev/mail", nil, "", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the mailbox: %w", err)
	}
	list, err := decode[struct{ Messages []keptMail }](raw)
	return list.Messages, err
}

var (
	mailedCodeLine = regexp.MustCompile(`(?m)^\s*(\d{4}) ?(\d{4})\s*$`)
	ownerLink      = regexp.MustCompile(`https?://\S+/owner/\S+`)
	noticeLink     = regexp.MustCompile(`https?://\S+/notices/\S+`)
)

// letter waits for a mail about the request and returns the newest that is right.
func (v *visit) letter(what string, right func(m keptMail, text string) bool) (found keptMail, err error) {
	err = v.until(what, func() (bool, error) {
		list, err := v.mails()
		if err != nil {
			return false, err
		}
		for _, m := range slices.Backward(list) {
			if !strings.Contains(m.Subject, v.reference) {
				continue
			}
			raw, err := v.client.call(v.cmd.Context(), http.MethodGet, "/dev/mail/"+m.ID, nil, "", nil)
			if err != nil {
				return false, err
			}
			e, err := enmime.ReadEnvelope(bytes.NewReader(raw))
			if err != nil {
				return false, fault.Wrap(fault.Internal, err, "reading a mail")
			}
			if m.Text = e.Text; right(m, e.Text) {
				found = m
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// decodeInto reads one value of JSON that was downloaded.
func decodeInto(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fault.Wrap(fault.Internal, err, "reading the package")
	}
	return nil
}
