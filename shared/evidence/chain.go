package evidence

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// chainCheck reads the entries of one chain, line by line, and keeps only where it stands.
type chainCheck struct {
	v      *verification
	chain  string
	file   string
	last   Head             // the highest entry so far
	lines  int64            // entries read
	gaps   []gap            // numbers that were passed over
	expect map[int64]string // hashes that the chain of the case names for this task, by number
}

// gap is a run of numbers not yet seen, both ends included.
type gap struct{ from, to int64 }

// checkChain holds a chain's file to the rules of a chain and to the head that bundle.json names.
func (v *verification) checkChain(chain string, want Head) {
	c := &chainCheck{v: v, chain: chain, file: entriesPrefix + chain + entriesSuffix, expect: map[int64]string{}}
	f, ok := v.files[c.file]
	if !ok {
		v.report.find(Missing, c.file, 0, "the entries of a chain are not there")
		return
	}
	v.report.Chains++
	for _, h := range v.ended[chain] {
		if hash, ok := c.expect[h.Seq]; ok && hash != h.Hash {
			v.report.find(TaskHead, c.file, h.Seq, "the chain of the case names two different entries for this place")
		}
		c.expect[h.Seq] = h.Hash
	}
	if whole := c.read(f); whole {
		c.finish(want)
	}
	v.report.Entries += c.lines
	v.report.Unsealed += c.lines - min(c.lines, v.sealed.upTo[chain])
}

// read goes through the file. False when it could not be read to its end.
func (c *chainCheck) read(f *zip.File) bool {
	r, err := c.v.open(f, maxBundleBytes)
	if err != nil {
		c.v.report.find(Unreadable, c.file, 0, "the file cannot be unpacked")
		return false
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewReaderSize(r, maxLineBytes)
	for n := int64(1); ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case err == nil:
			c.entry(n, line[:len(line)-1])
			if len(c.gaps) > maxGaps {
				c.v.report.find(TooLarge, c.file, n, "the chain has more holes than the verifier follows")
				return false
			}
		case errors.Is(err, bufio.ErrBufferFull):
			c.v.report.find(TooLarge, c.file, n, "the line is longer than any entry")
			return false
		case errors.Is(err, errTooLarge):
			c.v.report.find(TooLarge, c.file, n, "the bundle is larger than 256 MiB unpacked")
			return false
		case !errors.Is(err, io.EOF):
			c.v.report.find(Unreadable, c.file, n, "the file cannot be unpacked to its end")
			return false
		default:
			if len(line) > 0 {
				c.v.report.find(CutOff, c.file, n, "the last line is not finished")
				c.entry(n, line)
			}
			return true
		}
	}
}

// entry checks what the n-th line says.
func (c *chainCheck) entry(n int64, line []byte) {
	c.lines++
	e, err := decode(line)
	if err != nil {
		c.v.report.find(Edited, c.file, n, "the line is not an entry in the form it was written in")
		if e.Seq != c.last.Seq+1 {
			return
		}
	}
	if e.Tenant != c.v.bundle.Tenant || e.Case != c.v.bundle.Case || e.Chain != c.chain {
		c.v.report.find(Foreign, c.file, n, "the entry belongs to another tenant, case or chain")
		return
	}
	if digest, err := e.digest(); err != nil || digest != e.Hash {
		c.v.report.find(Edited, c.file, e.Seq, "the content of the entry does not match its hash")
	}
	if hash, ok := c.expect[e.Seq]; ok {
		if hash != e.Hash {
			c.v.report.find(TaskHead, c.file, e.Seq, "the chain of the case names another entry for this place")
		}
		delete(c.expect, e.Seq)
	}
	if c.chain == CaseChain && e.Kind == kindTaskEnded {
		c.taskEnded(e)
	}
	c.v.sealed.see(e)
	c.place(e)
}

// place checks the number of an entry and its link to the one before.
func (c *chainCheck) place(e Entry) {
	switch {
	case e.Seq <= c.last.Seq && !c.fill(e.Seq):
		c.v.report.find(Foreign, c.file, e.Seq, "there are two entries for this place")
		return
	case e.Seq <= c.last.Seq:
		c.v.report.find(Reordered, c.file, e.Seq, "the entry is not in its place")
		return
	case e.Seq > c.last.Seq+1:
		c.gaps = append(c.gaps, gap{c.last.Seq + 1, e.Seq - 1})
	default:
		prev := c.last.Hash
		if e.Seq == 1 {
			prev = origin(e.Tenant, e.Case, e.Chain)
		}
		if e.Prev != prev {
			c.v.report.find(Edited, c.file, e.Seq, "the entry does not follow the one before it")
		}
	}
	c.last = Head{Seq: e.Seq, Hash: e.Hash}
}

// fill takes a number out of the gaps; false when it was in none.
func (c *chainCheck) fill(seq int64) bool {
	i := slices.IndexFunc(c.gaps, func(g gap) bool { return g.from <= seq && seq <= g.to })
	if i < 0 {
		return false
	}
	g := c.gaps[i]
	var rest []gap
	if g.from < seq {
		rest = append(rest, gap{g.from, seq - 1})
	}
	if seq < g.to {
		rest = append(rest, gap{seq + 1, g.to})
	}
	c.gaps = slices.Replace(c.gaps, i, i+1, rest...)
	return true
}

// finish compares the end of the chain with its head, after the last line.
func (c *chainCheck) finish(want Head) {
	for _, g := range c.gaps {
		text := "the entry is not there"
		if g.to > g.from {
			text = fmt.Sprintf("the entries up to number %d are not there", g.to)
		}
		c.v.report.find(Missing, c.file, g.from, text)
	}
	switch {
	case c.last.Seq < want.Seq:
		c.v.report.find(CutOff, c.file, c.last.Seq+1, fmt.Sprintf("the chain should end with number %d", want.Seq))
	case c.last.Seq > want.Seq:
		c.v.report.find(Foreign, c.file, want.Seq+1, fmt.Sprintf("the chain should end with number %d", want.Seq))
	case c.last.Hash != want.Hash:
		c.v.report.find(Edited, c.file, want.Seq, "the chain does not end with the entry that was signed")
	}
	for seq := range c.expect {
		c.v.report.find(TaskHead, c.file, seq, "the chain of the case names this entry, and it is not there")
	}
}

// taskEnded remembers the head of a task that an entry of the case's chain names.
func (c *chainCheck) taskEnded(e Entry) {
	t, ok := e.endedTask()
	if !ok {
		c.v.report.find(TaskHead, c.file, e.Seq, "the entry does not name the head of a task")
		return
	}
	chain := TaskChain(t.Task)
	c.v.ended[chain] = append(c.v.ended[chain], t.Head)
}

var errTooLarge = fault.New(fault.Invalid, "the file is larger than a bundle may be")

// open unpacks a file of at most limit bytes, within what is left for the whole bundle.
func (v *verification) open(f *zip.File, limit int64) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return &bounded{r: r, left: limit, v: v}, nil
}

type bounded struct {
	r    io.ReadCloser
	left int64
	v    *verification
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.left -= int64(n)
	b.v.budget -= int64(n)
	if b.left < 0 || b.v.budget < 0 {
		return n, errTooLarge
	}
	return n, err
}

func (b *bounded) Close() error { return b.r.Close() }

// sourceAt remembers why its reader failed.
type sourceAt struct {
	r   io.ReaderAt
	err error
}

func (s *sourceAt) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		// A forged directory of the zip points before its beginning: the bundle's fault, not the reader's.
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}
