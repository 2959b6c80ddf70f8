package disclosure

import (
	"context"
	"iter"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Input is everything that a package states. It must be the same for every Step of one package. A fact that is empty is
// printed as "not recorded": it is never left out.
type Input struct {
	Reference   string
	Right       dsar.Right  // one that discloses
	Locale      string      // BCP 47; a language without a catalogue is answered in English
	GeneratedAt time.Time   // in the zone of the tenant, which every time in index.html is shown in
	ReceivedAt  time.Time   // when the request came; zero = not stated
	Subject     redact.Text // name of the person as given; empty = not stated
	Controller  Controller
	Law         Law
	Facts       Facts
	// CategoriesOnly: the package says which kinds of data are held where and how much, and shows none (11 CCR 7024(a)). Records and
	// attachments are not read.
	CategoriesOnly bool
	Deny           []Deny   // kinds of values that are not shown, beside those of Always
	Systems        []System // every system that was asked, in the order they are shown; names are distinct
	Recipients     []Recipient
}

// Controller is who answers.
type Controller struct {
	Title   string // what people call it
	Name    string // legal name and address, one line
	Contact string // privacy contact or data protection officer, an address
}

// Law is by what law the answer is given.
type Law struct {
	Name      string // "General Data Protection Regulation"
	Citation  string // "GDPR Art. 15"
	GDPR      bool   // the GDPR or UK GDPR: the letters of Art. 15(1) are cited beside each fact
	Rights    []dsar.Right
	Complaint []Route // where a person turns who is not content, in the order of the law
}

// Route is one way to complain.
type Route struct {
	Name string // who
	URL  string // http, https or mailto; anything else is shown as text
	Text string // in which words a letter says it
}

// Facts are what holds for the controller as a whole.
type Facts struct {
	AutomatedDecisions string // GDPR Art. 15(1)(h)
	Transfers          string // GDPR Art. 15(2)
	Authority          string // GDPR Art. 15(1)(f); shown before the routes of the law
}

// System is one place that was asked.
type System struct {
	Name        string // of the registry; becomes part of file names
	Title       string // what people read; empty = Name
	Outcome     dsar.Outcome
	Because     dsar.RetainedBecause // for Retained
	Note        string               // one sentence for the person, why it is as it is; no record values
	Collections []Collection         // in the order they are shown; names are distinct
	Facts       SystemFacts

	// Records yields the records of the system's collections, without the first skip ones. Order and number are the same at
	// every call; records of different collections may alternate. An error ends it. It is called again for each volume that
	// needs it and may be nil when every collection has none.
	Records func(ctx context.Context, skip int64) iter.Seq2[Record, error]

	Attachments []Attachment // files that are disclosed as they are, the same at every step
}

// SystemFacts are what holds for one system.
type SystemFacts struct {
	Purposes   []string // GDPR Art. 15(1)(a)
	Retention  string   // GDPR Art. 15(1)(d)
	Source     string   // GDPR Art. 15(1)(g)
	Recipients []string // titles of recipients, GDPR Art. 15(1)(c)
}

// Collection is a table, a document collection, a kind of object.
type Collection struct {
	Name       string // of the data map; becomes part of file names
	Title      string // what people read; empty = Name
	Outcome    dsar.Outcome
	Because    dsar.RetainedBecause // for Retained
	Records    int64                // how many Records yields; 0 with NothingHeld
	ReadFrom   time.Time            // when reading began and ended; zero = it was not read
	ReadTo     time.Time
	Note       string              // for the person; no record values
	Categories []string            // data categories of its fields: "user.contact.email"
	Fields     map[string][]string // data categories by dotted path, of the fields that have any
	Purpose    string              // GDPR Art. 15(1)(a); empty = as the system
	Retention  string              // GDPR Art. 15(1)(d); ISO 8601 duration or words; empty = as the system
}

// Record is one record as it is disclosed. Line is one JSON object without line breaks, as connector.Record.AppendJSON
// writes it; it is read before the next record is asked for and not kept.
type Record struct {
	Collection string
	Line       redact.Bytes
}

// Recipient is a third party to which data was disclosed (GDPR Art. 4(9)).
type Recipient struct {
	Title   string
	Country string // ISO 3166-1 alpha-2 or words
	Purpose string
}

// Content says how many records of a collection a reader holds.
type Content struct {
	Collection string
	Records    int64
}

// Serial makes System.Records out of a reader that yields the lines of one collection at a time, such as the parts that
// package engine writes. contents is what the reader holds, in the order in which it is best read: all of it, so that a
// record of a collection without a result is noticed.
func Serial(contents []Content, read func(ctx context.Context, collection string) iter.Seq2[[]byte, error]) func(context.Context, int64) iter.Seq2[Record, error] {
	return func(ctx context.Context, skip int64) iter.Seq2[Record, error] {
		return func(yield func(Record, error) bool) {
			for _, c := range contents {
				if skip >= c.Records {
					skip -= c.Records
					continue
				}
				for line, err := range read(ctx, c.Collection) {
					if err == nil && skip > 0 {
						skip--
						continue
					}
					if !yield(Record{c.Collection, redact.NewBytes(line)}, err) || err != nil {
						return
					}
				}
			}
		}
	}
}
