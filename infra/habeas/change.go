package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// exemption is one that an edited plan brings or takes back.
type exemption struct {
	System     string `json:"system"`
	Collection string `json:"collection,omitempty"`
	Citation   string `json:"citation,omitempty"`
	ReviewBy   string `json:"reviewBy,omitempty"`
}

// place reads SYSTEM or SYSTEM/COLLECTION.
func place(s string) exemption {
	system, collection, _ := strings.Cut(s, "/")
	return exemption{System: system, Collection: collection}
}

// editFlags are what the command changes about a plan.
type editFlags struct {
	citation, reviewBy           string
	exempt, include, corrections []string
	growth                       int
}

// edits are the flags as the API takes them.
func (e *editFlags) edits() (map[string]any, error) {
	edits := map[string]any{}
	if len(e.exempt) > 0 {
		if e.citation == "" {
			return nil, usage("--exempt wants the law it rests on: --citation")
		}
		list := []exemption{}
		for _, s := range e.exempt {
			x := place(s)
			x.Citation, x.ReviewBy = e.citation, e.reviewBy
			list = append(list, x)
		}
		edits["exempt"] = list
	}
	if len(e.include) > 0 {
		list := []exemption{}
		for _, s := range e.include {
			list = append(list, place(s))
		}
		edits["include"] = list
	}
	if len(e.corrections) > 0 {
		list := []map[string]string{}
		for _, s := range e.corrections {
			name, value, ok := strings.Cut(s, "=")
			if !ok || name == "" {
				return nil, usage("--correct wants FIELD=VALUE, or SYSTEM/FIELD=VALUE")
			}
			one := map[string]string{"field": name, "value": value}
			if system, field, ok := strings.Cut(name, "/"); ok {
				one["system"], one["field"] = system, field
			}
			list = append(list, one)
		}
		edits["corrections"] = list
	}
	if e.growth != 0 {
		edits["growthLimit"] = e.growth
	}
	return edits, nil
}

// newCaseEdit changes a plan that waits and sends it back to its dry run.
func newCaseEdit(r *remote) *cobra.Command {
	var hash, reason string
	var e editFlags
	c := onCase(r, "edit CASE", "Change the plan that waits; it is checked again, and somebody else approves it", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		edits, err := e.edits()
		if err != nil {
			return err
		}
		if len(edits) == 0 || strings.TrimSpace(reason) == "" {
			return usage("say what changes (--exempt, --include, --correct, --growth-limit) and why (--reason)")
		}
		if hash == "" {
			what, shown, err := c.waiting(cmd, id)
			if err != nil {
				return err
			}
			if what != "plan" {
				return usage("a response waits, not a plan; it cannot be edited")
			}
			hash = shown
		}
		body := map[string]any{"decision": "edit", "hash": hash, "reason": reason, "edits": edits}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/plan/decision", nil, body, func(w io.Writer, _ json.RawMessage) {
			_, _ = fmt.Fprintln(w, "plan changed; it is checked again in its systems")
		})
	})
	f := c.Flags()
	f.StringVar(&hash, "hash", "", "hash of the plan that you looked at (default: what waits now)")
	f.StringVar(&reason, "reason", "", "why the plan changes")
	f.StringArrayVar(&e.exempt, "exempt", nil, "SYSTEM or SYSTEM/COLLECTION that stays as it is; may be repeated")
	f.StringVar(&e.citation, "citation", "", "with --exempt: the law that it rests on")
	f.StringVar(&e.reviewBy, "review-by", "", "with --exempt: when it is to be reviewed, such as 2027-01-31")
	f.StringArrayVar(&e.include, "include", nil, "SYSTEM or SYSTEM/COLLECTION whose exemption in this case is taken back; may be repeated")
	f.StringArrayVar(&e.corrections, "correct", nil, "FIELD=VALUE or SYSTEM/FIELD=VALUE; all of them replace those of the request")
	f.IntVar(&e.growth, "growth-limit", 0, "per cent that may come on top before the plan is made anew")
	return c
}

func newCasePause(r *remote) *cobra.Command {
	var reason string
	c := onCase(r, "pause CASE", "Park a case before its next batch; the clock of the law goes on", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		if strings.TrimSpace(reason) == "" {
			return usage("a pause wants its reason: --reason")
		}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/pause", nil, map[string]string{"reason": reason}, writeStatus)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; it is kept with the case")
	return c
}

func newCaseResume(r *remote) *cobra.Command {
	return onCase(r, "resume CASE", "Let a paused case go on where it stopped", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/resume", nil, map[string]string{}, writeStatus)
	})
}

func newCaseProceed(r *remote) *cobra.Command {
	var reason string
	c := onCase(r, "proceed-without CASE SYSTEM", "Answer without a system; it is tried again, and a supplement follows", func(cmd *cobra.Command, c *client, id string, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return usage("going without a system wants its reason, which the person reads: --reason")
		}
		return ask(cmd, c, http.MethodPost, "/cases/"+id+"/proceed-without", nil, map[string]string{"system": args[1], "reason": reason}, writeStatus)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; the person reads it in the answer")
	return c
}

func newCaseHold(r *remote) *cobra.Command {
	var h holdFlags
	c := onCase(r, "hold CASE", "Place a legal hold on everything that a case would change", func(cmd *cobra.Command, c *client, id string, _ []string) error {
		return h.place(cmd, c, map[string]any{"scope": "case", "case": id})
	})
	h.flags(c)
	return c
}
