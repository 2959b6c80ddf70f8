package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

const maxRecipients = 1 << 20 // bytes of a recipients.yaml

func newRecipients() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "recipients", Short: "Register who receives data, and how they are told of changes"}
	r.flags(c)
	c.AddCommand(newRecipientsApply(r), newRecipientsList(r))
	return c
}

// recipientBody is a recipient as the API takes and gives it.
type recipientBody struct {
	Name         string         `json:"name"`
	Title        string         `json:"title"`
	Country      string         `json:"country,omitempty"`
	Purpose      string         `json:"purpose,omitempty"`
	Email        string         `json:"email,omitempty"`
	Webhook      string         `json:"webhook,omitempty"`
	Secret       string         `json:"secret,omitempty"`
	AllowPrivate bool           `json:"allowPrivate,omitempty"`
	Identifiers  []subject.Kind `json:"identifiers,omitempty"`
}

// recipientChange is what applying does to one recipient.
type recipientChange struct {
	Name   string `json:"name"`
	Change string `json:"change"` // created, changed, unchanged
	body   recipientBody
}

func newRecipientsApply(r *remote) *cobra.Command {
	var file string
	var dry, yes bool
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Register the recipients of a file", Args: cobra.NoArgs,
		Long: "Reads recipients.yaml, shows on stderr what would change, and changes it; on a terminal it asks first. Secrets stay references\n" +
			"that the server resolves. Recipients that the file does not name are left alone.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage("-f wants the file with the recipients")
			}
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			changes, err := planRecipients(cmd, c, file)
			if err != nil {
				return err
			}
			if !dry {
				if err := applyRecipients(cmd, c, changes, yes || file == "-"); err != nil {
					return err
				}
			}
			return show(cmd, map[string]any{"recipients": changes, "applied": !dry}, func(w io.Writer) {
				for _, ch := range changes {
					_, _ = fmt.Fprintf(w, "%s\t%s\n", ch.Name, ch.Change)
				}
			})
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "recipients.yaml")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would change")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask on a terminal")
	return c
}

// planRecipients reads the file and compares it with what is registered. Nothing is changed.
func planRecipients(cmd *cobra.Command, c *client, file string) ([]recipientChange, error) {
	content, err := readFile(cmd, file, maxRecipients)
	if err != nil {
		return nil, err
	}
	entries, err := registry.ParseRecipients(content)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "finding the folder of the file")
	}
	changes := []recipientChange{}
	for _, e := range entries {
		b := recipientBody{e.Name, strings.TrimSpace(e.Title), e.Country, strings.TrimSpace(e.Purpose), e.Email, e.Webhook, e.Secret, e.AllowPrivate, e.Identifiers}
		if p, ok := strings.CutPrefix(b.Secret, "file:"); ok && !filepath.IsAbs(p) {
			b.Secret = "file:" + filepath.Join(dir, p)
		}
		ch := recipientChange{Name: e.Name, Change: changed, body: b}
		raw, err := c.api(cmd.Context(), http.MethodGet, "/recipients/"+url.PathEscape(e.Name), nil, nil)
		switch {
		case fault.Has(err, fault.NotFound):
			ch.Change = created
		case err != nil:
			return nil, err
		default:
			old, err := decode[recipientBody](raw)
			if err != nil {
				return nil, err
			}
			if reflect.DeepEqual(old, b) {
				ch.Change = unchanged
			}
		}
		changes = append(changes, ch)
	}
	return changes, nil
}

// applyRecipients registers what differs. It stops at the first recipient that is refused; those before it are registered.
func applyRecipients(cmd *cobra.Command, c *client, changes []recipientChange, yes bool) error {
	n := 0
	for _, ch := range changes {
		if ch.Change != unchanged {
			n++
			progress(cmd, "%s: %s", ch.Name, ch.Change)
		}
	}
	if n == 0 {
		return nil
	}
	if err := confirm(cmd, yes, fmt.Sprintf("Register these changes of %d of %d recipients?", n, len(changes))); err != nil {
		return err
	}
	for _, ch := range changes {
		if ch.Change == unchanged {
			continue
		}
		if _, err := c.api(cmd.Context(), http.MethodPut, "/recipients/"+url.PathEscape(ch.Name), nil, ch.body); err != nil {
			return fmt.Errorf("registering %s: %w", ch.Name, err)
		}
	}
	return nil
}

func newRecipientsList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List recipients", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			type list struct {
				Recipients []recipientBody `json:"recipients"`
			}
			return ask(cmd, c, http.MethodGet, "/recipients", nil, nil, func(w io.Writer, l list) {
				for _, v := range l.Recipients {
					way := "no way to tell it is registered"
					switch {
					case v.Webhook != "":
						way = "webhook"
					case v.Email != "":
						way = "mail"
					}
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Name, v.Title, v.Country, way)
				}
			})
		},
	}
}
