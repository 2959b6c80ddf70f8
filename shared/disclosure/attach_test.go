package disclosure_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func attachment(name string, body []byte) disclosure.Attachment {
	sum := sha256.Sum256(body)
	return disclosure.Attachment{
		Name: name, Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:]),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
}

func archive(files ...disclosure.Attachment) disclosure.System {
	return disclosure.System{Name: "archive", Title: "Paper archive", Outcome: dsar.Found, Attachments: files}
}

func noise(n int) []byte {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestAttachmentsAreInThePackageAsTheyAre(t *testing.T) {
	// A file that only looks like an archive is never opened: its bytes are what counts.
	bomb := append([]byte("PK\x03\x04"), bytes.Repeat([]byte{0}, 300_000)...)
	in := input(archive(attachment("Zeugnis <März>.PDF", []byte("%PDF-1.7 one")), attachment("zeugnis__März_.pdf", []byte("%PDF-1.7 two")), attachment("bomb.zip", bomb), attachment("empty.txt", nil)),
		disclosure.System{Name: "shop", Outcome: dsar.NothingHeld})
	r, z := assembled(t, in)
	m := manifestOf(t, z)
	if r.Records != 0 || m.Systems[0].Outcome != dsar.Found || len(m.Systems[0].Attachments) != 4 || len(m.Systems[1].Attachments) != 0 {
		t.Fatalf("the manifest has %+v", m.Systems)
	}
	listed := map[string]disclosure.File{}
	for _, f := range m.Files {
		listed[f.Path] = f
	}
	index := string(content(t, z, "index.html"))
	for n, p := range m.Systems[0].Attachments {
		a := in.Systems[0].Attachments[n]
		body := content(t, z, p)
		sum := sha256.Sum256(body)
		if f := listed[p]; f.Bytes != a.Bytes || f.SHA256 != a.SHA256 || hex.EncodeToString(sum[:]) != a.SHA256 {
			t.Errorf("%s is listed as %+v", p, f)
		}
		if path.Dir(p) != "attachments/archive" || !strings.Contains(index, `href="`+p+`"`) {
			t.Errorf("%s is not linked where it lies", p)
		}
	}
	if !strings.Contains(index, "Zeugnis &lt;März&gt;.PDF (12 bytes)") || !strings.Contains(index, "4 files") || strings.Contains(index, "There are no records to show") {
		t.Error("index.html does not tell of the files")
	}
	if !strings.HasSuffix(m.Systems[0].Attachments[0], ".pdf") || strings.EqualFold(m.Systems[0].Attachments[0], m.Systems[0].Attachments[1]) {
		t.Errorf("names: %q", m.Systems[0].Attachments)
	}
	validate(t, content(t, z, "manifest.json"))
}

func TestRecordsAndAttachmentsStandBesideEachOther(t *testing.T) {
	s := system("desk", lines("tickets", encode(connector.Field{Name: "id", Value: connector.Int(1)}))...)
	s.Attachments = []disclosure.Attachment{attachment("note.txt", []byte("hello"))}
	_, z := assembled(t, input(s))
	m := manifestOf(t, z)
	if m.Systems[0].Collections[0].Records != 1 || len(m.Systems[0].Attachments) != 1 {
		t.Errorf("%+v", m.Systems[0])
	}
}

// Attachments fill volumes like records do, never twice, and a repeated step writes the same bytes.
func TestAttachmentsOverVolumes(t *testing.T) {
	in := bulky(200)
	var files []disclosure.Attachment
	for n := range 12 {
		files = append(files, attachment(fmt.Sprintf("scan %d.png", n), noise(60_000+n)))
	}
	files = append(files, attachment("film.zip", noise(2*smallVolume)))
	in.Systems = append(in.Systems, archive(files...), disclosure.System{Name: "zz", Outcome: dsar.NothingHeld})
	a := assembler(t, disclosure.Options{VolumeBytes: smallVolume, MemoryBytes: 16 << 10})
	put, again := stored{}, stored{}
	var s disclosure.State
	for !s.Done {
		next, err := a.Step(t.Context(), in, s, put.put)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Step(t.Context(), in, s, again.put); err != nil {
			t.Fatal(err)
		}
		s = next
	}
	seen := map[string]int{}
	for n, b := range put {
		if !bytes.Equal(b, again[n]) {
			t.Errorf("volume %d is another one when it is repeated", n)
		}
		z := unzip(t, b)
		for _, f := range z.File {
			if strings.HasPrefix(f.Name, "attachments/") {
				seen[f.Name]++
				content(t, z, f.Name)
			}
		}
		if len(b) > smallVolume && len(z.File) > 2 {
			t.Errorf("volume %d has %d bytes and %d files", n, len(b), len(z.File))
		}
	}
	if len(seen) != 13 || len(put) < 6 {
		t.Errorf("%d attachments in %d volumes", len(seen), len(put))
	}
	for _, times := range maps.All(seen) {
		if times != 1 {
			t.Errorf("an attachment is in the package %d times", times)
		}
	}
}

func TestAttachmentsThatAreNotWhatWasAnnounced(t *testing.T) {
	a := assembler(t, disclosure.Options{})
	for name, spoil := range map[string]func(*disclosure.Attachment){
		"longer":  func(x *disclosure.Attachment) { x.Bytes-- },
		"shorter": func(x *disclosure.Attachment) { x.Bytes++ },
		"another": func(x *disclosure.Attachment) { x.SHA256 = strings.Repeat("0", 64) },
	} {
		x := attachment("a.txt", []byte("hello"))
		spoil(&x)
		put := stored{}
		if _, err := a.Assemble(t.Context(), input(archive(x)), put.put); !fault.Has(err, fault.Internal) || len(put) > 0 {
			t.Errorf("%s: %v, %d stored", name, err, len(put))
		}
	}
	gone := attachment("a.txt", []byte("hello"))
	gone.Open = func(context.Context) (io.ReadCloser, error) {
		return nil, fault.New(fault.Unavailable, "the store is away")
	}
	if _, err := a.Assemble(t.Context(), input(archive(gone)), stored{}.put); !fault.Has(err, fault.Unavailable) {
		t.Errorf("a store that is away: %v", err)
	}
	for _, bad := range []disclosure.Attachment{{}, {Name: "x", SHA256: strings.Repeat("0", 64)}, {Bytes: 1, SHA256: strings.Repeat("0", 64), Open: gone.Open}} {
		if _, err := a.Assemble(t.Context(), input(archive(bad)), stored{}.put); !fault.Has(err, fault.Invalid) {
			t.Errorf("an incomplete attachment: %v", err)
		}
	}
}

var plainName = regexp.MustCompile(`^attachments/archive/[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}$`)

func FuzzAttachmentNames(f *testing.F) {
	for _, seed := range []string{"a.pdf", "../../etc/passwd", "CON.txt", ".htaccess", "a\x00b.csv", "рапорт.docx", "...", "x." + strings.Repeat("y", 300), strings.Repeat("ü", 500) + ".zip", "nul", "a.tar.gz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		_, z := assembled(t, input(archive(attachment(name, []byte("1")), attachment(name, []byte("2")), attachment(strings.ToUpper(name), []byte("3")))))
		m := manifestOf(t, z)
		seen := map[string]bool{}
		for n, p := range m.Systems[0].Attachments {
			if !plainName.MatchString(p) || seen[strings.ToLower(p)] {
				t.Errorf("a path is %q", p)
			}
			seen[strings.ToLower(p)] = true
			if got := string(content(t, z, p)); got != fmt.Sprint(n+1) {
				t.Errorf("%q holds %q", p, got)
			}
		}
	})
}
