package local

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// advanceLimit bounds how long moving the clock may take.
const advanceLimit = 2 * time.Minute

// development adds the routes that exist only with a demo or a clock set by hand: time travel and the mailbox.
func (a *App) development(mux *http.ServeMux) {
	mux.HandleFunc("GET /dev/clock", a.getClock)
	mux.HandleFunc("POST /dev/clock", a.postClock)
	if a.Demo {
		mux.HandleFunc("GET /dev/accounts", a.getAccounts)
	}
	mux.HandleFunc("GET /dev/mail", a.listMail)
	mux.HandleFunc("GET /dev/mail/{id}", a.getMail)
	functions.Development(mux, functions.DevelopmentPages{
		Set: a.Set, Mailbox: a.mailbox(), Now: a.clock.Now, Demo: a.Demo, Manual: a.Clock != nil, Guide: a.Guide,
	})
}

func (a *App) mailbox() mail.Mailbox {
	if a.outbox == nil {
		return nil // mail leaves over SMTP: nothing is kept here
	}
	return a.outbox
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		functions.WriteProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the connection may be gone
}

// getAccounts says again what serve has printed first. The accounts are those of a demonstration, where nothing is anybody's.
func (a *App) getAccounts(w http.ResponseWriter, _ *http.Request) { answer(w, a.line, nil) }

type instant struct {
	Now time.Time `json:"now"`
}

func (a *App) getClock(w http.ResponseWriter, _ *http.Request) {
	answer(w, instant{a.clock.Now().UTC()}, nil)
}

// postClock moves the clock and answers after everything due has run. Forms of the demo page may post too.
func (a *App) postClock(w http.ResponseWriter, r *http.Request) {
	to, err := a.target(w, r)
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), advanceLimit)
		defer cancel()
		err = a.Advance(ctx, to)
	}
	if err == nil && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	answer(w, instant{a.clock.Now().UTC()}, err)
}

func (a *App) target(w http.ResponseWriter, r *http.Request) (time.Time, error) {
	if a.Clock == nil {
		return time.Time{}, fault.New(fault.NotFound, "the clock is the machine's; start with --clock manual to move it")
	}
	return MoveOf(w, r, a.clock.Now())
}

// MoveOf reads to what instant a call wants a clock moved that shows now.
func MoveOf(w http.ResponseWriter, r *http.Request, now time.Time) (time.Time, error) {
	var in struct {
		Advance string `json:"advance"`
		Set     string `json:"set"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "the body is longer than 1 KiB")
	}
	form, ferr := url.ParseQuery(string(body))
	// A form posts advance=P1D; everything else is read as JSON, whatever media type a command line calls it.
	if isForm(r) && ferr == nil && (form.Has("advance") || form.Has("set")) {
		in.Advance, in.Set = form.Get("advance"), form.Get("set")
	} else {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return time.Time{}, fault.New(fault.Invalid, `want {"advance":"P1D"} or {"set":"2027-01-31T09:00:00Z"}`)
		}
	}
	switch {
	case in.Advance != "" && in.Set == "":
		d, err := duration.Parse(in.Advance)
		if err != nil || d.Negative {
			return time.Time{}, fault.InvalidField("/advance", "want an ISO 8601 duration such as P1D or PT30M")
		}
		return now.AddDate(int(d.Years), int(d.Months), 0).Add(d.ToTimeDuration() - yearsAndMonths(d)), nil
	case in.Set != "" && in.Advance == "":
		t, err := time.Parse(time.RFC3339, in.Set)
		if err != nil {
			return time.Time{}, fault.InvalidField("/set", "want an RFC 3339 instant")
		}
		return t, nil
	}
	return time.Time{}, fault.New(fault.Invalid, `want {"advance":"P1D"} or {"set":"2027-01-31T09:00:00Z"}`)
}

// yearsAndMonths is what ToTimeDuration counts for the parts that are calendar arithmetic here.
func yearsAndMonths(d *duration.Duration) time.Duration {
	return (&duration.Duration{Years: d.Years, Months: d.Months}).ToTimeDuration()
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

type listedMail struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Date    time.Time `json:"date"`
}

func (a *App) listMail(w http.ResponseWriter, r *http.Request) {
	box := a.mailbox()
	if box == nil {
		functions.WriteProblem(w, fault.New(fault.NotFound, "mail is not kept here"))
		return
	}
	list := []listedMail{}
	from, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("from"), "0"))
	if err != nil || from < 0 {
		functions.WriteProblem(w, fault.InvalidField("/from", "want the number of the first mail, from 0"))
		return
	}
	for {
		page, err := box.Messages(r.Context(), from)
		if err != nil {
			functions.WriteProblem(w, fmt.Errorf("reading mailbox: %w", err))
			return
		}
		for _, m := range page {
			list = append(list, listedMail{url.PathEscape(m.ID), m.To.Reveal(), m.Subject, m.Date})
		}
		if from += len(page); len(page) == 0 {
			break
		}
	}
	answer(w, map[string]any{"messages": list}, nil)
}

func (a *App) getMail(w http.ResponseWriter, r *http.Request) {
	box := a.mailbox()
	if box == nil {
		functions.WriteProblem(w, fault.New(fault.NotFound, "mail is not kept here"))
		return
	}
	raw, err := box.Message(r.Context(), r.PathValue("id"))
	if err != nil {
		functions.WriteProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", "message/rfc822")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(raw) // the connection may be gone
}
