package local

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// A backup is a zip: manifest.json, tables/<name>.jsonl with one record a line, objects/<name> as they are stored (sealed), and
// keys.jsonl with the wrapped keys of cases, which may lie in a file of its own. Sessions, codes and tokens are never in it, nor is
// the key of the installation, the outbox of mails, or anything that is not sealed.
const (
	backupFormat = "habeas-backup/1"
	manifestName = "manifest.json"
	keysName     = "keys.jsonl"
	tablesPrefix = "tables/"
	objectsInZip = "objects/"
	clockFile    = "clock"
	masterFile   = "master.key"
	recordsFile  = "habeas.db"
	objectsDir   = "objects"
)

// Backup describes a backup. It is the manifest in it, and what the command prints.
type Backup struct {
	Format      string         `json:"format"`
	ID          string         `json:"id"`
	TakenAt     time.Time      `json:"takenAt"`
	KeysExpire  time.Time      `json:"keysExpire"` // from then on the wrapped keys are not restored, and are to be deleted
	KeysApart   bool           `json:"keysApart"`  // they are in a file of their own
	Records     map[string]int `json:"records"`    // by table
	Objects     int            `json:"objects"`
	ManualClock string         `json:"manualClock,omitempty"` // of an installation whose clock is set by hand
}

// openPrefixes begin the names of objects that are not sealed: they live for minutes and are never backed up.
var openPrefixes = []string{"delivery/", "inbox/"}

// TakeBackup writes a backup of the installation in dir to file, and its wrapped keys to keysTo unless that is empty, while a server
// may be running on it. Records are as of one instant; objects are read after it, so that every object a record names is in the
// backup unless it was removed meanwhile. The files appear only when they are whole; ones that exist are fault.Conflict.
func TakeBackup(ctx context.Context, dir, file, keysTo string) (b Backup, err error) {
	records := filepath.Join(dir, recordsFile)
	if _, err := os.Stat(records); err != nil {
		return b, fault.New(fault.NotFound, "there is no installation in the data directory")
	}
	now, manual, err := clockOf(dir)
	if err != nil {
		return b, err
	}
	b = Backup{Format: backupFormat, ID: dsar.NewID(), TakenAt: now.UTC().Truncate(time.Millisecond), KeysApart: keysTo != "", Records: map[string]int{}, ManualClock: manual}
	w, err := newArchive(file)
	if err != nil {
		return b, err
	}
	defer w.discard()
	keysIn := w
	if keysTo != "" {
		if keysIn, err = newArchive(keysTo); err != nil {
			return b, err
		}
		defer keysIn.discard()
	}
	if err := b.records(ctx, records, w, keysIn); err != nil {
		return b, err
	}
	if err := b.objects(ctx, filepath.Join(dir, objectsDir), w); err != nil {
		return b, err
	}
	for _, a := range archives(w, keysIn) {
		if err := a.manifest(b); err != nil {
			return b, err
		}
	}
	for _, a := range archives(w, keysIn) {
		if err := a.publish(); err != nil {
			return b, err
		}
	}
	return b, nil
}

func archives(w, keys *archive) []*archive {
	if w == keys {
		return []*archive{w}
	}
	return []*archive{keys, w} // the part that is useless alone first
}

// clockOf returns the time of an installation: that of its clock when it is set by hand, which it then also returns as text.
func clockOf(dir string) (now time.Time, manual string, err error) {
	path := filepath.Join(dir, clockFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return time.Now(), "", nil
	}
	c, err := OpenManualClock(path, time.Now())
	if err != nil {
		return time.Time{}, "", err
	}
	return c.Now(), c.Now().UTC().Format(time.RFC3339Nano), nil
}

// line is one record of a table in a backup.
type line struct {
	PK      string    `json:"pk"`
	SK      string    `json:"sk"`
	IPK     string    `json:"ipk,omitempty"`
	ISK     string    `json:"isk,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Body    []byte    `json:"body"`
}

// backedUp are the tables in a backup, in the order in which they are written. table.Tokens is not among them.
var backedUp = []table.Name{table.Registry, table.Ledger, table.Cases, table.CaseKeys}

func partOf(n table.Name) string {
	if n == table.CaseKeys {
		return keysName
	}
	return tablesPrefix + string(n) + ".jsonl"
}

// records writes the tables, and finds out how long the keys may be kept: as long as the strictest tenant allows.
func (b *Backup) records(ctx context.Context, path string, w, keysIn *archive) error {
	var enc *json.Encoder
	var at table.Name
	days := 0
	err := sqlitetable.Snapshot(ctx, path, func(it table.Item) error {
		if enc == nil || at != it.Table {
			to := w
			if at = it.Table; at == table.CaseKeys {
				to = keysIn
			}
			part, err := to.part(partOf(at), zip.Deflate)
			if err != nil {
				return err
			}
			enc = json.NewEncoder(part)
		}
		var t registry.Tenant
		if it.Table == table.Registry && it.PK == "TENANTS" && json.Unmarshal(it.Body, &t) == nil {
			if d := t.Policy.Effective().BackupDays; days == 0 || d < days {
				days = d
			}
		}
		b.Records[string(it.Table)]++
		return enc.Encode(line{it.PK, it.SK, it.IPK, it.ISK, it.ExpiresAt, it.Body})
	}, backedUp...)
	if err != nil {
		return fmt.Errorf("backing up records: %w", err)
	}
	if days == 0 {
		days = registry.Policy{}.Effective().BackupDays
	}
	b.KeysExpire = b.TakenAt.AddDate(0, 0, days)
	return nil
}

// objects writes the sealed objects. One that is removed while it is looked for is of no record of the backup's future.
func (b *Backup) objects(ctx context.Context, dir string, w *archive) (err error) {
	store, err := dirblobs.Open(dir)
	if err != nil {
		return fmt.Errorf("opening objects: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for cursor := ""; ; {
		page, err := store.List(ctx, "", cursor, 0)
		if err != nil {
			return fmt.Errorf("listing objects: %w", err)
		}
		for _, o := range page.Objects {
			if err := b.object(ctx, store, o.Name, w); err != nil {
				return fmt.Errorf("backing up an object: %w", err)
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func (b *Backup) object(ctx context.Context, store blobs.Store, name string, w *archive) error {
	for _, p := range openPrefixes {
		if strings.HasPrefix(name, p) {
			return nil
		}
	}
	r, _, err := store.Open(ctx, name, 0)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	part, err := w.part(objectsInZip+name, zip.Store)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, r); err != nil {
		return fault.Wrap(fault.Unavailable, err, "copying")
	}
	b.Objects++
	return nil
}

// archive is a zip under way, in a draft that only its owner can read.
type archive struct {
	name  string
	draft *os.File
	buf   *bufio.Writer
	zip   *zip.Writer
}

func newArchive(name string) (*archive, error) {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, filepath.Base(name)+" is there already")
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".habeas-backup-*")
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, unnamed(err), "making a file for the backup")
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	return &archive{name, f, buf, zip.NewWriter(buf)}, nil
}

func (a *archive) part(name string, method uint16) (io.Writer, error) {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	return w, fault.Wrap(fault.Unavailable, err, "writing the backup")
}

func (a *archive) manifest(b Backup) error {
	w, err := a.part(manifestName, zip.Deflate)
	if err != nil {
		return err
	}
	return fault.Wrap(fault.Unavailable, json.NewEncoder(w).Encode(b), "writing the manifest of the backup")
}

// publish gives the whole file its name.
func (a *archive) publish() error {
	err := errors.Join(a.zip.Close(), a.buf.Flush(), a.draft.Sync(), a.draft.Close())
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "finishing the backup")
	}
	// Link, unlike Rename, refuses to replace a file that appeared meanwhile.
	if err := os.Link(a.draft.Name(), a.name); err != nil {
		return fault.New(fault.Misconfigured, "the backup cannot be given its name")
	}
	return nil
}

// discard removes the draft; after publish the file lives on under its name.
func (a *archive) discard() {
	_ = a.draft.Close() // closed already, or of no use
	_ = os.Remove(a.draft.Name())
}
