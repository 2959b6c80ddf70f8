package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

// checkpointView is the newest state of the log that seals the tenant's evidence. An auditor keeps the checkpoint, and later
// asks that the log only grew since.
type checkpointView struct {
	Key        string            `json:"key"` // that the checkpoint is signed with
	Checkpoint string            `json:"checkpoint"`
	Tree       evidence.TreeHead `json:"tree"`
	SealedAt   time.Time         `json:"sealedAt"`
}

func (h *Handler) apiCheckpoint(w http.ResponseWriter, r *http.Request, c *caller) error {
	log, err := h.Cases.Log(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	newest, err := log.Checkpoint(r.Context())
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, checkpointView{
		log.Key(), newest.Note, evidence.TreeHead{Size: newest.Size, Root: newest.Root}, newest.SealedAt,
	})
	return nil
}

// apiConsistency proves that the log with so many leaves as to only added to the log with so many as from: from the first leaf
// and to the newest, unless the caller says otherwise.
func (h *Handler) apiConsistency(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	from, to := readSize(r.URL.Query(), "from", 1, &bad), readSize(r.URL.Query(), "to", 0, &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	log, err := h.Cases.Log(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	proof, err := log.Consistency(r.Context(), from, to)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, proof)
	return nil
}

func readSize(q url.Values, name string, otherwise int64, bad *web.Fields) int64 {
	s := q.Get(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		bad.Add("/"+name, "this is a number of leaves, from 1")
	}
	return n
}
