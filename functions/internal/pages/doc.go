// Package pages renders what people see of Habeas: the portal of the data subject, the console of the privacy team, and the
// two development pages. A page is a typed view model and a method of Renderer with the same name:
//
//	err := renderer.PortalStart(w, pages.PortalStart{Frame: frame, StartURL: "...", ...})
//
// The package holds templates, one stylesheet, one icon and the catalogue of messages. It decides nothing, routes nothing
// and stores nothing; of the domain it knows only the names of rights, statuses, outcomes and reasons (shared/dsar), which
// it turns into words. Every link and form target is a field of the view model. Pages need no script, load nothing from
// elsewhere and carry neither inline styles nor inline scripts; the policy
//
//	default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
//
// is enough for all of them.
//
// # Contract of the view models
//
// Strings are shown as they are, escaped; the handler has already checked that their reader may see them. Therefore a view
// model may hold personal values in the open: it must never be logged, put into an error, or kept longer than the response.
// None of them has a String or LogValue method that would make that look harmless.
//
// Times are shown in the location they carry: the handler converts them to the zone of the tenant. The zero time means
// "not known" or "not yet" and prints as nothing or as words. Durations shown to people are whole calendar days between two
// dates in the location of the later one. Counts are records unless the field says otherwise.
//
// Rights, statuses, outcomes, reasons and the enumerations of this package must hold one of their declared values where a
// field is not described as optional; a page with another value is not written at all and the method returns an error.
package pages
