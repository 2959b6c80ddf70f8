package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newDemo() *cobra.Command {
	c := &cobra.Command{Use: "demo", Short: "Things to do with a server that runs with --demo"}
	c.AddCommand(newTour(), newReset())
	return c
}

// tour drives requests through a running demonstration as everybody who takes part: the person, two members of the privacy
// team, the owner of a system that no machine reaches, and the recipients. It knows nothing but what the APIs say, and ends
// with an error as soon as something is not as it should be.
type tour struct {
	remote
	out, email                  string
	access, correction, erasure bool

	cmd               *cobra.Command
	client            *client
	handler, approver string // tokens
	approverID        string
	began             time.Time
	visits            []visited
	held              *holding // what the last access found
}

// visited is one request of the tour, as --json prints it.
type visited struct {
	Right     dsar.Right `json:"right"`
	Reference string     `json:"reference"`
	Status    string     `json:"status"`
	Folder    string     `json:"folder"`
}

func newTour() *cobra.Command {
	var t tour
	c := &cobra.Command{
		Use: "tour", Short: "Drive requests through the demo and keep packages, letters and evidence", Args: cobra.NoArgs,
		Example: "  HABEAS_RATE_LIMITS=off habeas serve --demo &\n  habeas demo tour --out ./tour\n  habeas demo tour --access --tenant lumen --out ./tour",
		Long: "Asks for a copy of somebody's data, has it corrected, and has it erased: as the person, as two members of the privacy\n" +
			"team, as the owner of the paper archive and as the recipients. Before and after every change it asks for a copy, so that\n" +
			"what changed is seen from outside. Ends with an error when anything is not as it should be. With --access, --correction\n" +
			"or --erasure it does only that.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			t.cmd = cmd
			return t.run()
		},
	}
	t.flags(c)
	f := c.Flags()
	f.BoolVar(&t.access, "access", false, "ask for a copy of one's data")
	f.BoolVar(&t.correction, "correction", false, "have a name corrected")
	f.BoolVar(&t.erasure, "erasure", false, "have everything erased")
	f.StringVar(&t.email, "email", demo.TypicalEmail, "whose data it is about")
	f.StringVar(&t.out, "out", "./habeas-tour", "folder for packages, letters and evidence; must not exist")
	return c
}

// say prints one step with the time since the tour began.
func (t *tour) say(format string, args ...any) {
	progress(t.cmd, "%6.2f s  %s", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// differs is a step that did not end as it should.
func differs(format string, args ...any) error {
	return fault.New(fault.Conflict, "the tour ends here: "+fmt.Sprintf(format, args...))
}

func (t *tour) run() (err error) {
	t.began = time.Now()
	if err := vacant(t.out); err != nil {
		return err
	}
	if t.client, err = t.connect(t.cmd); err != nil {
		return err
	}
	t.client.tenant = cmp.Or(t.client.tenant, local.TourTenant)
	if err := t.signInStaff(); err != nil {
		return err
	}
	if err := os.MkdirAll(t.out, 0o700); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "making the folder")
	}
	all := !t.access && !t.correction && !t.erasure
	for _, part := range []struct {
		wanted bool
		do     func() error
	}{{all || t.access, t.showAccess}, {all || t.correction, t.showCorrection}, {all || t.erasure, t.showErasure}} {
		if !part.wanted {
			continue
		}
		if err := part.do(); err != nil {
			return err
		}
	}
	t.say("everything is in %s", t.out)
	result := map[string]any{"folder": t.out, "requests": t.visits}
	return show(t.cmd, result, func(w io.Writer) { _, _ = fmt.Fprintln(w, t.out) })
}

// signInStaff takes the tokens of two members of the privacy team from the demonstration.
func (t *tour) signInStaff() error {
	raw, err := t.client.call(t.cmd.Context(), http.MethodGet, "/dev/accounts", nil, "", nil)
	if fault.Has(err, fault.NotFound) {
		return fault.New(fault.NotFound, "the server is no demonstration: start it with habeas serve --demo")
	}
	if err != nil {
		return fmt.Errorf("looking for the demonstration: %w", err)
	}
	line, err := decode[local.FirstLine](raw)
	if err != nil {
		return err
	}
	token := func(name string) string {
		if i := slices.IndexFunc(line.Tokens, func(x local.Token) bool { return x.Name == name }); i >= 0 {
			return line.Tokens[i].Token
		}
		return ""
	}
	if t.handler, t.approver = token("handler"), token("approver"); t.handler == "" || t.approver == "" {
		return differs("the demonstration has no accounts of a handler and an approver")
	}
	if i := slices.IndexFunc(line.Accounts, func(a local.Account) bool { return a.Email == "approver@staff.test" }); i >= 0 {
		t.approverID = line.Accounts[i].ID
	}
	return nil
}

// staff calls the staff API in the name of a token.
func (t *tour) staff(token, method, path string, query url.Values, in any) (json.RawMessage, error) {
	c := *t.client
	c.token = token
	return c.api(t.cmd.Context(), method, path, query, in)
}

// begin makes the folder of the next request.
func (t *tour) begin(right dsar.Right, title string) (*visit, error) {
	v := &visit{tour: t, right: right, dir: filepath.Join(t.out, fmt.Sprintf("%d-%s", len(t.visits)+1, right))}
	v.requestOptions.remote, v.requestOptions.email = t.remote, t.email
	for _, d := range []string{v.dir, filepath.Join(v.dir, "letters")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fault.Wrap(fault.Misconfigured, err, "making the folder")
		}
	}
	t.say("%s", title)
	return v, nil
}

// showAccess asks for a copy.
func (t *tour) showAccess() error { return t.look("-- A copy of the data") }

// look asks for a copy and remembers what it holds.
func (t *tour) look(title string) error {
	v, err := t.begin(dsar.Access, title)
	if err != nil {
		return err
	}
	if err := v.ask(nil); err != nil {
		return err
	}
	s, err := v.follow()
	if err != nil {
		return err
	}
	if t.held, err = v.fetchPackage(s); err != nil {
		return err
	}
	return v.finish(s)
}

// showCorrection has a name corrected and looks whether it is.
func (t *tour) showCorrection() error {
	if err := t.lookFirst("-- What is there before the correction"); err != nil {
		return err
	}
	before := t.held
	name, err := before.anotherName()
	if err != nil {
		return err
	}
	v, err := t.begin(dsar.Correction, "-- The correction of a name, to "+name)
	if err != nil {
		return err
	}
	if err := v.ask(map[string]any{"corrections": []map[string]string{{"field": "name", "value": name}}}); err != nil {
		return err
	}
	if err := v.change(func(p planned) error {
		if p.records("set") == 0 {
			return differs("the plan corrects nothing")
		}
		return nil
	}); err != nil {
		return err
	}
	if err := t.look("-- What is there after the correction"); err != nil {
		return err
	}
	return t.held.corrected(before, v.plan, name)
}

// showErasure has everything erased and looks whether it is.
func (t *tour) showErasure() error {
	if err := t.lookFirst("-- What is there before the erasure"); err != nil {
		return err
	}
	before := t.held
	if before.total() == 0 {
		return differs("nothing is held about %s; take somebody else with --email, or start a demonstration on an empty --data", t.email)
	}
	v, err := t.begin(dsar.Erasure, "-- The erasure of everything")
	if err != nil {
		return err
	}
	if err := v.ask(nil); err != nil {
		return err
	}
	if err := v.change(before.planCovers); err != nil {
		return err
	}
	if err := t.look("-- What is there after the erasure"); err != nil {
		return err
	}
	if n := t.held.total(); n != 0 {
		return differs("%d records are still found after the erasure", n)
	}
	t.say("before the erasure %d records were found, afterwards none", before.total())
	return nil
}

func (t *tour) lookFirst(title string) error {
	if t.held != nil {
		return nil
	}
	return t.look(title)
}
