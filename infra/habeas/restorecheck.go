package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// restoreCheck are the flags of restore-check.
type restoreCheck struct {
	remote
	dir, system, approvedBy string
	apply                   bool
}

func newRestoreCheck() *cobra.Command {
	o := &restoreCheck{}
	c := &cobra.Command{
		Use: "restore-check --system NAME", Short: "Find what a restored backup of a system brought back", Args: cobra.NoArgs,
		Long: "A system that was restored from its backup holds again what was erased since. This reads every record that was erased from\n" +
			"the system within its backup horizon and says how many are back, by case and collection; it exits with 1 when any is.\n" +
			"With --apply what came back is erased again: exactly what an approved plan erased before, under the legal holds of today.\n" +
			"Ask the running server (--server, --token), or work on a data directory while no server runs (--data).",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.dir, "data", "", "data directory of an installation that is not running")
	f.StringVar(&o.system, "system", "", "name of the system")
	f.BoolVar(&o.apply, "apply", false, "erase again what came back; asks for an account that decides cases")
	f.StringVar(&o.approvedBy, "approved-by", "", "with --apply and --data: address of the member of staff who approves")
	return c
}

func (o *restoreCheck) run(cmd *cobra.Command) error {
	switch {
	case o.system == "":
		return usage("--system wants the name of the system that was restored")
	case o.dir != "" && (o.server != "" || o.token != ""):
		return usage("either --data or --server")
	case o.apply && o.dir != "" && o.approvedBy == "":
		return usage("--apply wants --approved-by: who approves is proved with what is done")
	case o.approvedBy != "" && (o.dir == "" || !o.apply):
		return usage("--approved-by belongs to --apply with --data; a server takes whose token it is")
	}
	ask, done, err := o.source(cmd)
	if err != nil {
		return err
	}
	total := erasureledger.Report{Cases: []erasureledger.CaseFind{}}
	for {
		part, err := ask(total.Next)
		if err != nil {
			return errors.Join(err, done())
		}
		total.Entries, total.Back, total.Left = total.Entries+part.Entries, total.Back+part.Back, total.Left+part.Left
		total.Cases, total.Next = append(total.Cases, part.Cases...), part.Next
		if total.Next == "" {
			break
		}
		progress(cmd, "%d erasures compared", total.Entries)
	}
	if err := done(); err != nil {
		return err
	}
	if err := show(cmd, total, func(w io.Writer) { printRestored(w, o.system, total) }); err != nil {
		return err
	}
	if total.Left > 0 {
		return fault.New(fault.Conflict, fmt.Sprintf("%d records that were erased are in %s again", total.Left, o.system))
	}
	return nil
}

// source returns what answers for one part of the ledger, and what ends the conversation.
func (o *restoreCheck) source(cmd *cobra.Command) (ask func(cursor string) (erasureledger.Report, error), done func() error, err error) {
	if o.dir != "" {
		return o.offline(cmd)
	}
	c, err := o.staff(cmd)
	if err != nil {
		return nil, nil, err
	}
	path := "/systems/" + url.PathEscape(o.system) + map[bool]string{false: "/restore-check", true: "/restore-apply"}[o.apply]
	ask = func(cursor string) (erasureledger.Report, error) {
		raw, err := c.api(cmd.Context(), http.MethodPost, path, nil, map[string]string{"cursor": cursor})
		if err != nil {
			return erasureledger.Report{}, err
		}
		return decode[erasureledger.Report](raw)
	}
	return ask, func() error { return nil }, nil
}

// offline works on a data directory of which no server is running: the engine's lock sees to that.
func (o *restoreCheck) offline(cmd *cobra.Command) (func(string) (erasureledger.Report, error), func() error, error) {
	ctx := cmd.Context()
	app, err := openOffline(ctx, o.dir, cmd.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	done := func() error { return closeApp(app) }
	tenant, by := o.tenant, evidence.System
	if tenant == "" {
		if tenant, err = app.FirstName(ctx); err != nil {
			return nil, nil, errors.Join(err, done())
		}
	}
	if o.apply {
		staff, err := app.Registry.StaffByEmail(ctx, o.approvedBy)
		if err == nil && !staff.May(registry.DecideCases, tenant) {
			err = fault.New(fault.Forbidden, "who approves must be a member of staff who decides cases of the tenant")
		}
		if err != nil {
			return nil, nil, errors.Join(err, done())
		}
		by = evidence.Staff(staff.ID)
	}
	return func(cursor string) (erasureledger.Report, error) {
		return app.Restores.Check(ctx, tenant, o.system, o.apply, by, cursor)
	}, done, nil
}

// openOffline opens an existing data directory without starting anything.
func openOffline(ctx context.Context, dir string, stderr io.Writer) (*local.App, error) {
	if _, err := os.Stat(filepath.Join(dir, "habeas.db")); err != nil {
		return nil, fault.New(fault.NotFound, "there is no installation in the data directory")
	}
	cfg := local.Config{Dir: dir, BaseURL: "http://127.0.0.1", MailDomain: "habeas.localhost", Log: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if _, err := os.Stat(filepath.Join(dir, "clock")); !errors.Is(err, fs.ErrNotExist) {
		clock, err := local.OpenManualClock(filepath.Join(dir, "clock"), time.Now())
		if err != nil {
			return nil, err
		}
		cfg.Clock = clock
	}
	return local.Open(ctx, cfg)
}

func printRestored(w io.Writer, system string, r erasureledger.Report) {
	for _, c := range r.Cases {
		for _, x := range c.Collections {
			_, _ = fmt.Fprintf(w, "%s\t%s.%s\t%d back of %d\t%d erased again\t%d under a hold\t%d of somebody else\t%d not on the list\n",
				c.Reference, system, x.Collection, x.Back, x.Erased, x.Replayed, x.Held, x.Foreign, x.Outside)
		}
	}
	_, _ = fmt.Fprintf(w, "%d erasures compared, %d records came back, %d are still there\n", r.Entries, r.Back, r.Left)
}
