package console

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/functions/internal/schemas"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

type handler func(w http.ResponseWriter, r *http.Request, c *caller) error

// Route is one route with who may use it, for the table that tests walk.
type Route struct {
	Pattern string
	// Open is set for routes that serve everybody; all others need a session.
	Open bool
	// Permission is what a route that is not open asks for; empty: being signed in is enough.
	Permission registry.Permission
	serve      http.HandlerFunc
}

// Routes returns every route of the console and the staff API.
func (h *Handler) Routes() []Route {
	return slices.Concat(h.apiRoutes(), h.pageRoutes(), h.lateRoutes(), h.liftRoutes(), h.consentRoutes(), h.numbersRoutes(), h.lawRoutes(), h.packRoutes(), h.exemptionRoutes(), h.wordingRoutes(), h.authorityRoutes())
}

// callRoute is a call of the API that only callers with the permission may make.
func (h *Handler) callRoute(pattern string, p registry.Permission, f handler) Route {
	return Route{Pattern: pattern, Permission: p, serve: h.serveCall(p, web.MaxBody, f)}
}

// page is a page that only callers with the permission may open.
func (h *Handler) page(pattern string, p registry.Permission, f handler) Route {
	return Route{Pattern: pattern, Permission: p, serve: h.servePage(p, f)}
}

// Register adds the routes to a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	for _, r := range h.Routes() {
		mux.HandleFunc(r.Pattern, r.serve)
	}
}

func (h *Handler) apiRoutes() []Route {
	call := h.callRoute
	const v = " /api/v1"
	const one = v + "/cases/{id}"
	return append(h.dutyCalls(call), []Route{
		call("GET"+v+"/cases", registry.ReadCases, h.apiCases),
		call("POST"+v+"/cases", registry.HandleCases, h.apiIntake),
		call("GET"+one, registry.ReadCases, h.apiCase),
		call("GET"+one+"/timeline", registry.ReadEvidence, h.apiTimeline),
		call("GET"+one+"/evidence", registry.ReadEvidence, h.apiEvidence),
		call("GET"+one+"/certificate", registry.ReadEvidence, h.apiCertificate),
		call("GET"+one+"/plan", registry.ReadCases, h.apiPlan),
		call("POST"+one+"/plan/decision", registry.HandleCases, h.apiDecidePlan), // approving asks for decide_cases
		call("POST"+one+"/pause", registry.HandleCases, h.apiPause),
		call("POST"+one+"/resume", registry.HandleCases, h.apiResume),
		call("POST"+one+"/proceed-without", registry.HandleCases, h.apiProceedWithout),
		call("POST"+one+"/plan/samples", registry.RevealData, h.apiSamples),
		call("GET"+v+"/holds", registry.ReadCases, h.apiHolds),
		call("GET"+v+"/holds/{id}", registry.ReadCases, h.apiHold),
		call("POST"+v+"/holds", registry.PlaceHolds, h.apiPlaceHold),
		call("DELETE"+v+"/holds/{id}", registry.PlaceHolds, h.apiReleaseHold),
		call("POST"+one+"/response/decision", registry.DecideCases, h.apiDecideResponse),
		call("POST"+one+"/extension", registry.HandleCases, h.apiExtend),
		call("POST"+one+"/law", registry.HandleCases, h.apiLaw),
		call("POST"+one+"/withdrawal", registry.HandleCases, h.apiWithdraw),
		call("POST"+one+"/messages", registry.HandleCases, h.apiMessage),
		call("POST"+one+"/notes", registry.HandleCases, h.apiNote),
		call("POST"+one+"/operator", registry.HandleCases, h.apiOperate),
		call("POST"+one+"/verification", registry.HandleCases, h.apiVouch),
		call("POST"+one+"/mandate", registry.HandleCases, h.apiMandate),
		call("POST"+one+"/identity-document", registry.HandleCases, h.apiAskDocument),
		call("GET"+one+"/identity-document", registry.HandleCases, h.readDocument), // by the one who asked for it
		call("POST"+one+"/identity-document/decision", registry.HandleCases, h.apiDecideDocument),
		call("POST"+one+"/letters/{letter}", registry.HandleCases, h.apiDecideLetter),
		call("GET"+v+"/tasks", registry.ReadCases, h.apiTasks),
		call("POST"+v+"/tasks/{id}/outcome", registry.HandleCases, h.apiDecideTask),
		call("GET"+v+"/systems", registry.ReadSystems, h.apiSystems),
		call("GET"+v+"/systems/{name}", registry.ReadSystems, h.apiSystem),
		{Pattern: "PUT" + v + "/systems/{name}", Permission: registry.ChangeSystems, serve: h.serveCall(registry.ChangeSystems, maxSystemBody, h.apiPutSystem)},
		call("DELETE"+v+"/systems/{name}", registry.ChangeSystems, h.apiDeleteSystem),
		call("GET"+v+"/systems/{name}/cases", registry.ReadSystems, h.apiSystemCases),
		call("POST"+v+"/systems/{name}/check", registry.ChangeSystems, h.apiCheckSystem),
		call("POST"+v+"/systems/{name}/restore-check", registry.ChangeSystems, h.apiRestoreCheck),
		call("POST"+v+"/systems/{name}/restore-apply", registry.DecideCases, h.apiRestoreApply),
		call("GET"+v+"/recipients", registry.ReadSystems, h.apiRecipients),
		call("GET"+v+"/recipients/{name}", registry.ReadSystems, h.apiRecipient),
		call("PUT"+v+"/recipients/{name}", registry.ChangeSystems, h.apiPutRecipient),
		call("GET"+v+"/notices", registry.ReadCases, h.apiNotices),
		call("POST"+one+"/notices/{recipient}/decision", registry.HandleCases, h.apiDecideNotice), // an exception wants decide_cases
		call("GET"+v+"/audit", registry.ReadEvidence, h.apiAudit),
		call("GET"+v+"/log/checkpoint", registry.ReadEvidence, h.apiCheckpoint),
		call("GET"+v+"/log/consistency", registry.ReadEvidence, h.apiConsistency),
		{Pattern: "GET" + v + "/openapi.yaml", Open: true, serve: serveOpenAPI},
		{Pattern: "GET /schemas/{name}", Open: true, serve: schemas.Serve(h.Systems.Kinds)},
		{Pattern: v[1:] + "/", Open: true, serve: func(w http.ResponseWriter, _ *http.Request) {
			web.WriteProblem(w, fault.New(fault.NotFound, "there is no such call"))
		}},
	}...)
}

// serveCall serves an API call of a caller who has the permission, once per idempotency key. limit bounds the body.
func (h *Handler) serveCall(p registry.Permission, limit int64, f handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h.call(w, r, p, limit, f); err != nil {
			h.noteFailure(r, err)
			web.WriteProblem(w, err)
		}
	}
}

func (h *Handler) call(w http.ResponseWriter, r *http.Request, p registry.Permission, limit int64, f handler) error {
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	c, err := h.caller(r, true)
	if err != nil {
		return err
	}
	if err := c.allow(p); err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		if err := readKey(r, c); err != nil {
			return err
		}
		if done, err := h.replay(r.Context(), w, c); done || err != nil {
			return err
		}
	}
	err = f(w, r, c)
	if fault.Has(err, fault.Conflict) { // the same call may have run at the same time and come first
		if done, rerr := h.replay(r.Context(), w, c); done || rerr != nil {
			return rerr
		}
	}
	return err
}

func (h *Handler) noteFailure(r *http.Request, err error) {
	if fault.RuleFor(fault.ClassOf(err)).Status >= http.StatusInternalServerError {
		web.Log(r.Context(), h.Log, "console request failed", err)
	}
}

// caseID returns the case id of the path; what cannot be one is not found.
func caseID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if len(id) != 36 || uuid.Validate(id) != nil {
		return "", fault.New(fault.NotFound, "there is no such case")
	}
	return id, nil
}
