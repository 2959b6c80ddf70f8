package inventory

// Table is a DynamoDB table. Its attributes are pk, sk, ipk and isk (strings), body (binary), version and expires (numbers; the
// second is epoch seconds, the attribute of the table's TTL); its index has keys ipk and isk and projects everything.
type Table struct {
	Name     string // as shared/table calls it
	Recovery bool   // point-in-time recovery; not where what was destroyed must not come back
	Stream   bool
}

// Index is the name of the index of every table.
const Index = "index"

// Tables returns every table, in a fresh slice.
func Tables() []Table {
	return []Table{
		{Name: "cases", Recovery: true, Stream: true},
		{Name: "registry", Recovery: true},
		{Name: "ledger", Recovery: true},
		{Name: "casekeys"},
		{Name: "tokens"},
	}
}

// Bucket is an S3 bucket. Objects are found by the first part of their names (shared/blobs).
type Bucket struct {
	Name       string   // what it is called in Env: HABEAS_<NAME>_BUCKET
	Prefixes   []string // first parts of the names of its objects; empty = all others
	ExpireDays int      // lifecycle, a net under what is deleted explicitly; 0 = never
	Lock       bool     // Object Lock, compliance mode
	Sealed     bool     // everything in it is sealed before it leaves the process
}

// Buckets returns every bucket, in a fresh slice.
func Buckets() []Bucket {
	return []Bucket{
		{Name: "objects", Sealed: true},
		{Name: "raw", Prefixes: []string{"raw", "spool", "plan"}, ExpireDays: 400, Sealed: true},
		{Name: "evidence", Prefixes: []string{"evidence"}, Lock: true},
		{Name: "inbox", Prefixes: []string{"inbox"}, ExpireDays: 1},
		{Name: "delivery", Prefixes: []string{"delivery"}, ExpireDays: 1},
	}
}

// Machines returns the names of the state machines: the keys of infra/workflow.Machines.
func Machines() []string { return []string{"case", "notify", "task"} }

// The environment of a function. A value that begins with "ssm:" or "secretsmanager:" is a reference, read at cold start.
const (
	EnvStage      = "HABEAS_STAGE"
	EnvPrefix     = "HABEAS_PREFIX"      // of every name; see the package
	EnvAccount    = "HABEAS_ACCOUNT"     // account id, for ARNs of machines and functions; the region is AWS_REGION
	EnvKey        = "HABEAS_KEY"         // ARN of the key that wraps the keys of cases and tenants
	EnvBucket     = "HABEAS_%s_BUCKET"   // name of a bucket, by Bucket.Name in capitals
	EnvBaseURL    = "HABEAS_BASE_URL"    // address of the portal, without a slash at the end; empty = a deployment wrote it to the row STAGE/ADDRESS of table registry
	EnvMailDomain = "HABEAS_MAIL_DOMAIN" // right side of Message-IDs
	EnvMail       = "HABEAS_MAIL"        // "ses", "sendgrid" or "smtp"
	EnvMailServer = "HABEAS_MAIL_SERVER" // smtp: host:port
	EnvMailUser   = "HABEAS_MAIL_USER"   // smtp
	EnvMailSecret = "HABEAS_MAIL_SECRET" //nolint:gosec // a name; reference: password (smtp) or API key (sendgrid)
	EnvMailEvents = "HABEAS_MAIL_EVENTS" // public key of SendGrid's event webhook; empty = nobody reports
	EnvBus        = "HABEAS_BUS"         // name of the event bus
	EnvOrigin     = "HABEAS_ORIGIN"      // reference: what CloudFront proves itself with in header X-Habeas-Origin; empty = not asked for
	EnvOIDCIssuer = "HABEAS_OIDC_ISSUER" // sign-in of staff elsewhere; empty = built-in accounts only
	EnvOIDCClient = "HABEAS_OIDC_CLIENT"
	EnvOIDCSecret = "HABEAS_OIDC_SECRET" //nolint:gosec // a name; reference
	EnvDemo       = "HABEAS_DEMO"        // "on" in a stage for development: no real person's data
	EnvClock      = "HABEAS_CLOCK"       // "manual" in a stage for development: time is the row CLOCK/NOW of table registry
	EnvCount      = "HABEAS_COUNT"       // "on": every call of an AWS service is logged, for audits and costs
)
