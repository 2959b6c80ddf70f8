package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newWording shows and changes what letters say in the tenant's own words.
func newWording() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{Use: "wording", Short: "What letters say in the tenant's own words"}
	r.flags(c)
	c.AddCommand(newWordingShow(r), newWordingSet(r), newWordingHistory(r))
	return c
}

// ownWords is one message as the server shows it.
type ownWords struct {
	Language  string            `json:"language"`
	Key       string            `json:"key"`
	Catalogue map[string]string `json:"catalogue"`
	Own       map[string]string `json:"own"`
	History   []struct {
		Version int               `json:"version"`
		Text    map[string]string `json:"text"`
		Reason  string            `json:"reason"`
		Staff   string            `json:"staff,omitempty"`
		At      time.Time         `json:"at"`
	} `json:"history"`
}

func wordingPath(language, key string) string {
	return "/wording/" + url.PathEscape(language) + "/" + url.PathEscape(key)
}

// phrase writes a message, one form a line when there are several.
func phrase(p map[string]string) string {
	switch {
	case len(p) == 0:
		return "the words of the catalogue"
	case len(p) == 1 && p["other"] != "":
		return p["other"]
	}
	var lines []string
	for _, form := range slices.Sorted(maps.Keys(p)) {
		lines = append(lines, form+": "+p[form])
	}
	return strings.Join(lines, " | ")
}

func newWordingShow(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show [LANGUAGE KEY]", Short: "List the tenant's own words, or show one message beside the catalogue's", Args: cobra.MatchAll(cobra.MaximumNArgs(2), func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return usage("name a language and a key, or nothing to list what is replaced")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				return ask(cmd, c, http.MethodGet, wordingPath(args[0], args[1]), nil, nil, func(w io.Writer, m ownWords) {
					_, _ = fmt.Fprintf(w, "catalogue\t%s\nown\t%s\n", phrase(m.Catalogue), phrase(m.Own))
				})
			}
			type list struct {
				Version   int                                     `json:"version"`
				Languages []string                                `json:"languages"`
				Keys      []string                                `json:"keys"`
				Own       map[string]map[string]map[string]string `json:"own"`
			}
			return ask(cmd, c, http.MethodGet, "/wording", nil, nil, func(w io.Writer, l list) {
				_, _ = fmt.Fprintf(w, "version %d; %d messages can be replaced or added in %s\n", l.Version, len(l.Keys), strings.Join(l.Languages, ", "))
				for _, language := range l.Languages {
					for _, key := range slices.Sorted(maps.Keys(l.Own[language])) {
						_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", language, key, phrase(l.Own[language][key]))
					}
				}
			})
		},
	}
}

func newWordingHistory(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "history LANGUAGE KEY", Short: "Every publication of a message, the newest first", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			return ask(cmd, c, http.MethodGet, wordingPath(args[0], args[1]), nil, nil, func(w io.Writer, m ownWords) {
				for _, h := range m.History {
					_, _ = fmt.Fprintf(w, "version %d\t%s\t%s\t%s\n", h.Version, h.At.Format(time.DateTime), h.Reason, phrase(h.Text))
				}
			})
		},
	}
}

func newWordingSet(r *remote) *cobra.Command {
	var text, reason string
	var forms []string
	var restore int
	var publish bool
	c := &cobra.Command{
		Use: "set LANGUAGE KEY", Short: "Try own words in specimens of the letters that say them, and publish them", Args: cobra.ExactArgs(2),
		Long: "Writes the letters that say the message, to nobody, and prints them. With --publish the words become the tenant's, under a new version.\nKEY is one of the catalogue of letters, LETTER.extra for a paragraph to add, or signature.",
		Example: `  habeas wording set de signature --text "Ihr Datenschutzteam" --reason "House style" --publish
  habeas wording set pl minutes --form one="{{.N}} minutę" --form few="{{.N}} minuty" --form many="{{.N}} minut" --form other="{{.N}} minuty"
  habeas wording set de signature --restore 0 --reason "Back to the catalogue" --publish`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"publish": publish}
			if reason != "" {
				body["reason"] = reason
			}
			if cmd.Flags().Changed("restore") {
				body["restore"] = restore
			}
			if said, err := saidForms(text, forms); err != nil {
				return err
			} else if len(said) > 0 {
				body["text"] = said
			}
			if (body["text"] == nil) == (body["restore"] == nil) {
				return usage("give the words with --text or --form, or the version whose words come back with --restore")
			}
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			type result struct {
				Version   int  `json:"version"`
				Published bool `json:"published"`
				Specimens []struct {
					Letter  string `json:"letter"`
					Law     string `json:"law"`
					Subject string `json:"subject"`
					Text    string `json:"text"`
				} `json:"specimens"`
			}
			return ask(cmd, c, http.MethodPut, wordingPath(args[0], args[1]), nil, body, func(w io.Writer, out result) {
				for _, s := range out.Specimens {
					_, _ = fmt.Fprintf(w, "--- %s (%s)\nSubject: %s\n\n%s\n", s.Letter, s.Law, s.Subject, s.Text)
				}
				state := "a draft: nothing was changed"
				if out.Published {
					state = "published"
				}
				_, _ = fmt.Fprintf(w, "version %d, %s\n", out.Version, state)
			})
		},
	}
	c.Flags().StringVar(&text, "text", "", "the words of a message that counts nothing")
	c.Flags().StringArrayVar(&forms, "form", nil, "FORM=TEXT of a message that counts: one, few, many, other; repeated")
	c.Flags().IntVar(&restore, "restore", 0, "version whose words come back; 0 is the catalogue")
	c.Flags().StringVar(&reason, "reason", "", "why, kept with the version")
	c.Flags().BoolVar(&publish, "publish", false, "make the words the tenant's")
	return c
}

// saidForms reads the words by plural form.
func saidForms(text string, forms []string) (map[string]string, error) {
	out := map[string]string{}
	if text != "" {
		out["other"] = text
	}
	for _, f := range forms {
		name, words, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, usage("--form takes FORM=TEXT, such as one=\"{{.N}} day\"")
		}
		if _, twice := out[name]; twice {
			return nil, usage("the form " + name + " is given twice")
		}
		out[name] = words
	}
	return out, nil
}
