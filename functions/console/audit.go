package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// The acts of staff that are recorded. Wire values.
const (
	signedIn      = "signed_in"
	signInFailed  = "sign_in_failed"
	signedOut     = "signed_out"
	staffTied     = "staff_tied" // to an account at the issuer, when it came for the first time
	revealed      = "personal_data_revealed"
	packageRead   = "package_read"
	evidenceRead  = "evidence_exported"
	caseNoted     = "case_noted"
	planDecided   = "plan_decided"
	answerDecided = "response_decided"
	caseExtended  = "case_extended"
	caseWithdrawn = "case_withdrawn"
	messageSent   = "message_sent"
	noteWritten   = "note_written"
	operated      = "operator_decided"
	taskDecided   = "task_decided"
	letterDecided = "letter_decided"
	casePaused    = "case_paused"
	caseResumed   = "case_resumed"
	wentWithout   = "proceeded_without"
	holdPlaced    = "hold_placed"
	holdReleased  = "hold_released"
	holdRevealed  = "hold_revealed"
	samplesShown  = "samples_shown"
	systemPut     = "system_changed"
	systemGone    = "system_removed"
	systemChecked = "system_checked"
	recipientPut  = "recipient_changed"
	noticeDecided = "notice_decided"
	lateSettled   = "late_settled"
	lawConfirmed  = "law_confirmed"
	wordsChanged  = "wording_changed"
	lawCorrected  = "law_corrected"
	exemptionSeen = "exemption_reviewed"
	liftAnnounced = "restriction_lift_announced"

	authorityTaken       = "authority_request_received"
	authorityRevealed    = "authority_request_revealed"
	authorityReviewed    = "authority_request_reviewed"
	authorityDisclosedTo = "authority_data_disclosed"
	authorityClosedBy    = "authority_request_closed"

	restrictionLifted = "restriction_lifted"

	restoreChecked = "restore_checked"
	restoreApplied = "erasures_repeated"
)

// act is one row of a tenant's audit: who did what to what. Nothing in it is personal of a data subject.
type act struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"` // staff:<id>; unknown for an address nobody has
	Kind   string    `json:"kind"`
	CaseID string    `json:"caseId,omitempty"`
	Target string    `json:"target,omitempty"` // task id, name of a system or recipient, number of a volume
	Detail string    `json:"detail,omitempty"` // a decision in one word
}

// auditOf is the partition of a tenant's audit in table ledger; rows lie in order of time.
func auditOf(tenant string) string { return "T#" + tenant + "#AUDIT" }

// row is the write that adds the act to a tenant's audit.
func (a act) row(tenant string) table.Write {
	body, _ := json.Marshal(a) // strings and a time: cannot fail
	sk := a.At.UTC().Format("2006-01-02T15:04:05.000Z") + "#" + dsar.NewID()
	return table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: table.Key{Table: table.Ledger, PK: auditOf(tenant), SK: sk}, Body: body}}
}

// by completes an act of the caller.
func (h *Handler) by(c *caller, a act) table.Write {
	a.At, a.By = h.Now().UTC().Truncate(time.Millisecond), c.actor()
	return a.row(c.tenant.Name)
}

// record writes an act that has no other change to be committed with, together with more. Looks and removals are recorded
// before they happen; what can be repeated until it is recorded, after. Callers stop at an error.
func (h *Handler) record(ctx context.Context, c *caller, a act, more ...table.Write) error {
	if err := h.Cases.Table().Transact(ctx, append(more, h.by(c, a))...); err != nil {
		return fmt.Errorf("writing audit: %w", err)
	}
	return nil
}

// acts returns a page of the tenant's audit, newest first.
func (h *Handler) acts(ctx context.Context, tenant string, limit int, cursor string) ([]act, string, error) {
	page, err := h.Cases.Table().Query(ctx, table.Query{Table: table.Ledger, PK: auditOf(tenant), Descending: true, Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("reading audit: %w", err)
	}
	out := make([]act, 0, len(page.Items))
	for _, it := range page.Items {
		var a act
		if json.Unmarshal(it.Body, &a) != nil {
			return nil, "", fault.New(fault.Internal, "decoding audit row")
		}
		out = append(out, a)
	}
	return out, page.Next, nil
}
