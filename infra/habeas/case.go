package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newCase() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{
		Use: "case", Short: "Look at one case and decide about it",
		Long: "CASE is the reference of a case, such as 7K3QX-9M2DA, or its id.",
	}
	r.flags(c)
	c.AddCommand(
		newCaseShow(r), newDecision(r, "approve"), newDecision(r, "refuse"), newCaseExtend(r), newCaseMessage(r),
		newCaseWithdraw(r), newCaseOperator(r), newCaseEvidence(r),
		newCaseEdit(r), newCasePause(r), newCaseResume(r), newCaseProceed(r), newCaseHold(r),
	)
	return c
}

// caseID returns the id of a case that the caller named by reference or id.
func (c *client) caseID(ctx context.Context, named string) (string, error) {
	if uuid.Validate(named) == nil {
		return named, nil
	}
	ref, ok := dsar.CleanReference(named)
	if !ok {
		return "", usage("CASE wants a reference such as 7K3QX-9M2DA, or the id of a case")
	}
	raw, err := c.api(ctx, http.MethodGet, "/cases", url.Values{"q": {ref}}, nil)
	if err != nil {
		return "", err
	}
	list, err := decode[caseList](raw)
	if err != nil {
		return "", err
	}
	for _, one := range list.Cases {
		if one.Reference == ref {
			return one.ID, nil
		}
	}
	return "", fault.New(fault.NotFound, "there is no such case")
}

// caseView is what people read of a case.
type caseView struct {
	caseRow
	Phase  string `json:"phase"`
	Paused bool   `json:"paused"`
	Law    struct {
		Pack string `json:"pack"`
	} `json:"law"`
	Due struct {
		Steps []struct {
			Text     string `json:"text"`
			Citation string `json:"citation"`
		} `json:"steps"`
	} `json:"due"`
	Systems []struct {
		Name     string `json:"name"`
		Outcome  string `json:"outcome"`
		Progress string `json:"progress"`
		Records  int64  `json:"records"`
	} `json:"systems"`
	Tasks    []taskRow `json:"tasks"`
	Response *struct {
		Hash    string `json:"hash"`
		Records int64  `json:"records"`
		Bytes   int64  `json:"bytes"`
	} `json:"response"`
}

// onCase makes a command about one case: it connects, finds the case and runs do.
func onCase(r *remote, use, short string, do func(cmd *cobra.Command, c *client, id string, args []string) error) *cobra.Command {
	wants := len(strings.Fields(use)) - 1
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(wants),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			id, err := c.caseID(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return do(cmd, c, id, args)
		},
	}
}

func newCaseShow(r *remote) *cobra.Command {
	var reveal bool
	c := onCase(r, "show CASE", "Show a case", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		query := url.Values{"reveal": {"false"}}
		if reveal {
			query.Del("reveal")
		}
		return ask(cmd, c, http.MethodGet, "/cases/"+id, query, nil, writeCase)
	})
	c.Flags().BoolVar(&reveal, "reveal", false, "ask for the personal part too (with --json); the look is recorded")
	return c
}

func writeCase(w io.Writer, v caseView) {
	writeRow(w, v.caseRow)
	_, _ = fmt.Fprintf(w, "id %s, law %s, phase %s\n", v.ID, firstOf(v.Law.Pack, "not settled yet"), v.Phase)
	if v.Paused {
		_, _ = fmt.Fprintln(w, "paused; the clock of the law goes on")
	}
	for _, s := range v.Due.Steps {
		_, _ = fmt.Fprintf(w, "  %s %s\n", s.Text, s.Citation)
	}
	for _, s := range v.Systems {
		_, _ = fmt.Fprintf(w, "system %s\t%s\t%d records\n", s.Name, firstOf(s.Outcome, s.Progress), s.Records)
	}
	for _, t := range v.Tasks {
		if t.Asked != nil && t.Decision == nil {
			writeTask(w, t)
		}
	}
	if p := v.Response; p != nil {
		_, _ = fmt.Fprintf(w, "response %s\t%d records\t%d bytes\n", p.Hash, p.Records, p.Bytes)
	}
}

// newDecision makes approve and refuse: about the plan or the response, whichever waits. Without --hash the decision is
// about what the server shows now; if that changes in between, the server refuses it.
func newDecision(r *remote, decision string) *cobra.Command {
	var hash, reason string
	short := strings.ToUpper(decision[:1]) + decision[1:] + " the plan or the response that waits for a review"
	c := onCase(r, decision+" CASE", short, func(cmd *cobra.Command, c *client, id string, _ []string) error {
		if decision == "refuse" && strings.TrimSpace(reason) == "" {
			return usage("a refusal wants its reason: --reason (GDPR Art. 12(4))")
		}
		what, shown, err := c.waiting(cmd, id)
		if err != nil {
			return err
		}
		body := map[string]string{"decision": decision, "hash": firstOf(hash, shown), "reason": reason}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/"+what+"/decision", nil, body, func(w io.Writer, _ json.RawMessage) {
			_, _ = fmt.Fprintf(w, "%s: %s of %s\n", what, decision, body["hash"])
		})
	})
	c.Flags().StringVar(&hash, "hash", "", "hash of what you looked at (default: what waits now)")
	c.Flags().StringVar(&reason, "reason", "", "why; a refusal needs it")
	return c
}

// waiting finds out what of a case waits for a review, shows it on stderr and returns its hash.
func (c *client) waiting(cmd *cobra.Command, id string) (what, hash string, err error) {
	raw, err := c.api(cmd.Context(), http.MethodGet, "/cases/"+id, url.Values{"reveal": {"false"}}, nil)
	if err != nil {
		return "", "", err
	}
	v, err := decode[caseView](raw)
	if err != nil {
		return "", "", err
	}
	switch {
	case v.Status != string(dsar.AwaitingReview):
		return "", "", fault.New(fault.Conflict, "this case waits for no review; its status is "+v.Status)
	case v.Phase == string(dsar.PhaseReviewResponse) && v.Response != nil:
		progress(cmd, "the response %s has %d records, %d bytes", v.Response.Hash, v.Response.Records, v.Response.Bytes)
		return "response", v.Response.Hash, nil
	}
	raw, err = c.api(cmd.Context(), http.MethodGet, "/cases/"+id+"/plan", nil, nil)
	if err != nil {
		return "", "", err
	}
	p, err := decode[planView](raw)
	if err != nil {
		return "", "", err
	}
	progress(cmd, "the plan %s:", p.Hash)
	for _, s := range p.Systems {
		progress(cmd, "  %s: %s by %s", s.Name, firstOf(s.Outcome, s.Action), s.By)
		for _, col := range s.Collections {
			progress(cmd, "    %s: %s %d records%s", col.Name, col.Action, col.Records, strings.TrimSuffix(" ("+firstOf(col.Reason, col.Because)+")", " ()"))
		}
	}
	progress(cmd, "machines change %d records", p.Changes)
	if !p.Waiting {
		return "", "", fault.New(fault.Conflict, "the plan of this case waits for no decision")
	}
	return "plan", p.Hash, nil
}

type planView struct {
	Hash    string `json:"hash"`
	Waiting bool   `json:"waiting"`
	Changes int64  `json:"changes"`
	Systems []struct {
		Name        string `json:"name"`
		Action      string `json:"action"`
		By          string `json:"by"`
		Outcome     string `json:"outcome"`
		Collections []struct {
			Name    string `json:"name"`
			Action  string `json:"action"`
			Records int64  `json:"records"`
			Because string `json:"because"`
			Reason  string `json:"reason"`
		} `json:"collections"`
	} `json:"systems"`
}

func newCaseExtend(r *remote) *cobra.Command {
	var reason, text string
	c := onCase(r, "extend CASE", "Extend the period once and tell the person why", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		if reason == "" {
			return usage("--reason wants a reason that the law knows, such as complexity")
		}
		type extended struct {
			DueAt time.Time `json:"dueAt"`
		}
		body := map[string]string{"reason": reason, "text": text}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/extension", nil, body, func(w io.Writer, e extended) {
			_, _ = fmt.Fprintln(w, "now due "+e.DueAt.Format(time.RFC3339))
		})
	})
	c.Flags().StringVar(&reason, "reason", "", "reason, as the law names it")
	c.Flags().StringVar(&text, "text", "", "explanation for the person")
	return c
}

func newCaseMessage(r *remote) *cobra.Command {
	return onCase(r, "message CASE TEXT", "Write to the person (TEXT - reads stdin)", func(cmd *cobra.Command, c *client, id string, args []string) error {
		text := args[1]
		if text == "-" {
			content, err := readFile(cmd, "-", 64<<10)
			if err != nil {
				return err
			}
			text = string(content)
		}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/messages", nil, map[string]string{"text": text}, writeStatus)
	})
}

func newCaseWithdraw(r *remote) *cobra.Command {
	var reason string
	c := onCase(r, "withdraw CASE", "End a case because the person takes the request back", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/withdrawal", nil, map[string]string{"reason": reason}, writeStatus)
	})
	c.Flags().StringVar(&reason, "reason", "", "how the person told you")
	return c
}

func newCaseOperator(r *remote) *cobra.Command {
	var next string
	c := onCase(r, "operator CASE", "Let a case that stopped on a defect go on", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		if next == "" {
			return usage(fmt.Sprintf("--next wants one of %v", dsar.Phases()))
		}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/operator", nil, map[string]string{"next": next}, func(w io.Writer, _ json.RawMessage) {
			_, _ = fmt.Fprintln(w, "goes on with "+next)
		})
	})
	c.Flags().StringVar(&next, "next", "", "phase to go on with")
	return c
}

func writeStatus(w io.Writer, s struct {
	Status string `json:"status"`
},
) {
	_, _ = fmt.Fprintln(w, firstOf(s.Status, "done"))
}

func newCaseEvidence(r *remote) *cobra.Command {
	var out string
	c := onCase(r, "evidence CASE", "Save the evidence of a case as a signed bundle", func(cmd *cobra.Command, c *client, id string, args []string) error {
		name := out
		if name == "" {
			name = "evidence-" + strings.ToUpper(args[0]) + ".zip"
		}
		query := parameters("tenant", c.tenant)
		body, err := c.open(cmd.Context(), http.MethodGet, c.address("/api/v1/cases/"+id+"/evidence", query), c.token, nil)
		if err != nil {
			return err
		}
		n, _, err := save(name, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return err
		}
		return show(cmd, map[string]any{"file": name, "bytes": n}, func(w io.Writer) {
			_, _ = fmt.Fprintf(w, "%s\t%d bytes\n", name, n)
		})
	})
	c.Flags().StringVarP(&out, "output", "o", "", "file to write (default evidence-CASE.zip); it must not exist")
	return c
}
