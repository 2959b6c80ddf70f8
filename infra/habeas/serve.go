package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
)

// drain is how long a stopping server waits for what is in hand.
const drain = 9 * time.Second

type serveOptions struct {
	dir, listen, baseURL, clock, mailDomain string
	mail                                    mailOptions
	signIn                                  oidcsignin.Settings
	demo, verbose                           bool
	workers                                 int
	lag                                     time.Duration
}

func newServe() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use: "serve", Short: "Run Habeas in one process", Args: cobra.NoArgs,
		Long: "Runs portal, console, API and workflow in one process on the data directory. The first line on stdout says where\n" +
			"everything is. SIGTERM drains and stops within 10 seconds; starting again on the same directory continues.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return serve(ctx, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "data", "./habeas-data", "data directory")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to listen on")
	f.StringVar(&o.baseURL, "base-url", "", "address that people reach the server under, such as https://privacy.example.com (default: the listen address)")
	f.StringVar(&o.mailDomain, "mail-domain", "habeas.localhost", "right side of the Message-IDs of our mails")
	o.mail.flags(c)
	signInFlags(c, &o.signIn)
	f.StringVar(&o.clock, "clock", "", `"manual": time stands still until it is moved through /dev/clock`)
	f.BoolVar(&o.demo, "demo", false, "start a demonstration with invented people and three tenants")
	f.BoolVar(&o.verbose, "verbose", false, "log every step")
	f.IntVar(&o.workers, "workers", 16, "steps that run at once")
	f.DurationVar(&o.lag, "index-lag", 0, "let list indexes lag behind by so much, as they may on DynamoDB (for tests)")
	return c
}

func serve(ctx context.Context, o serveOptions, stdout, stderr io.Writer) error {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelInfo
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	cfg, err := o.config(log)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fault.Wrap(fault.Misconfigured, err, "listening")
	}
	defer ln.Close()
	if cfg.BaseURL == "" {
		cfg.BaseURL = "http://" + ln.Addr().String()
	}
	app, err := local.Open(ctx, cfg)
	if err != nil {
		return err
	}
	line, err := prepare(ctx, app, cfg, stderr)
	if err == nil {
		err = app.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return errors.Join(err, closeApp(app))
	}
	srv := &http.Server{
		Handler: app.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 3 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	if err := json.NewEncoder(stdout).Encode(line); err != nil {
		return errors.Join(fmt.Errorf("writing the first line: %w", err), closeApp(app))
	}
	select {
	case err = <-failed:
		err = fault.Wrap(fault.Internal, err, "serving")
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain/2)
		defer cancel()
		if err = srv.Shutdown(end); err != nil {
			err = srv.Close() // connections that do not end in time are cut
		}
	}
	return errors.Join(err, closeApp(app))
}

func closeApp(app *local.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain/2)
	defer cancel()
	return app.Close(ctx)
}

func (o serveOptions) config(log *slog.Logger) (local.Config, error) {
	cfg := local.Config{
		Dir: o.dir, BaseURL: strings.TrimSuffix(o.baseURL, "/"), MailDomain: o.mailDomain, Demo: o.demo, Workers: o.workers, Lag: o.lag, Log: log,
		NoLimits: os.Getenv("HABEAS_RATE_LIMITS") == "off",
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return cfg, fault.Wrap(fault.Misconfigured, err, "making the data directory")
	}
	switch o.clock {
	case "":
	case "manual":
		clock, err := local.OpenManualClock(filepath.Join(o.dir, "clock"), time.Now())
		if err != nil {
			return cfg, err
		}
		cfg.Clock = clock
	default:
		return cfg, usage(`--clock knows one value: "manual"`)
	}
	err := checkSignIn(o.signIn)
	if err != nil {
		return cfg, err
	}
	cfg.SignIn = o.signIn
	if cfg.Mail, err = o.mail.sender(); err != nil {
		return cfg, err
	}
	if cfg.SendGridEvents, err = o.mail.events(); err == nil && o.mail.sendGridKey != "" && cfg.SendGridEvents == nil {
		log.Warn("nobody reports what becomes of mail: set the webhook key of SendGrid")
	}
	return cfg, err
}

// prepare makes tenants and accounts where they are missing and says where everything is.
func prepare(ctx context.Context, app *local.App, cfg local.Config, stderr io.Writer) (local.FirstLine, error) {
	if cfg.Demo {
		progress := func(s string) { _, _ = fmt.Fprintln(stderr, s) } // progress is lost with its reader
		if err := app.SetUpDemo(ctx, progress); err != nil {
			return local.FirstLine{}, err
		}
		return app.DemoLine(ctx)
	}
	made, err := app.FirstTenant(ctx)
	if err != nil {
		return local.FirstLine{}, err
	}
	first, err := app.FirstName(ctx)
	if err != nil {
		return local.FirstLine{}, err
	}
	line := app.FirstLine(first)
	if made {
		acc, token, err := (local.Accounts{Registry: app.Registry, Sessions: app.Sessions, Now: app.Now}).Add(ctx, "", "admin@habeas.localhost", []registry.Role{registry.Admin}, "first")
		if err != nil {
			return line, err
		}
		if cfg.SignIn.Only { // no issuer vouches for its address: without its password nobody could sign in
			if err := app.Registry.ChangeStaff(ctx, acc.ID, func(m *registry.Staff) { m.BreakGlass = true }); err != nil {
				return line, err
			}
		}
		line.Accounts, line.Tokens = []local.Account{acc}, []local.Token{*token}
	}
	return line, nil
}
