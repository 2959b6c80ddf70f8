package disclosure

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	trailerCost  = 22 + 56 + 20 // bytes at the end of a zip, in the form of zip64
	noteCost     = 2 << 10      // most bytes of volume-<n>.txt with everything around it
	checkEvery   = 1 << 10      // records between two looks at the context
	indexPath    = "index.html"
	manifestPath = "manifest.json"
	fileMode     = 0o644
)

var errForeign = fault.New(fault.Internal, "a record belongs to a collection that the results do not name")

// volume writes one zip.
type volume struct {
	assembler *Assembler
	in        *Input
	words     *words
	state     State // as it will be once the volume is stored
	paths     []systemPaths
	previews  *previews
	zip       *zip.Writer
	out       *measured
	used      int64 // bytes of the files that are in the zip, headers included
	from      int   // first system that this volume reads
	fromSkip  int64 // records of it that earlier volumes hold
	spool     *spool
	open      map[int]*opened // by index of collection
	uneven    []*file         // CSV files whose rows will be widened
	csv, line []byte
	shown     []byte // the present record without what is not shown
	record    connector.Record
}

// systemPaths are the file names of a system and of its collections.
type systemPaths struct {
	folder      string
	collections []string
	attachments []string
	index       map[string]int // collection name -> its place
	secrets     []*secrets     // by place of the collection
}

// opened is a collection while it is written.
type opened struct {
	part      int
	json, csv *file
	table     *table
	records   int64
}

// measured counts and hashes what is written.
type measured struct {
	w io.Writer
	h hash.Hash
	n int64
}

// Write implements io.Writer.
func (m *measured) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	_, _ = m.h.Write(p[:n])
	m.n += int64(n)
	return n, err
}

func newVolume(a *Assembler, in *Input, w *words, s State) *volume {
	names := make([]string, len(in.Systems))
	for i := range in.Systems {
		names[i] = in.Systems[i].Name
	}
	v := &volume{assembler: a, in: in, words: w, state: s.clone(), from: s.System, fromSkip: s.Skip, paths: make([]systemPaths, len(in.Systems))}
	for i, folder := range fileNames(names) {
		p := systemPaths{folder: folder, index: make(map[string]int, len(in.Systems[i].Collections))}
		list := make([]string, len(in.Systems[i].Collections))
		for k, c := range in.Systems[i].Collections {
			list[k] = c.Name
			p.index[c.Name] = k
			p.secrets = append(p.secrets, newSecrets(a.names, in.Deny, &in.Systems[i].Collections[k]))
		}
		p.collections, p.attachments = fileNames(list), attachmentNames(in.Systems[i].Attachments)
		v.paths[i] = p
	}
	v.previews = newPreviews(in, a.options.VolumeBytes)
	return v
}

// write writes the zip to w and brings the state behind it.
func (v *volume) write(ctx context.Context, w io.Writer) (err error) {
	v.out = &measured{w: w, h: sha256.New()}
	v.zip = zip.NewWriter(v.out)
	for full := false; v.state.System < len(v.in.Systems); {
		if full, err = v.system(ctx, v.state.System); err != nil {
			return fmt.Errorf("reading the results of a system: %w", err)
		}
		if full {
			return v.end(ctx, false)
		}
	}
	return v.end(ctx, true)
}

// system writes the files of a system, from where the state says; full reports that the volume ends within it.
func (v *volume) system(ctx context.Context, i int) (full bool, err error) {
	v.spool = newSpool(v.assembler.options, v.assembler.tools)
	defer func() { err = errors.Join(err, v.spool.close()) }()
	v.open, v.uneven = map[int]*opened{}, nil
	if v.in.CategoriesOnly {
		v.state.System = i + 1
		return false, nil
	}
	if v.in.Systems[i].Records != nil {
		if full, err = v.records(ctx, i); err != nil {
			return false, err
		}
	}
	if err := v.flush(ctx, i); err != nil {
		return false, err
	}
	if full {
		return true, nil
	}
	if err := v.complete(i); err != nil {
		return false, err
	}
	if full, err := v.attachments(ctx, i); err != nil || full {
		return full, err
	}
	v.state.System, v.state.Skip, v.state.Attached = i+1, 0, 0
	return false, nil
}

// records reads the records of a system until there are no more or the volume is full.
func (v *volume) records(ctx context.Context, i int) (full bool, err error) {
	system := &v.in.Systems[i]
	for record, err := range system.Records(ctx, v.state.Skip) {
		if err == nil && v.state.Skip%checkEvery == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return false, err
		}
		k, known := v.paths[i].index[record.Collection]
		if !known {
			return false, errForeign
		}
		fits, err := v.take(ctx, i, k, record)
		if err != nil {
			return false, err
		}
		if !fits {
			return true, nil
		}
		v.state.Skip++
	}
	return false, nil
}

// take writes one record to the files of its collection, unless the volume has no room for it.
func (v *volume) take(ctx context.Context, i, k int, r Record) (fits bool, err error) {
	line := r.Line.Reveal()
	if err := connector.DecodeRecord(line, &v.record); err != nil {
		return false, fmt.Errorf("reading a record: %w", err)
	}
	if v.paths[i].secrets[k].hide(&v.record) {
		v.shown = v.record.AppendJSON(v.shown[:0])
		line = v.shown
	}
	o := v.open[k]
	first := o == nil
	if first {
		o = &opened{part: v.state.parts(i, k) + 1, table: newTable(v.words)}
	}
	// As CSV a record is at most twice as long as it is as JSON: every byte of a nested value could be a quote.
	if fits, err := v.fits(ctx, 3*int64(len(line))+1024); err != nil || !fits {
		return false, err
	}
	if first {
		v.begin(i, k, o)
	}
	columns, even := len(o.table.columns), len(o.table.widths) == 0
	v.csv = o.table.row(v.csv[:0], v.record.Fields)
	v.spool.bound += (o.records + 1) * int64(len(o.table.columns)-columns) // what widening may add
	if even && len(o.table.widths) > 0 {
		v.uneven = append(v.uneven, o.csv)
	}
	sep := ",\n"
	if o.records == 0 {
		sep = "[\n"
	}
	v.line = append(append(v.line[:0], sep...), line...)
	if err := v.spool.add(ctx, o.json, v.line); err != nil {
		return false, err
	}
	if err := v.spool.add(ctx, o.csv, v.csv); err != nil {
		return false, err
	}
	o.records++
	v.state.hold(i, k, v.paths[i].secrets[k].counts)
	v.previews.add(i, k, v.record.Fields)
	return true, nil
}

// begin opens the two files of a collection's part.
func (v *volume) begin(i, k int, o *opened) {
	stem := v.stem(i, k, o.part)
	o.json, o.csv = v.spool.file(stem+".json"), v.spool.file(stem+".csv")
	v.open[k] = o
}

// fits reports whether cost more bytes can go into the volume. A volume without records has room for any record, however
// long: none would have room for it otherwise. Where volumes end depends on the records alone.
func (v *volume) fits(ctx context.Context, cost int64) (bool, error) {
	limit := v.assembler.options.VolumeBytes
	if v.bound()+cost <= limit || (v.used == 0 && len(v.open) == 0) {
		return true, nil
	}
	if err := v.spool.settle(ctx); err != nil {
		return false, err
	}
	// Filling up the last sixteenth would deflate ever smaller pieces.
	return v.bound()+cost <= limit-limit/16, nil
}

// bound returns how large the zip can become at most with what was taken so far.
func (v *volume) bound() int64 {
	n := v.used + v.spool.bound + trailerCost + noteCost
	for _, f := range v.uneven {
		n += f.deflated / 8 // wider rows deflate a little differently
	}
	return n
}

// flush ends the open files of a system and moves them into the zip, in the order of the collections.
func (v *volume) flush(ctx context.Context, i int) error {
	for k := range v.in.Systems[i].Collections {
		o := v.open[k]
		if o == nil {
			continue
		}
		if err := v.spool.add(ctx, o.json, []byte("\n]\n")); err != nil {
			return err
		}
		if len(o.table.widths) > 0 {
			if err := v.widen(ctx, o); err != nil {
				return err
			}
		}
	}
	if err := v.spool.finish(ctx); err != nil {
		return err
	}
	for k := range v.in.Systems[i].Collections {
		o := v.open[k]
		if o == nil {
			continue
		}
		if err := errors.Join(v.put(o.json), v.put(o.csv)); err != nil {
			return err
		}
		v.state.count(i, k, o)
		for _, r := range o.table.reasons {
			if !slices.Contains(v.state.Withheld, r) {
				v.state.Withheld = append(v.state.Withheld, r)
			}
		}
	}
	return nil
}

// widen replaces the CSV file of a collection whose later records have fields of their own.
func (v *volume) widen(ctx context.Context, o *opened) error {
	if err := v.spool.finishFile(ctx, o.csv); err != nil {
		return err
	}
	old := o.csv
	o.csv = v.spool.file(old.path)
	add := func(ctx context.Context, b []byte) error { return v.spool.add(ctx, o.csv, b) }
	if err := o.table.widen(ctx, v.spool.reader(old), add); err != nil {
		return err
	}
	v.spool.drop(old)
	return nil
}

// put moves a finished file into the zip. Its time is that of the package, so that the same input gives the same bytes.
func (v *volume) put(f *file) error {
	h := &zip.FileHeader{
		Name: f.path, Method: zip.Deflate, CRC32: f.crc,
		CompressedSize64: uint64(f.deflated), UncompressedSize64: uint64(f.size),
	}
	h.SetMode(fileMode)
	h.ModifiedDate, h.ModifiedTime = dosTime(v.in.GeneratedAt) //nolint:staticcheck // CreateRaw writes these fields and not Modified
	w, err := v.zip.CreateRaw(h)
	if err == nil {
		err = v.spool.copyTo(w, f)
	}
	if err != nil {
		return fmt.Errorf("writing a file of the package: %w", err)
	}
	v.used += f.cost() + f.deflated
	v.state.Files = append(v.state.Files, File{Path: f.path, Bytes: f.size, SHA256: f.sum})
	return nil
}

// dosTime returns the time as zip files have it: local time without a zone, in steps of two seconds, from 1980 on.
func dosTime(t time.Time) (day, clock uint16) {
	year := min(max(t.Year(), 1980), 1980+127)
	return uint16(t.Day() + int(t.Month())<<5 + (year-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

// complete refuses a system whose records are not as many as its results say.
func (v *volume) complete(i int) error {
	for k, c := range v.in.Systems[i].Collections {
		if v.state.records(i, k) != c.Records {
			return fault.New(fault.Internal, "the records of a collection are not as many as its result says")
		}
	}
	return nil
}

// end closes the volume: as the last one with index.html and manifest.json if there is room, otherwise with a note.
func (v *volume) end(ctx context.Context, last bool) (err error) {
	v.spool, v.open, v.uneven = newSpool(v.assembler.options, v.assembler.tools), nil, nil
	defer func() { err = errors.Join(err, v.spool.close()) }()
	if last {
		if v.state.Done, err = v.finish(ctx); err != nil {
			return err
		}
	}
	if !v.state.Done {
		if err := v.note(ctx); err != nil {
			return err
		}
	}
	if err := v.zip.Close(); err != nil {
		return fmt.Errorf("closing the zip: %w", err)
	}
	v.state.Volumes = append(v.state.Volumes, Stored{Bytes: v.out.n, SHA256: hex.EncodeToString(v.out.h.Sum(nil))})
	return nil
}

// finish writes index.html and manifest.json; done is false, and nothing is written, when there is no room for them.
func (v *volume) finish(ctx context.Context) (done bool, err error) {
	if err := v.previews.fill(ctx, v); err != nil {
		return false, fmt.Errorf("reading the first records again: %w", err)
	}
	index := v.spool.file(indexPath)
	if err := v.words.page.write(&filler{ctx, v.spool, index}, v); err != nil {
		return false, fmt.Errorf("writing index.html: %w", err)
	}
	if err := v.spool.finish(ctx); err != nil {
		return false, err
	}
	body, err := v.manifest(File{Path: index.path, Bytes: index.size, SHA256: index.sum})
	if err != nil {
		return false, err
	}
	if v.used > 0 && v.bound()+int64(len(body))+chunkCost > v.assembler.options.VolumeBytes {
		v.spool.drop(index)
		return false, nil
	}
	if err := v.put(index); err != nil {
		return false, err
	}
	f := v.spool.file(manifestPath)
	if err := v.spool.add(ctx, f, body); err != nil {
		return false, err
	}
	if err := v.spool.finish(ctx); err != nil {
		return false, err
	}
	if err := v.put(f); err != nil {
		return false, err
	}
	// The manifest does not list itself; its hash stands in the state.
	v.state.Files = v.state.Files[:len(v.state.Files)-1]
	v.state.Manifest = f.sum
	return true, nil
}

// note writes the file that says where the rest is.
func (v *volume) note(ctx context.Context) error {
	n := strconv.Itoa(len(v.state.Volumes) + 1)
	text, err := v.words.say("volume.note", "Number", n, "Reference", v.in.Reference)
	if err != nil {
		return err
	}
	f := v.spool.file("volume-" + n + ".txt")
	if err := v.spool.add(ctx, f, []byte(text+"\r\n")); err != nil {
		return err
	}
	if err := v.spool.finish(ctx); err != nil {
		return err
	}
	return v.put(f)
}

// filler is a file as an io.Writer.
type filler struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call of a writer that takes no context
	spool *spool
	file  *file
}

// Write implements io.Writer.
func (f *filler) Write(p []byte) (int, error) {
	if err := f.spool.add(f.ctx, f.file, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
