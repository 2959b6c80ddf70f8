package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// reply is the answer to an act. It is remembered under the idempotency key and therefore holds nothing personal.
type reply struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	Print  string          `json:"print"` // SHA-256 over method, address and body of the call
}

func newReply(status int, v any) (reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{}, fmt.Errorf("encoding answer: %w", err)
	}
	return reply{Status: status, Body: body}, nil
}

func (r reply) write(w http.ResponseWriter) { web.WriteJSON(w, r.Status, r.Body) }

// maxKey bounds an idempotency key.
const maxKey = 200

// readKey takes the idempotency key of a call and what it stands for: the same key with another body is another call, which
// must not get the first one's answer.
func readKey(r *http.Request, c *caller) error {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return nil
	}
	if len(key) > maxKey || strings.ContainsFunc(key, func(x rune) bool { return x <= ' ' || x > '~' }) {
		return fault.New(fault.Invalid, "an idempotency key has at most 200 visible ASCII characters")
	}
	body, err := io.ReadAll(r.Body)
	if _, tooBig := errors.AsType[*http.MaxBytesError](err); tooBig {
		return fault.New(fault.Invalid, "the body is longer than 64 KiB")
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "reading the body")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s %s\n", r.Method, r.URL.Path, c.tenant.Name) // a hash takes everything
	sum.Write(body)
	c.key, c.print = key, hex.EncodeToString(sum.Sum(nil))
	return nil
}

// replay answers a repeated call with the answer of the first one; ok is false when there is none.
func (h *Handler) replay(ctx context.Context, w http.ResponseWriter, c *caller) (ok bool, err error) {
	if c.key == "" {
		return false, nil
	}
	raw, ok, err := h.Sessions.Recall(ctx, c.staff.ID, c.key)
	if err != nil || !ok {
		return false, err
	}
	var r reply
	if json.Unmarshal(raw, &r) != nil {
		return false, fault.New(fault.Internal, "decoding a remembered answer")
	}
	if r.Print != c.print {
		return false, fault.New(fault.Conflict, "this idempotency key was used for another call")
	}
	w.Header().Set("Idempotency-Replayed", "true")
	r.write(w)
	return true, nil
}

// remember is the write that keeps the answer under the caller's key; none without a key.
func (h *Handler) remember(c *caller, r reply) ([]table.Write, error) {
	if c.key == "" {
		return nil, nil
	}
	r.Print = c.print
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding answer: %w", err)
	}
	return []table.Write{h.Sessions.Remember(c.staff.ID, c.key, raw)}, nil
}

// change lets do change a case and commits it with the audit row and the remembered answer, in one transaction. A case of
// another tenant is fault.NotFound.
func (h *Handler) change(ctx context.Context, c *caller, id string, r reply, a act, do func(ctx context.Context, f *casefile.File) error) error {
	a.CaseID = id
	return step.Change(ctx, h.Cases, c.tenant.Name, id, func(ctx context.Context, f *casefile.File) error {
		if err := do(ctx, f); err != nil {
			return err
		}
		extra, err := h.remember(c, r)
		if err != nil {
			return err
		}
		f.With(append(extra, h.by(c, a))...)
		return nil
	})
}
