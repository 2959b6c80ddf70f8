package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/cloud/operations"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// How often checks are repeated. Whoever reads a bundle is in the audit each time.
const (
	once      = time.Duration(0)
	sealEvery = 5 * time.Second
)

// registryAge is how long functions may still know the registry as it was: the tenant and the account were changed just now.
const registryAge = 6 * time.Second

// doctor is what a run of `habeas doctor` knows.
type doctor struct {
	remote
	stage, email string
	within       time.Duration

	cmd    *cobra.Command
	in     *operations.Installation // nil = one machine, reached by its API alone
	visit  *operations.Visit
	client *client
	caseID string
	end    synthetic // how the case ended
	checks []check
}

// check is one line of the table.
type check struct {
	Name string `json:"check"`
	OK   bool   `json:"ok"`
	Took string `json:"took"`
	Says string `json:"says,omitempty"` // what is wrong
	Do   string `json:"do,omitempty"`   // what to do about it
}

func newDoctor() *cobra.Command {
	o := &doctor{}
	c := &cobra.Command{
		Use: "doctor --email ADDRESS (--stage FILE | --server URL --token TOKEN)", Short: "Check an installation by a synthetic request, end to end", Args: cobra.NoArgs,
		Long: "Asks for a copy of the data of a synthetic person, in a tenant of its own without systems, and follows the request to its\n" +
			"end. With --stage every part of the installation is checked besides, and the case is disposed of; what stays is what stays of\n" +
			"every case: evidence and a certificate, nothing personal. With --server the tenant must be there (habeas tenants set doctor\n" +
			"...), the token that of a handler and auditor, and the case is kept until its retention ends.",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(c)
	stageFlag(c, &o.stage)
	c.Flags().StringVar(&o.email, "email", "", "address that the letters go to: one of yours, or \"success\" at SES's mailbox simulator, simulator.amazonses.com")
	c.Flags().DurationVar(&o.within, "within", 5*time.Minute, "how long to wait for the case, its letters and its seal")
	return c
}

func (o *doctor) run(cmd *cobra.Command) (err error) {
	if o.cmd = cmd; (o.stage == "") == (o.server == "" && o.token == "") || o.within <= 0 {
		return usage("either --stage, or --server and --token; --within wants a time")
	}
	if o.email == "" {
		return usage("--email wants an address that letters may go to, such as one of yours")
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.within)
	defer cancel()
	if err := o.enter(ctx); err != nil {
		return err
	}
	if o.in != nil {
		o.parts(ctx)
	}
	o.follow(ctx)
	if o.in != nil {
		// Whatever the time was: nothing is left behind.
		end, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), time.Minute)
		defer cancel()
		o.leave(end)
		o.state(end)
	}
	if err := o.print(); err != nil {
		return err
	}
	for _, c := range o.checks {
		if !c.OK {
			return fault.New(fault.Unavailable, "the installation is not well")
		}
	}
	return nil
}

// enter opens the way in: by the records of a stage, or by a token.
func (o *doctor) enter(ctx context.Context) (err error) {
	if o.stage == "" {
		o.tenant = cmp.Or(o.tenant, operations.DoctorTenant)
		o.client, err = o.staff(o.cmd)
		return err
	}
	if o.in, err = openStage(o.cmd, o.stage); err != nil {
		return err
	}
	if o.in.Address == "" {
		return fault.New(fault.Misconfigured, "the stage does not know its address: run make deploy again, its last step tells it")
	}
	if o.visit, err = o.in.Admit(ctx); err != nil {
		return err
	}
	if !pause(ctx, registryAge) {
		return fault.New(fault.Unavailable, "there was no time to begin")
	}
	o.server, o.token, o.tenant = o.in.Address, o.visit.Token, operations.DoctorTenant
	o.client, err = o.staff(o.cmd)
	return err
}

// note runs a check. What is unavailable is asked again at that distance until ctx ends; once asks no second time.
func (o *doctor) note(ctx context.Context, name, do string, again time.Duration, ask func(context.Context) error) bool {
	began := time.Now()
	err := ask(ctx)
	for again != once && fault.Has(err, fault.Unavailable) && pause(ctx, again) {
		err = ask(ctx)
	}
	c := check{Name: name, OK: err == nil, Took: time.Since(began).Round(time.Millisecond).String()}
	if err != nil {
		c.Says, c.Do = err.Error(), do
	}
	o.checks = append(o.checks, c)
	progress(o.cmd, "%s %s", map[bool]string{true: "ok  ", false: "FAIL"}[c.OK], name)
	return c.OK
}

// pause waits and reports whether ctx lasts.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// parts checks what a stage is made of, one by one.
func (o *doctor) parts(ctx context.Context) {
	o.note(ctx, "records can be written, read and removed", "see the class: misconfigured = your role may not use the tables of the stage", once, o.in.CheckRecords)
	o.note(ctx, "keys open for their case and no other", "the key of the stage must be enabled and its policy as deployed: make diff", once, o.in.CheckKeys)
	o.note(ctx, "objects can be put, read and deleted", "see the class: misconfigured = your role may not use the buckets of the stage", once, o.in.CheckObjects)
	o.note(ctx, "evidence cannot be deleted", "the evidence bucket was changed by hand: make diff, and deploy again", once, o.in.CheckLock)
}

// synthetic is what the staff API says of the case.
type synthetic struct {
	ID          string      `json:"id"`
	Status      dsar.Status `json:"status"`
	Phase       string      `json:"phase"`
	ClosedAt    time.Time   `json:"closedAt"`
	Undelivered []any       `json:"undelivered"`
}

// follow asks for a copy as the synthetic person and follows the case to its end.
func (o *doctor) follow(ctx context.Context) {
	if !o.note(ctx, "the address answers", "look at the runbook pages; a domain of your own must lead to the stage", once, o.healthy) {
		return
	}
	if !o.note(ctx, "a request is taken in", "look at the log of Console", once, o.ask) {
		return
	}
	ended := o.note(ctx, "the workflow brings it to its end", "look at the runbooks executions and outbox", pollEvery, o.ended)
	if o.in == nil {
		o.note(ctx, "its letters have left", "the console lists letters that may not have arrived", once, o.arrived)
		o.note(ctx, "its evidence is sealed and verifies", "look at the log of the server", sealEvery, o.sealed)
		return
	}
	on := func(ask func(context.Context, string) error) func(context.Context) error {
		return func(ctx context.Context) error { return ask(ctx, o.caseID) }
	}
	o.note(ctx, "its letters have left", "look at the runbook mail; a new account of SES writes to addresses it knows only", pollEvery, on(o.visit.Letters))
	o.note(ctx, "every promise is kept, events are on the bus", "look at the runbook outbox", pollEvery, on(o.visit.Kept))
	if ended {
		o.note(ctx, "its evidence is sealed and verifies", "look at the runbook clockwork", pollEvery, on(o.visit.Sealed))
	}
}

func (o *doctor) healthy(ctx context.Context) error {
	raw, err := o.client.call(ctx, http.MethodGet, "/healthz", nil, "", nil)
	if err == nil && !bytes.HasPrefix(raw, []byte("ok")) {
		err = fault.New(fault.Misconfigured, "something else answers at the address")
	}
	return err
}

func (o *doctor) ask(ctx context.Context) error {
	raw, err := o.client.api(ctx, http.MethodPost, "/cases", nil, map[string]string{
		"right": string(dsar.Access), "email": o.email, "name": "Synthetic Person", "country": "DE", "verifiedBecause": "a check of the installation",
	})
	if err != nil {
		return err
	}
	c, err := decode[synthetic](raw)
	if err == nil && c.ID == "" {
		err = fault.New(fault.Internal, "the answer names no case")
	}
	o.caseID = c.ID
	return err
}

func (o *doctor) look(ctx context.Context) (synthetic, error) {
	raw, err := o.client.api(ctx, http.MethodGet, "/cases/"+url.PathEscape(o.caseID), url.Values{"reveal": {"false"}}, nil)
	if err != nil {
		return synthetic{}, err
	}
	return decode[synthetic](raw)
}

// ended is nil when the case is answered, fault.Unavailable while it is under way.
func (o *doctor) ended(ctx context.Context) (err error) {
	if o.end, err = o.look(ctx); err != nil {
		return err
	}
	switch {
	case !o.end.Status.Final():
		return fault.New(fault.Unavailable, fmt.Sprintf("the case is %s, in phase %s", o.end.Status, o.end.Phase))
	case o.end.Status != dsar.Fulfilled:
		return fault.New(fault.Internal, "the case ended as "+string(o.end.Status))
	}
	return nil
}

func (o *doctor) arrived(ctx context.Context) error {
	c, err := o.look(ctx)
	if err == nil && len(c.Undelivered) > 0 {
		err = fault.New(fault.Misconfigured, fmt.Sprintf("%d letters may not have arrived", len(c.Undelivered)))
	}
	return err
}

// sealed verifies the bundle that the API gives out.
func (o *doctor) sealed(ctx context.Context) error {
	raw, err := o.client.api(ctx, http.MethodGet, "/cases/"+url.PathEscape(o.caseID)+"/evidence", nil, nil)
	if err != nil {
		return err
	}
	report, err := evidence.VerifyBundle(bytes.NewReader(raw), int64(len(raw)), evidence.VerifyOptions{})
	switch {
	case err != nil:
		return err
	case !report.OK():
		return fault.New(fault.Internal, "the bundle does not verify")
	case report.Unsealed > 0:
		return fault.New(fault.Unavailable, "evidence is not sealed yet")
	}
	return nil
}

// leave takes the case out of the house, withdrawn first when it did not end, and closes the account.
func (o *doctor) leave(ctx context.Context) {
	o.note(ctx, "nothing is left behind", "withdraw the case of tenant "+operations.DoctorTenant+" in the console, and run the doctor again", once, func(ctx context.Context) error {
		var err error
		if o.caseID != "" {
			if err = o.withdraw(ctx); err == nil {
				err = o.visit.Dispose(ctx, o.caseID, o.end.Status, o.end.ClosedAt)
			}
		}
		return errors.Join(err, o.visit.End(ctx))
	})
}

func (o *doctor) withdraw(ctx context.Context) error {
	if o.end.Status.Final() {
		return nil
	}
	if _, err := o.client.api(ctx, http.MethodPost, "/cases/"+url.PathEscape(o.caseID)+"/withdrawal", nil, map[string]string{"reason": "a check of the installation"}); err != nil {
		return err
	}
	for {
		c, err := o.look(ctx)
		if o.end = c; err != nil || c.Status.Final() {
			return err
		}
		if !pause(ctx, pollEvery) {
			return fault.New(fault.Unavailable, "the synthetic case cannot be withdrawn")
		}
	}
}

// state looks at what an operator is told of.
func (o *doctor) state(ctx context.Context) {
	s, err := o.in.Status(ctx)
	o.note(ctx, "the state can be read", "see the class: misconfigured = your role may not ask", once, func(context.Context) error { return err })
	for _, t := range s.Trouble(o.in.Now()) {
		o.note(ctx, "nothing is to be looked at", t, once, func(context.Context) error { return fault.New(fault.Unavailable, "something is") })
	}
}

func (o *doctor) print() error {
	ok := true
	for _, c := range o.checks {
		ok = ok && c.OK
	}
	return show(o.cmd, struct {
		OK     bool    `json:"ok"`
		Checks []check `json:"checks"`
	}{ok, o.checks}, func(w io.Writer) {
		for _, c := range o.checks {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", map[bool]string{true: "ok", false: "FAIL"}[c.OK], c.Name, c.Took) // show reports the error
			if !c.OK {
				_, _ = fmt.Fprintf(w, "\t%s\t\n\tdo: %s\t\n", c.Says, c.Do)
			}
		}
	})
}
