// Package crm is a small customer relationship system with an HTTP API: contacts, tickets, notes, or whatever objects its
// owner configures. It is our own stand-in for the hosted systems that companies use, made to be the real server behind the
// tests of connectors/rest and the CRM of the demo. It copies no vendor; where there is a standard it follows it:
//
//   - Link headers with rel="next" (RFC 8288), next to cursors, page numbers and offsets;
//   - access tokens for client credentials (RFC 6749, section 4.4), used as bearer tokens (RFC 6750), next to fixed bearer
//     tokens, Basic (RFC 7617) and API keys;
//   - Retry-After with 429 and 503 (RFC 9110, section 10.2.3), when a hook asks for it;
//   - "Prefer: respond-async" (RFC 7240) and 202 with a Location for changes that come later.
//
// State is in memory. Nothing is logged.
//
// # The API
//
// Everything is JSON below /api/v1, errors are {"error": "..."} without anything a request held.
//
//	GET    /me                                 whether the credentials are good
//	GET    /objects/{object}?field=value       records by fields; a field that stands twice means either value
//	                                           limit, and one of cursor, page (from 1), offset
//	                                           -> {"results": [...], "total": n, "next": cursor or null, "more": bool}
//	GET    /objects/{object}/{id}              one record; an id of several parts has commas between them
//	PATCH  /objects/{object}/{id}              sets the members given
//	DELETE /objects/{object}/{id}
//	PUT    /objects/{object}/{id}/restriction  {"restricted": bool}
//	POST   /erasures                           {"object", "key": {...}, "callbackUrl"?} -> 202 {"job", "state"}, Location
//	POST   /exports                            {"object", "field", "values": [...], "callbackUrl"?} -> 202
//	GET    /jobs/{job}                         {"job", "state": queued | done | failed}
//	GET    /exports/{job}/records              as the list of an object
//	POST   /oauth/token                        (not below /api/v1) client credentials
//
// A callback is a POST of {"job", "state"} to callbackUrl.
package crm
