package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// pollEvery is how often a request is looked at while --wait lasts.
const pollEvery = time.Second

// requestOptions are the flags of `habeas request`, which acts as the data subject does, over the public API.
type requestOptions struct {
	remote
	right, email, name, country, region, locale, details string
	identifiers                                          []string
	reference, code, session, download                   string
	newCode, withdraw                                    bool
	wait                                                 time.Duration
}

func newRequest() *cobra.Command {
	var o requestOptions
	c := &cobra.Command{
		Use: "request", Short: "Submit a request as a data subject and follow it", Args: cobra.NoArgs,
		Example: "  habeas request --tenant lumen --right access --email ask@example.com\n" +
			"  habeas request --tenant lumen --reference 7K3QX-9M2DA --code - --wait 1m --download ./answer",
		Long: "Without --reference a request is submitted; the code that proves the address comes by mail. With --reference and\n" +
			"--code (or the --session that an earlier --code gave) the request is shown, and acted on as asked.",
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.right, "right", "", "what is asked for: access, erasure ...")
	f.StringVar(&o.email, "email", "", "address of the data subject; - reads it from stdin")
	f.StringVar(&o.name, "name", "", "name")
	f.StringVar(&o.country, "country", "", "country of residence, such as DE")
	f.StringVar(&o.region, "region", "", "region, such as CA")
	f.StringVar(&o.locale, "locale", "", "language of the letters, such as en")
	f.StringVar(&o.details, "details", "", "what it is about")
	f.StringArrayVar(&o.identifiers, "identifier", nil, "KIND=VALUE, such as customer_id=C-1042; may be repeated")
	f.StringVar(&o.reference, "reference", "", "reference of a request that was submitted")
	f.StringVar(&o.code, "code", "", "code out of the mail; - reads it from stdin")
	f.StringVar(&o.session, "session", "", "session of an earlier --code, instead of a code; - reads it from stdin")
	f.BoolVar(&o.newCode, "new-code", false, "mail a new code")
	f.BoolVar(&o.withdraw, "withdraw", false, "take the request back")
	f.DurationVar(&o.wait, "wait", 0, "wait so long for the answer, such as 2m")
	f.StringVar(&o.download, "download", "", "folder to save the package in")
	return c
}

// status is what people read of a request.
type status struct {
	Reference   string    `json:"reference"`
	Right       string    `json:"right"`
	Status      string    `json:"status"`
	ReceivedAt  time.Time `json:"receivedAt"`
	DueAt       time.Time `json:"dueAt"`
	Explanation []struct {
		Text string `json:"text"`
	} `json:"explanation"`
	Systems []struct {
		Name     string `json:"name"`
		Title    string `json:"title"`
		Outcome  string `json:"outcome"`
		Progress string `json:"progress"`
		Records  int64  `json:"records"`
	} `json:"systems"`
	Package *struct {
		Ready   bool `json:"ready"`
		Volumes []struct {
			Volume int    `json:"volume"`
			Bytes  int64  `json:"bytes"`
			SHA256 string `json:"sha256"`
		} `json:"volumes"`
	} `json:"package"`
}

func (s status) settled() bool {
	return (s.Package != nil && s.Package.Ready) || dsar.Status(s.Status).Final()
}

// followed is what `habeas request --json` prints: the answer of the server, the session, and the files that were saved.
type followed struct {
	Request json.RawMessage `json:"request"`
	Session string          `json:"session"`
	Files   []string        `json:"files,omitempty"`
}

func (o *requestOptions) run(cmd *cobra.Command) error {
	c, err := o.connect(cmd)
	if err != nil {
		return err
	}
	c.tenant = cmp.Or(c.tenant, "default")
	if o.reference == "" {
		return o.submit(cmd, c)
	}
	if o.newCode {
		if _, err := c.call(cmd.Context(), http.MethodPost, o.path(c, "/code"), nil, "", nil); err != nil {
			return err
		}
		return show(cmd, map[string]string{"next": "enter_code"}, func(w io.Writer) {
			_, _ = fmt.Fprintln(w, "a new code is on its way to the address of the request")
		})
	}
	session, err := o.signIn(cmd, c)
	if err != nil {
		return err
	}
	if o.withdraw {
		if _, err := c.call(cmd.Context(), http.MethodPost, o.path(c, "/withdrawal"), nil, session, nil); err != nil {
			return err
		}
		progress(cmd, "the request is withdrawn")
	}
	return o.follow(cmd, c, session)
}

// path is an address below the request in the tenant's API.
func (o *requestOptions) path(c *client, below string) string {
	return "/t/" + url.PathEscape(c.tenant) + "/api/v1/requests/" + url.PathEscape(o.reference) + below
}

func (o *requestOptions) submit(cmd *cobra.Command, c *client) error {
	if o.right == "" || o.email == "" {
		return usage("a new request wants --right and --email; an old one --reference")
	}
	if o.code != "" || o.session != "" || o.download != "" || o.withdraw || o.newCode {
		return usage("this wants the --reference of a request")
	}
	email, err := readSecret(cmd, o.email)
	if err != nil {
		return err
	}
	body := map[string]any{"right": o.right, "email": email}
	for name, value := range map[string]string{"name": o.name, "country": o.country, "region": o.region, "locale": o.locale, "details": o.details} {
		if value != "" {
			body[name] = value
		}
	}
	var ids []map[string]string
	for _, s := range o.identifiers {
		id, err := readIdentifier(cmd, s)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if ids != nil {
		body["identifiers"] = ids
	}
	raw, err := c.call(cmd.Context(), http.MethodPost, "/t/"+url.PathEscape(c.tenant)+"/api/v1/requests", nil, "", body)
	if err != nil {
		return err
	}
	s, err := decode[status](raw)
	if err != nil {
		return err
	}
	return show(cmd, raw, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "reference %s\n", s.Reference)
		progress(cmd, "a code is on its way to the address; go on with --reference %s --code CODE", s.Reference)
	})
}

// signIn returns a session: the one given, or a new one for the code.
func (o *requestOptions) signIn(cmd *cobra.Command, c *client) (string, error) {
	switch {
	case o.code != "" && o.session != "":
		return "", usage("--code or --session, not both")
	case o.session != "":
		return readSecret(cmd, o.session)
	case o.code == "":
		return "", usage("--reference wants --code, --session or --new-code")
	}
	code, err := readSecret(cmd, o.code)
	if err != nil {
		return "", err
	}
	raw, err := c.call(cmd.Context(), http.MethodPost, o.path(c, "/verification"), nil, "", map[string]string{"code": code})
	if err != nil {
		return "", err
	}
	v, err := decode[struct {
		Session string `json:"session"`
	}](raw)
	return v.Session, err
}

// follow shows the request, waits for its answer and saves it, as asked.
func (o *requestOptions) follow(cmd *cobra.Command, c *client, session string) error {
	raw, s, err := o.await(cmd, c, session)
	if err != nil {
		return err
	}
	out := followed{Request: raw, Session: session}
	var late error
	switch {
	case o.download != "" && (s.Package == nil || !s.Package.Ready):
		late = fault.New(fault.NotFound, "there is no package to download; the status is "+s.Status)
	case o.download != "":
		if out.Files, err = o.fetch(cmd.Context(), c, session, s); err != nil {
			return err
		}
	}
	err = show(cmd, out, func(w io.Writer) {
		writeStatusOf(w, s)
		for _, f := range out.Files {
			_, _ = fmt.Fprintln(w, "saved "+f)
		}
	})
	return errors.Join(err, late)
}

// await asks for the request until it is answered or --wait is over.
func (o *requestOptions) await(cmd *cobra.Command, c *client, session string) (json.RawMessage, status, error) {
	until := time.Now().Add(o.wait)
	last := ""
	for {
		raw, err := c.call(cmd.Context(), http.MethodGet, o.path(c, ""), nil, session, nil)
		if err != nil {
			return nil, status{}, err
		}
		s, err := decode[status](raw)
		if err != nil || s.settled() || !time.Now().Before(until) {
			return raw, s, err
		}
		if s.Status != last {
			progress(cmd, "%s", s.Status)
			last = s.Status
		}
		select {
		case <-time.After(pollEvery):
		case <-cmd.Context().Done():
			return raw, s, fault.Wrap(fault.Unavailable, cmd.Context().Err(), "waiting for the answer")
		}
	}
}

func writeStatusOf(w io.Writer, s status) {
	_, _ = fmt.Fprintf(w, "%s\t%s\t%s\treceived %s\n", s.Reference, s.Right, s.Status, s.ReceivedAt.Format(time.DateOnly))
	if !s.DueAt.IsZero() {
		_, _ = fmt.Fprintf(w, "due %s\n", s.DueAt.Format(time.RFC3339))
	}
	for _, e := range s.Explanation {
		_, _ = fmt.Fprintln(w, "  "+e.Text)
	}
	for _, sys := range s.Systems {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d records\n", cmp.Or(sys.Title, sys.Name), cmp.Or(sys.Outcome, sys.Progress), sys.Records)
	}
}

// fetch saves every volume of the package and holds each to the length and hash that the server names.
func (o *requestOptions) fetch(ctx context.Context, c *client, session string, s status) ([]string, error) {
	if ref, ok := dsar.CleanReference(s.Reference); !ok || ref != s.Reference {
		return nil, fault.New(fault.Internal, "the server named no reference that could be part of a file name")
	}
	if err := os.MkdirAll(o.download, 0o700); err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "making the folder")
	}
	names := make([]string, len(s.Package.Volumes))
	for i, v := range s.Package.Volumes {
		names[i] = filepath.Join(o.download, fmt.Sprintf("%s-%d.zip", s.Reference, v.Volume))
		if err := vacant(names[i]); err != nil { // before the link, which is good once, is spent on it
			return nil, err
		}
	}
	raw, err := c.call(ctx, http.MethodPost, o.path(c, "/package"), nil, session, nil)
	if err != nil {
		return nil, err
	}
	link, err := decode[struct {
		URL string `json:"url"`
	}](raw)
	if err != nil {
		return nil, err
	}
	to, err := c.base.Parse(link.URL)
	if err != nil || !strings.HasPrefix(to.Scheme, "http") {
		return nil, fault.New(fault.Internal, "the server named no address to download from")
	}
	var files []string
	for i, v := range s.Package.Volumes {
		body, err := c.volume(ctx, to, session, v.Volume)
		if err != nil {
			return files, fmt.Errorf("downloading volume %d: %w", v.Volume, err)
		}
		n, sum, err := save(names[i], body)
		if err = errors.Join(err, body.Close()); err != nil {
			return files, err
		}
		files = append(files, names[i])
		if n != v.Bytes || sum != v.SHA256 {
			return files, fault.New(fault.Internal, fmt.Sprintf("volume %d is not what the server announced", v.Volume))
		}
	}
	return files, nil
}
