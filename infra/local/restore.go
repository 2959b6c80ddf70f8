package local

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// RestoreOptions say what is restored where.
type RestoreOptions struct {
	Dir         string // data directory: without records, and with the key file of the installation, master.key
	From        string // the backup
	Keys        string // the part with the wrapped keys, when it is a file of its own
	Shredded    string // the newest list of destroyed keys, when it is elsewhere than in Dir
	ExpiredKeys bool   // restore wrapped keys that have outlived their time
	Log         *slog.Logger
}

// Restored says what a restore did.
type Restored struct {
	Backup    Backup `json:"backup"`
	Records   int    `json:"records"`
	Objects   int    `json:"objects"`
	TakenOver int    `json:"takenOver"` // open cases that go on in a new generation
	Mails     int    `json:"mails"`     // claimed when the backup was taken: nobody knows whether they left since
	Shredded  int    `json:"shredded"`  // keys on the list of destroyed ones, destroyed again
	ListFound bool   `json:"listFound"` // there was a list of destroyed keys
}

// restoring is where a restore works, inside the data directory: what is half done never looks like an installation.
const restoring = ".restoring"

// Restore makes an installation out of a backup. Nothing of it runs yet. Open cases get a new generation, so that executions
// start again from the record; mails that were on their way are settled as unknown and never sent twice; keys that were
// destroyed since the backup are destroyed again, and what retention has ended is disposed of. A directory that holds records
// already is fault.Conflict, a missing key file fault.NotFound, one of another installation fault.Misconfigured, wrapped keys
// past their time fault.Conflict. A restore that fails leaves the directory as it was and can be repeated.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	a, err := openBackup(o)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	r.Backup = a.Backup
	work, now, err := o.prepare(a.Backup)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work)
	tombstones, found, err := o.tombstones()
	if err != nil {
		return r, err
	}
	r.ListFound = found
	open, err := a.fill(ctx, work, tombstones, now, &r)
	if err != nil {
		return r, err
	}
	if err := o.settle(ctx, work, a.Backup, open, tombstones, &r); err != nil {
		return r, err
	}
	return r, o.move(work, tombstones)
}

// prepare checks what must be so before anything is written, and makes the place to work in.
func (o RestoreOptions) prepare(b Backup) (work string, now func() time.Time, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return "", nil, fault.Wrap(fault.Misconfigured, unnamed(err), "making the data directory")
	}
	for _, name := range []string{recordsFile, "workflow.db", objectsDir} {
		if _, err := os.Lstat(filepath.Join(o.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fault.New(fault.Conflict, "the data directory holds an installation already; restore into an empty one")
		}
	}
	if _, err := os.Stat(filepath.Join(o.Dir, masterFile)); err != nil {
		return "", nil, fault.New(fault.NotFound, "put the key file of the installation into the data directory first, as "+masterFile+": it is in no backup")
	}
	// A log without its records belongs to an installation that is gone: beside other records it would spoil them.
	for _, name := range []string{recordsFile + "-wal", recordsFile + "-shm"} {
		if err := os.Remove(filepath.Join(o.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fault.New(fault.Misconfigured, "the data directory cannot be written")
		}
	}
	work = filepath.Join(o.Dir, restoring)
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o700), os.Link(filepath.Join(o.Dir, masterFile), filepath.Join(work, masterFile))); err != nil {
		return "", nil, fault.New(fault.Misconfigured, "the data directory cannot be written")
	}
	if err := o.setClock(work, b); err != nil {
		return "", nil, err
	}
	at, _, err := clockOf(work)
	if err != nil {
		return "", nil, err
	}
	if !at.Before(b.KeysExpire) && !o.ExpiredKeys {
		return "", nil, fault.New(fault.Conflict, "the wrapped keys in this backup have outlived their time ("+b.KeysExpire.Format(time.DateOnly)+
			"): keys that were destroyed since would come back; say --expired-keys if that is what you want")
	}
	if b.ManualClock == "" {
		return work, time.Now, nil
	}
	return work, func() time.Time { return at }, nil
}

// setClock gives the work its clock, when it is one that is set by hand: that of the directory, or that of the backup.
func (o RestoreOptions) setClock(work string, b Backup) error {
	text, err := os.ReadFile(filepath.Join(o.Dir, clockFile))
	if errors.Is(err, fs.ErrNotExist) {
		if b.ManualClock == "" {
			return nil
		}
		text, err = []byte(b.ManualClock+"\n"), nil
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(work, clockFile), text, 0o600)
	}
	return fault.Wrap(fault.Misconfigured, unnamed(err), "setting the clock")
}

// tombstones reads the lists of destroyed keys, each key once; found says whether there was one.
func (o RestoreOptions) tombstones() (out []keys.Tombstone, found bool, err error) {
	seen := map[[2]string]bool{}
	for _, path := range []string{shreddedIn(o.Dir), o.Shredded} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			if path == o.Shredded {
				return nil, false, fault.New(fault.NotFound, "the list of destroyed keys is not there")
			}
			continue
		}
		list, err := readShredded(path)
		if err != nil {
			return nil, false, err
		}
		found = true
		for _, t := range list {
			if id := [2]string{t.Tenant, t.ID}; !seen[id] {
				seen[id], out = true, append(out, t)
			}
		}
	}
	return out, found, nil
}

// move makes the work the installation; the records, which make it one, come last.
func (o RestoreOptions) move(work string, tombstones []keys.Tombstone) error {
	// Keys that were destroyed just now are on a list of their own.
	more, err := readShredded(shreddedIn(work))
	if err != nil {
		return err
	}
	have, err := readShredded(shreddedIn(o.Dir))
	if err != nil {
		return err
	}
	known := map[[2]string]bool{}
	for _, t := range have {
		known[[2]string{t.Tenant, t.ID}] = true
	}
	to := &shredded{path: shreddedIn(o.Dir)}
	for _, t := range append(tombstones, more...) {
		id := [2]string{t.Tenant, t.ID}
		if known[id] {
			continue
		}
		if known[id] = true; to.note(context.Background(), t) != nil {
			return fault.New(fault.Unavailable, "the list of destroyed keys cannot be written")
		}
	}
	// The newest records may still be in the log.
	for _, name := range []string{clockFile, objectsDir, recordsFile + "-wal", recordsFile} {
		err := os.Rename(filepath.Join(work, name), filepath.Join(o.Dir, name))
		optional := name == clockFile || name == recordsFile+"-wal"
		if err != nil && (!optional || !errors.Is(err, fs.ErrNotExist)) {
			return fault.New(fault.Unavailable, "the restored installation cannot be moved into place")
		}
	}
	d, err := os.Open(o.Dir)
	if err != nil {
		return fault.Wrap(fault.Unavailable, unnamed(err), "flushing the data directory")
	}
	return fault.Wrap(fault.Unavailable, errors.Join(d.Sync(), d.Close()), "flushing the data directory")
}

// opened is a backup that is read.
type opened struct {
	Backup
	main, keys *zip.ReadCloser
}

func openBackup(o RestoreOptions) (*opened, error) {
	a := &opened{}
	var err error
	if a.main, a.Backup, err = readZip(o.From); err != nil {
		return nil, err
	}
	if a.keys = a.main; !a.KeysApart {
		return a, nil
	}
	if o.Keys == "" {
		return nil, errors.Join(fault.New(fault.Invalid, "the wrapped keys of this backup are in a file of their own: name it"), a.main.Close())
	}
	var k Backup
	if a.keys, k, err = readZip(o.Keys); err != nil {
		return nil, errors.Join(err, a.main.Close())
	}
	if k.ID != a.ID {
		return nil, errors.Join(fault.New(fault.Invalid, "the file of keys belongs to another backup"), a.close())
	}
	return a, nil
}

func (a *opened) close() error {
	err := a.main.Close()
	if a.keys != a.main {
		err = errors.Join(err, a.keys.Close())
	}
	return err
}

func readZip(name string) (*zip.ReadCloser, Backup, error) {
	var b Backup
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, b, fault.New(fault.Invalid, filepath.Base(name)+" is not there, or is no backup")
	}
	f, err := z.Open(manifestName)
	if err == nil {
		err = errors.Join(json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&b), f.Close())
	}
	if err != nil || b.Format != backupFormat {
		return nil, b, errors.Join(fault.New(fault.Invalid, filepath.Base(name)+" is no backup of this version"), z.Close())
	}
	return z, b, nil
}

// fill writes records and objects into the work and returns the cases that were open. Objects of cases whose keys were
// destroyed stay out.
func (a *opened) fill(ctx context.Context, work string, tombstones []keys.Tombstone, now func() time.Time, r *Restored) (open []casefile.DueRef, err error) {
	store, err := sqlitetable.Open(filepath.Join(work, recordsFile), sqlitetable.Options{Now: now})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, n := range backedUp {
		from := a.main
		if n == table.CaseKeys {
			from = a.keys
		}
		if err := a.table(ctx, from, n, store, &open, r); err != nil {
			return nil, fmt.Errorf("restoring records: %w", err)
		}
	}
	objects, err := dirblobs.Open(filepath.Join(work, objectsDir))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, objects.Close()) }()
	for _, f := range a.main.File {
		name, ok := strings.CutPrefix(f.Name, objectsInZip)
		if !ok || ofDestroyed(name, tombstones) {
			continue
		}
		if err := putObject(ctx, objects, name, f); err != nil {
			return nil, fmt.Errorf("restoring an object: %w", err)
		}
		r.Objects++
	}
	return open, nil
}

func putObject(ctx context.Context, to *dirblobs.Store, name string, f *zip.File) error {
	content, err := f.Open()
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "reading the backup")
	}
	defer content.Close()
	_, err = to.Put(ctx, name, content)
	return err
}

// ofDestroyed reports whether an object belongs to a case whose keys were destroyed.
func ofDestroyed(name string, tombstones []keys.Tombstone) bool {
	for _, t := range tombstones {
		if strings.Contains(name, "/"+t.Tenant+"/"+strings.TrimPrefix(t.ID, "erased-")+"/") {
			return true
		}
	}
	return false
}

// batches of a restore keep to the limits of a transaction.
const (
	restoreItems = table.MaxTransactionItems
	restoreBytes = table.MaxTransactionBytes / 2
)

// table reads one table back. Versions start anew: nothing outside the records knows them.
func (a *opened) table(ctx context.Context, from *zip.ReadCloser, n table.Name, to table.Store, open *[]casefile.DueRef, r *Restored) error {
	f, err := from.Open(partOf(n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it held nothing
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "reading the backup")
	}
	defer f.Close()
	var batch []table.Write
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := to.Transact(ctx, batch...)
		r.Records += len(batch)
		batch, size = batch[:0], 0
		return err
	}
	for dec := json.NewDecoder(f); ; {
		var l line
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return flush()
		}
		if err != nil {
			return fault.New(fault.Invalid, "the backup is damaged")
		}
		it := table.Item{Key: table.Key{Table: n, PK: l.PK, SK: l.SK}, IPK: l.IPK, ISK: l.ISK, ExpiresAt: l.Expires, Body: l.Body}
		note(it, open)
		if len(batch) == restoreItems || size+it.Size() > restoreBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		batch, size = append(batch, table.Write{Op: table.Put, If: table.AnyVersion, Item: it}), size+it.Size()
	}
}

// note remembers an open case.
func note(it table.Item, open *[]casefile.DueRef) {
	var c casefile.Case
	if it.Table == table.Cases && it.SK == casefile.SKCase && json.Unmarshal(it.Body, &c) == nil && c.ID != "" && c.Open() {
		*open = append(*open, casefile.DueRef{Tenant: c.Tenant, CaseID: c.ID})
	}
}
