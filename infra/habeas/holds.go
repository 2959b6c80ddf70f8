package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// holdRow is what people read of a legal hold.
type holdRow struct {
	ID         string    `json:"id"`
	Scope      string    `json:"scope"`
	Kind       string    `json:"kind"`
	Case       string    `json:"case"`
	System     string    `json:"system"`
	Collection string    `json:"collection"`
	Records    int       `json:"records"`
	ReviewBy   string    `json:"reviewBy"`
	PlacedAt   time.Time `json:"placedAt"`
	ReleasedAt time.Time `json:"releasedAt"`
}

func newHolds() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "holds", Short: "Legal holds: what must be preserved"}
	r.flags(c)
	c.AddCommand(newHoldsList(r), newHoldsPlace(r), newHoldsRelease(r))
	return c
}

func newHoldsList(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List holds, oldest first, released ones too", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			type list struct {
				Holds []holdRow `json:"holds"`
			}
			return ask(cmd, c, http.MethodGet, "/holds", nil, nil, func(w io.Writer, l list) {
				for _, h := range l.Holds {
					writeHold(w, h)
				}
			})
		},
	}
}

func writeHold(w io.Writer, h holdRow) {
	about := h.Scope
	if h.Kind != "" {
		about += " (" + h.Kind + ")"
	}
	if h.Case != "" {
		about += " " + h.Case
	}
	where := firstOf(h.System, "every system")
	if h.Collection != "" {
		where += "/" + h.Collection
	}
	if h.Records > 0 {
		where += fmt.Sprintf(", %d records", h.Records)
	}
	state := "stands"
	switch {
	case !h.ReleasedAt.IsZero():
		state = "released " + h.ReleasedAt.Format(time.DateOnly)
	case h.ReviewBy != "":
		state = "review by " + h.ReviewBy
	}
	_, _ = fmt.Fprintf(w, "hold %s\t%s\t%s\t%s\n", h.ID, about, where, state)
}

// holdFlags are what every way of placing a hold asks for.
type holdFlags struct {
	system, collection, reason, reviewBy string
	keys                                 []string
}

func (h *holdFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&h.system, "system", "", "hold in this system alone")
	f.StringVar(&h.collection, "collection", "", "with --system: in this collection alone")
	f.StringArrayVar(&h.keys, "key", nil, "with --collection: this record alone; may be repeated; - reads keys from stdin, one a line")
	f.StringVar(&h.reason, "reason", "", "why; it is kept sealed with the hold")
	f.StringVar(&h.reviewBy, "review-by", "", "when somebody should ask whether it is still needed, such as 2027-01-31")
}

// place sends the hold.
func (h *holdFlags) place(cmd *cobra.Command, c *client, body map[string]any) error {
	if strings.TrimSpace(h.reason) == "" {
		return usage("a hold wants its reason: --reason")
	}
	body["reason"] = h.reason
	for name, value := range map[string]string{"system": h.system, "collection": h.collection, "reviewBy": h.reviewBy} {
		if value != "" {
			body[name] = value
		}
	}
	var keys []string
	for _, k := range h.keys {
		if k != "-" {
			keys = append(keys, k)
			continue
		}
		content, err := readFile(cmd, "-", 1<<20)
		if err != nil {
			return err
		}
		keys = append(keys, strings.Fields(string(content))...)
	}
	if len(keys) > 0 {
		body["keys"] = keys
	}
	return ask(cmd, c, http.MethodPost, "/holds", nil, body, writeHold)
}

func newHoldsPlace(r *remote) *cobra.Command {
	var h holdFlags
	var identifier, ofCase string
	c := &cobra.Command{
		Use: "place", Short: "Place a hold on a person, a case or a system", Args: cobra.NoArgs,
		Example: `  habeas holds place --identifier email=ada@example.com --reason "Case 4 C 12/26" --review-by 2027-12-31
  habeas holds place --system shop --collection orders --key 17 --key 18 --reason "Audit 2026"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := map[string]any{"scope": "system"}
			switch {
			case identifier != "" && ofCase != "":
				return usage("a hold is about a person or a case: give --identifier or --case, not both")
			case identifier == "" && ofCase == "" && h.system == "":
				return usage("say what the hold is about: --identifier, --case or --system")
			}
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			if identifier != "" {
				body["scope"] = "subject"
				if body["identifier"], err = readIdentifier(cmd, identifier); err != nil {
					return err
				}
			}
			if ofCase != "" {
				body["scope"] = "case"
				if body["case"], err = c.caseID(cmd.Context(), ofCase); err != nil {
					return err
				}
			}
			return h.place(cmd, c, body)
		},
	}
	h.flags(c)
	c.Flags().StringVar(&identifier, "identifier", "", "KIND=VALUE of the person; VALUE - reads stdin")
	c.Flags().StringVar(&ofCase, "case", "", "reference or id of a case")
	return c
}

func newHoldsRelease(r *remote) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "release HOLD", Short: "Release a hold; what it kept is planned again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			at := "/holds/" + url.PathEscape(args[0])
			raw, err := c.api(cmd.Context(), http.MethodGet, at, nil, nil)
			if err != nil {
				return err
			}
			type kept struct {
				Cases []json.RawMessage `json:"cases"`
				More  bool              `json:"more"`
			}
			k, err := decode[kept](raw)
			if err != nil {
				return err
			}
			how := fmt.Sprint(len(k.Cases))
			if k.More {
				how = "more than " + how
			}
			if err := confirm(cmd, yes, "What this hold kept in "+how+" cases is planned again. Release it?"); err != nil {
				return err
			}
			if _, err := c.api(cmd.Context(), http.MethodDelete, at, nil, nil); err != nil {
				return err
			}
			return show(cmd, map[string]string{"id": args[0], "status": "released"}, func(w io.Writer) { _, _ = fmt.Fprintln(w, "released") })
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask on a terminal")
	return c
}
