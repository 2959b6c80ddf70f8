package sql

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed sqlite_settings.schema.json
var sqliteSettingsSchema []byte

// KindSQLite is the kind of systems that are SQLite database files.
const KindSQLite = "sqlite"

// sqliteSettings are the settings of the kind; the JSON Schema says what they mean.
type sqliteSettings struct {
	Path                    string `json:"path"`
	StatementTimeoutSeconds int    `json:"statementTimeoutSeconds"`
}

// SQLite makes connectors for SQLite database files. The settings are those of its JSON Schema; there are no secrets; a data
// map is required.
func SQLite() connector.Factory {
	return connector.Factory{Kind: KindSQLite, SettingsSchema: bytes.Clone(sqliteSettingsSchema), HasCollections: true, Open: openSQLite}
}

func openSQLite(ctx context.Context, in connector.OpenInput) (connector.Connector, error) {
	d, o, err := readSQLiteSettings(in)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, KindSQLite, d, in, o)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func readSQLiteSettings(in connector.OpenInput) (*sqliteDialect, options, error) {
	settings := sqliteSettings{StatementTimeoutSeconds: 30}
	d := json.NewDecoder(bytes.NewReader(in.Settings))
	d.DisallowUnknownFields()
	switch err := d.Decode(&settings); {
	case err != nil:
		return nil, options{}, fault.New(fault.Misconfigured, "the settings are not those of the kind sqlite")
	case settings.Path == "":
		return nil, options{}, fault.New(fault.Misconfigured, "the settings name no path")
	case settings.StatementTimeoutSeconds < 1 || settings.StatementTimeoutSeconds > 300:
		return nil, options{}, fault.New(fault.Misconfigured, "the statement timeout is not between 1 and 300 seconds")
	}
	path := settings.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(in.BaseDir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, options{}, fault.New(fault.Misconfigured, "the path of the database is none")
	}
	timeout := time.Duration(settings.StatementTimeoutSeconds) * time.Second
	return &sqliteDialect{path: path, busy: time.Second}, options{schema: sqliteSettingsSchema, timeout: timeout, readers: 4, writers: 1}, nil
}
