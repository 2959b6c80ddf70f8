package sql

import (
	"bytes"
	"context"
	"database/sql/driver"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed postgres_settings.schema.json
var postgresSettingsSchema []byte

// KindPostgres is the kind of systems that are PostgreSQL databases.
const KindPostgres = "postgres"

// secretPassword is the only secret of the kind.
const secretPassword = "password"

// postgresSettings are the settings of the kind; the JSON Schema says what they mean.
type postgresSettings struct {
	Host                    string `json:"host"`
	Port                    uint16 `json:"port"`
	Database                string `json:"database"`
	User                    string `json:"user"`
	SSLMode                 string `json:"sslmode"`
	RootCertificate         string `json:"rootCertificate"`
	Schema                  string `json:"schema"`
	MaxConnections          int    `json:"maxConnections"`
	StatementTimeoutSeconds int    `json:"statementTimeoutSeconds"`
}

// Postgres makes connectors for PostgreSQL databases (12 and later). The settings are those of its JSON Schema; the secret is
// password, which servers that trust the account do not ask for; a data map is required.
//
// Connections go to the server itself or through a pooler in session mode: statements are prepared, and settings are made
// once per session.
func Postgres() connector.Factory {
	return connector.Factory{
		Kind: KindPostgres, SettingsSchema: bytes.Clone(postgresSettingsSchema), SecretNames: []string{secretPassword}, HasCollections: true, Open: openPostgres,
	}
}

func openPostgres(ctx context.Context, in connector.OpenInput) (connector.Connector, error) {
	d, o, err := readPostgresSettings(in)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, KindPostgres, d, in, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Bounds of a request. A statement costs a round trip, so a batch is larger than the default; each is still one short
// transaction.
var postgresLimits = connector.Limits{PageRecords: 5000, BatchKeys: 5000, BatchChange: 5000}

func readPostgresSettings(in connector.OpenInput) (*postgresDialect, options, error) {
	bad := func(text string) (*postgresDialect, options, error) {
		return nil, options{}, fault.New(fault.Misconfigured, text)
	}
	settings := postgresSettings{Port: 5432, Schema: "public", MaxConnections: 4, StatementTimeoutSeconds: 30}
	d := json.NewDecoder(bytes.NewReader(in.Settings))
	d.DisallowUnknownFields()
	switch err := d.Decode(&settings); {
	case err != nil:
		return bad("the settings are not those of the kind postgres")
	case settings.Host == "" || settings.Database == "" || settings.User == "" || settings.Port == 0 || settings.Schema == "":
		return bad("the settings must name host, port, database, user and schema")
	case settings.MaxConnections < 1 || settings.MaxConnections > 50:
		return bad("the number of connections is not between 1 and 50")
	case settings.StatementTimeoutSeconds < 1 || settings.StatementTimeoutSeconds > 300:
		return bad("the statement timeout is not between 1 and 300 seconds")
	}
	if settings.RootCertificate != "" && !filepath.IsAbs(settings.RootCertificate) {
		settings.RootCertificate = filepath.Join(in.BaseDir, settings.RootCertificate)
	}
	timeout := time.Duration(settings.StatementTimeoutSeconds) * time.Second
	config, err := postgresConfig(settings, in.Secrets[secretPassword].Reveal(), timeout)
	if err != nil {
		return nil, options{}, err
	}
	o := options{schema: postgresSettingsSchema, timeout: timeout, limits: postgresLimits, readers: settings.MaxConnections}
	return &postgresDialect{config: config, schema: settings.Schema}, o, nil
}

// postgresConfig takes everything from the settings: what the environment or files of the account say about PostgreSQL does
// not count.
func postgresConfig(settings postgresSettings, password string, timeout time.Duration) (*pgconn.Config, error) {
	mode := settings.SSLMode
	if mode == "" {
		mode = "verify-full"
		if onThisMachine(settings.Host) {
			mode = "disable"
		}
	}
	switch mode {
	case "disable", "require", "verify-ca", "verify-full":
	default:
		return nil, fault.New(fault.Misconfigured, "sslmode is none of disable, require, verify-ca and verify-full")
	}
	var text strings.Builder
	for _, kv := range [][2]string{
		{"host", settings.Host},
		{"port", strconv.Itoa(int(settings.Port))},
		{"user", settings.User},
		{"password", "none"},
		{"dbname", settings.Database},
		{"sslmode", mode},
		{"sslrootcert", settings.RootCertificate},
		{"sslcert", ""},
		{"sslkey", ""},
		{"target_session_attrs", "any"},
	} {
		fmt.Fprintf(&text, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
	}
	config, err := pgconn.ParseConfig(text.String())
	if err != nil {
		return nil, fault.New(fault.Misconfigured, "the settings of the connection cannot be used; is the file of root certificates there?")
	}
	config.Password, config.Fallbacks, config.ConnectTimeout = password, nil, min(timeout, 10*time.Second)
	config.RuntimeParams = postgresSession(timeout)
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		// The server is told to stop, so that it does not go on with what nobody waits for.
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: time.Second}
	}
	return config, nil
}

// postgresSession is what a session is set to. Values travel as text, in forms that lose nothing; rows that a policy would
// hide are an error instead; nothing is changed outside a transaction that says so.
func postgresSession(timeout time.Duration) map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	return map[string]string{
		"application_name": "habeas", "client_encoding": "UTF8", "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "iso_8601",
		"bytea_output": "hex", "extra_float_digits": "1", "row_security": "off", "default_transaction_read_only": "on",
		"statement_timeout": ms(timeout), "lock_timeout": ms(min(timeout, 5*time.Second)), "idle_in_transaction_session_timeout": ms(2 * timeout),
		// A plan made for other values can be very wrong, and planning is cheap for statements like these.
		"plan_cache_mode": "force_custom_plan", "jit": "off",
	}
}

func onThisMachine(host string) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// postgresDialect reaches one database.
type postgresDialect struct {
	config *pgconn.Config
	schema string // of collections that name none
}

// open connects. Every session reads by default, and writes in a transaction that says so.
func (d *postgresDialect) open(ctx context.Context, _ bool) (driver.Conn, error) {
	conn, err := pgconn.ConnectConfig(ctx, d.config)
	if err != nil {
		return nil, d.classify(err, "connecting")
	}
	return &postgresConn{conn: conn, used: time.Now()}, nil
}

func (d *postgresDialect) writer() writer { return postgresWriter{} }

func (d *postgresDialect) codec(c *liveColumn, f *connector.DataField) (codec, error) {
	return newPostgresCodec(c, f)
}
