package console

import (
	"net/http"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// wordingRoutes are what letters say in the tenant's own words: drafts, publications and their history.
func (h *Handler) wordingRoutes() []Route {
	const v = " /api/v1/wording"
	return []Route{
		h.callRoute("GET"+v, registry.ReadSystems, h.apiWording),
		h.callRoute("GET"+v+"/{language}/{key}", registry.ReadSystems, h.apiWords),
		h.callRoute("PUT"+v+"/{language}/{key}", registry.ChangeWording, h.apiPutWording),
	}
}

// wordsView is one publication as the API shows it.
type wordsView struct {
	Version int               `json:"version"`
	Text    map[string]string `json:"text"` // empty: back to the words of the catalogue
	Reason  string            `json:"reason"`
	Staff   string            `json:"staff,omitempty"`
	At      time.Time         `json:"at"`
}

func viewOfWords(w registry.Words) wordsView {
	if w.Text == nil {
		w.Text = map[string]string{}
	}
	return wordsView{w.Version, w.Text, w.Reason, w.Staff, w.At}
}

// apiWording lists what may be said in own words, and what is.
func (h *Handler) apiWording(w http.ResponseWriter, r *http.Request, c *caller) error {
	all, err := h.Registry.Wordings(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	keys, err := h.Letters.Catalogue.Keys()
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"version": len(all), "languages": letters.Languages(), "keys": keys, "own": registry.WordsAt(all, len(all))})
	return nil
}

// apiWords shows one message: the catalogue's words, the tenant's, and every publication, the newest first.
func (h *Handler) apiWords(w http.ResponseWriter, r *http.Request, c *caller) error {
	language, key := r.PathValue("language"), r.PathValue("key")
	built, err := h.Letters.Catalogue.Message(language, key)
	if err != nil {
		return err
	}
	all, err := h.Registry.Wordings(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	history := []wordsView{}
	for _, one := range slices.Backward(all) {
		if one.Language == language && one.Key == key {
			history = append(history, viewOfWords(one))
		}
	}
	own := registry.WordsAt(all, len(all))[language][key]
	if own == nil {
		own = map[string]string{}
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"language": language, "key": key, "catalogue": built, "own": own, "history": history})
	return nil
}

// specimenView is a letter to nobody, written with the draft.
type specimenView struct {
	Letter  letters.Kind `json:"letter"`
	Law     policy.ID    `json:"law"`
	Subject string       `json:"subject"`
	Text    string       `json:"text"`
}

// wordingInput is a draft: words, or the version whose words come back. Nothing is stored unless Publish is set.
type wordingInput struct {
	Text    letters.Phrase `json:"text"`
	Restore *int           `json:"restore"` // 0: the words of the catalogue
	Reason  string         `json:"reason"`
	Publish bool           `json:"publish"`
}

// apiPutWording checks a draft, writes specimens with it, and publishes it when asked to.
func (h *Handler) apiPutWording(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in wordingInput
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	language, key := r.PathValue("language"), r.PathValue("key")
	all, err := h.Registry.Wordings(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	if err := in.resolve(all, language, key); err != nil {
		return err
	}
	specimens, err := h.tryWording(c, all, language, key, in.Text)
	if err != nil {
		return err
	}
	out := struct {
		Version   int            `json:"version"`
		Published bool           `json:"published"`
		Specimens []specimenView `json:"specimens"`
	}{Version: len(all), Specimens: specimens}
	if in.Publish {
		own := registry.Words{Language: language, Key: key, Text: in.Text, Reason: in.Reason, Staff: c.staff.ID}
		out.Version, out.Published, err = h.Registry.PublishWords(r.Context(), c.tenant.Name, own, h.by(c, act{Kind: wordsChanged, Target: language + " " + key}))
		if err != nil {
			return err
		}
	}
	web.WriteJSON(w, http.StatusOK, out)
	return nil
}

// resolve turns the version that is to come back into its words.
func (in *wordingInput) resolve(all []registry.Words, language, key string) error {
	switch {
	case (in.Restore == nil) == (in.Text == nil):
		return fault.InvalidField("/text", "give the words, or the version whose words are to come back")
	case in.Restore == nil:
		return nil
	case *in.Restore < 0 || *in.Restore > len(all):
		return fault.InvalidField("/restore", "there is no such version")
	}
	in.Text = registry.WordsAt(all, *in.Restore)[language][key]
	return nil
}

// tryWording checks the words and writes specimens of the letters that say them, under every law that the tenant works under. No words
// are the catalogue's, which need no check.
func (h *Handler) tryWording(c *caller, all []registry.Words, language, key string, text letters.Phrase) ([]specimenView, error) {
	if _, err := h.Letters.Catalogue.Message(language, key); err != nil {
		return nil, err
	}
	own := correspondence.WordingAt(all, len(all))
	if own.Phrases[language] == nil {
		own.Phrases[language] = map[string]letters.Phrase{}
	}
	delete(own.Phrases[language], key)
	if len(text) > 0 {
		if err := h.Letters.Catalogue.CheckPhrase(language, key, text); err != nil {
			return nil, err
		}
		own.Phrases[language][key] = text
	}
	var laws []policy.Pack
	for _, p := range h.Packs.Packs() {
		if len(c.tenant.Laws) == 0 || slices.Contains(c.tenant.Laws, p.ID) {
			laws = append(laws, p)
		}
	}
	who := letters.Tenant{Title: c.tenant.Title, Controller: c.tenant.Controller, Contact: c.tenant.Contact}
	found, err := h.Letters.Catalogue.Preview(language, key, own, who, laws)
	if err != nil {
		return nil, err
	}
	out := []specimenView{}
	for _, s := range found {
		out = append(out, specimenView{s.Kind, s.Law, s.Subject, s.Text})
	}
	return out, nil
}
