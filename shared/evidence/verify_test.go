package evidence_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// pack makes a zip of files, without looking at them.
func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func verify(t testing.TB, raw []byte, key string) evidence.Report {
	t.Helper()
	report, err := evidence.VerifyBundle(bytes.NewReader(raw), int64(len(raw)), evidence.VerifyOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func publicKey(t testing.TB, tenant string, s signer) string {
	t.Helper()
	key, err := evidence.PublicKey(tenant, s.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestWholeBundleVerifies(t *testing.T) {
	raw := writeBundle(t, exampleInput(t))
	key := publicKey(t, "acme", newSigner(1))
	for _, given := range []string{"", key, key + "\n"} {
		r := verify(t, raw, given)
		if !r.OK() {
			t.Errorf("findings: %+v", r.Findings)
		}
		if r.KeyGiven != (given != "") || len(r.Checks) == 0 {
			t.Errorf("the report does not say what was checked: %+v", r)
		}
		r.Checks, r.KeyGiven = nil, false
		want := evidence.Report{
			Tenant: "acme", Case: "case-1", Reference: "7K3QX-9M2DA", ExportedAt: r.ExportedAt, KeyName: "habeas/acme",
			Chains: 3, Entries: 14, Unsealed: 14, Findings: []evidence.Finding{},
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
}

// lines edits the lines of a file.
func lines(file string, edit func([]string) []string) func(map[string]string) {
	return func(files map[string]string) {
		l := strings.SplitAfter(files[file], "\n")
		files[file] = strings.Join(edit(l[:len(l)-1]), "")
	}
}

func replace(file, old, with string) func(map[string]string) {
	return func(files map[string]string) { files[file] = strings.Replace(files[file], old, with, 1) }
}

const (
	fileCase = "entries/case.jsonl"
	fileT1   = "entries/task/t1.jsonl"
	fileT2   = "entries/task/t2.jsonl"
)

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	foreignTenant, _ := exampleChains(t, "globex", "case-1")
	foreign := string(evidence.Write(foreignTenant[1]).Item.Body) + "\n"
	for name, tt := range map[string]struct {
		change func(map[string]string)
		want   evidence.Finding // Text is not compared
	}{
		"edited fact":   {replace(fileCase, `"level":"email"`, `"level":"paper"`), evidence.Finding{Kind: evidence.Edited, File: fileCase, Seq: 2}},
		"edited time":   {replace(fileT1, `09:03:00.123Z`, `09:03:00.124Z`), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 2}},
		"another form":  {replace(fileT1, `"records":100`, `"records":1e2`), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 2}},
		"added member":  {replace(fileT1, `{"actor"`, `{"a":1,"actor"`), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 1}},
		"member twice":  {replace(fileT1, `{"actor":"system"`, `{"actor":"subject","actor":"system"`), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 1}},
		"CR LF":         {replace(fileT1, "\n", "\r\n"), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 1}},
		"not an entry":  {lines(fileT1, func(l []string) []string { return slices.Insert(l, 1, "\n") }), evidence.Finding{Kind: evidence.Edited, File: fileT1, Seq: 2}},
		"missing entry": {lines(fileT2, func(l []string) []string { return slices.Delete(l, 1, 2) }), evidence.Finding{Kind: evidence.Missing, File: fileT2, Seq: 2}},
		"missing two":   {lines(fileT2, func(l []string) []string { return slices.Delete(l, 1, 3) }), evidence.Finding{Kind: evidence.Missing, File: fileT2, Seq: 2}},
		"missing first": {lines(fileT2, func(l []string) []string { return l[1:] }), evidence.Finding{Kind: evidence.Missing, File: fileT2, Seq: 1}},
		"swapped": {lines(fileT2, func(l []string) []string {
			l[1], l[2] = l[2], l[1]
			return l
		}), evidence.Finding{Kind: evidence.Reordered, File: fileT2, Seq: 2}},
		"backwards": {lines(fileT2, func(l []string) []string {
			slices.Reverse(l)
			return l
		}), evidence.Finding{Kind: evidence.Reordered, File: fileT2, Seq: 3}},
		"twice":           {lines(fileT2, func(l []string) []string { return slices.Insert(l, 1, l[0]) }), evidence.Finding{Kind: evidence.Foreign, File: fileT2, Seq: 1}},
		"of another case": {lines(fileCase, func(l []string) []string { return slices.Replace(l, 1, 2, foreign) }), evidence.Finding{Kind: evidence.Foreign, File: fileCase, Seq: 2}},
		"of another chain": {func(files map[string]string) {
			files[fileT1], files[fileT2] = files[fileT2], files[fileT1]
		}, evidence.Finding{Kind: evidence.Foreign, File: fileT1, Seq: 1}},
		"tail cut off":    {lines(fileCase, func(l []string) []string { return l[:4] }), evidence.Finding{Kind: evidence.CutOff, File: fileCase, Seq: 5}},
		"everything gone": {lines(fileT1, func([]string) []string { return nil }), evidence.Finding{Kind: evidence.CutOff, File: fileT1, Seq: 1}},
		"cut in a line": {func(files map[string]string) {
			files[fileT1] = files[fileT1][:len(files[fileT1])-1]
		}, evidence.Finding{Kind: evidence.CutOff, File: fileT1, Seq: 3}},
		"too long a line":  {lines(fileT1, func(l []string) []string { return append(l, strings.Repeat("x", 1<<20)+"\n") }), evidence.Finding{Kind: evidence.TooLarge, File: fileT1, Seq: 4}},
		"chain gone":       {func(f map[string]string) { delete(f, fileT1) }, evidence.Finding{Kind: evidence.Missing, File: fileT1}},
		"chain too many":   {func(f map[string]string) { f["entries/task/t3.jsonl"] = f[fileT1] }, evidence.Finding{Kind: evidence.Foreign, File: "entries/task/t3.jsonl"}},
		"unknown file":     {func(f map[string]string) { f["readme.txt"] = "x" }, evidence.Finding{Kind: evidence.UnknownFile, File: "readme.txt"}},
		"file that climbs": {func(f map[string]string) { f["entries/task/../../x.jsonl"] = "x" }, evidence.Finding{Kind: evidence.UnknownFile, File: "entries/task/../../x.jsonl"}},
		"ugly file name":   {func(f map[string]string) { f["a\x1b[31mb"] = "x" }, evidence.Finding{Kind: evidence.UnknownFile, File: "a?[31mb"}},
		"no bundle.json":   {func(f map[string]string) { delete(f, "bundle.json") }, evidence.Finding{Kind: evidence.Missing, File: "bundle.json"}},
		"no checkpoint":    {func(f map[string]string) { delete(f, "checkpoint") }, evidence.Finding{Kind: evidence.Missing, File: "checkpoint"}},
		"no key":           {func(f map[string]string) { delete(f, "key.pub") }, evidence.Finding{Kind: evidence.Missing, File: "key.pub"}},
		"broken key":       {func(f map[string]string) { f["key.pub"] = "habeas/acme+x\n" }, evidence.Finding{Kind: evidence.Unreadable, File: "key.pub"}},
		"not JSON":         {func(f map[string]string) { f["bundle.json"] = "{" }, evidence.Finding{Kind: evidence.Unreadable, File: "bundle.json"}},
		"later version":    {replace("bundle.json", `"schemaVersion": 1`, `"schemaVersion": 2`), evidence.Finding{Kind: evidence.Unreadable, File: "bundle.json"}},
		"other reference":  {replace("bundle.json", "7K3QX-9M2DA", "7K3QX-9M2DB"), evidence.Finding{Kind: evidence.BadSignature, File: "checkpoint"}},
		"bundle.json + space": {
			func(f map[string]string) { f["bundle.json"] += " " }, evidence.Finding{Kind: evidence.BadSignature, File: "checkpoint"},
		},
		"other counts":          {replace("bundle.json", `"unsealed": 14`, `"unsealed": 0`), evidence.Finding{Kind: evidence.Edited, File: "bundle.json"}},
		"other checkpoint":      {replace("checkpoint", "bundle v1", "bundle v2"), evidence.Finding{Kind: evidence.BadSignature, File: "checkpoint"}},
		"checkpoint not a note": {func(f map[string]string) { f["checkpoint"] = "x" }, evidence.Finding{Kind: evidence.BadSignature, File: "checkpoint"}},
		"signature twice": {func(f map[string]string) {
			text, sig, _ := strings.Cut(f["checkpoint"], "\n\n")
			f["checkpoint"] = text + "\n\n" + sig + sig
		}, evidence.Finding{Kind: evidence.Edited, File: "checkpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := unzip(t, writeBundle(t, exampleInput(t)))
			before := maps.Clone(files)
			tt.change(files)
			if maps.Equal(before, files) {
				t.Fatal("the test changed nothing")
			}
			r := verify(t, pack(t, files), "")
			if !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool {
				return f.Kind == tt.want.Kind && f.File == tt.want.File && f.Seq == tt.want.Seq && f.Text != ""
			}) {
				t.Errorf("findings %+v\nwant %+v among them", r.Findings, tt.want)
			}
		})
	}
}

// forge signs a bundle again after its files were changed, as somebody with a key of his own could.
func forge(t *testing.T, files map[string]string, s signer) {
	t.Helper()
	in := exampleInput(t)
	in.Signer = s
	forged := unzip(t, writeBundle(t, in))
	for _, name := range []string{"bundle.json", "checkpoint", "key.pub"} {
		files[name] = forged[name]
	}
}

func TestForeignKeyShowsAgainstTheKeyGiven(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	forge(t, files, newSigner(2))
	raw := pack(t, files)
	if r := verify(t, raw, ""); !r.OK() || r.KeyGiven {
		t.Errorf("consistent in itself, and says so: %+v", r.Findings)
	}
	r := verify(t, raw, publicKey(t, "acme", newSigner(1)))
	kinds := map[string]bool{}
	for _, f := range r.Findings {
		kinds[f.Kind] = true
	}
	if !kinds[evidence.KeyDiffers] || !kinds[evidence.BadSignature] {
		t.Errorf("findings %+v, want key_differs and bad_signature", r.Findings)
	}
	// The key of another tenant does not speak for this one, even if it signed.
	if r := verify(t, writeBundle(t, exampleInput(t)), publicKey(t, "globex", newSigner(1))); r.OK() {
		t.Error("the key of another tenant is taken")
	}
}

// TestBundleSignedByAnotherTenant: a bundle that names its signer honestly is still none of this tenant.
func TestBundleSignedByAnotherTenant(t *testing.T) {
	private, public, err := note.GenerateKey(rand.Reader, "habeas/globex")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	files := unzip(t, writeBundle(t, exampleInput(t)))
	before := sha256.Sum256([]byte(files["bundle.json"]))
	replace("bundle.json", "habeas/acme", "habeas/globex")(files)
	after := sha256.Sum256([]byte(files["bundle.json"]))
	text, _, _ := strings.Cut(files["checkpoint"], "\n\n")
	text = strings.Replace(text, hex.EncodeToString(before[:]), hex.EncodeToString(after[:]), 1) + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	files["checkpoint"], files["key.pub"] = string(signed), public+"\n"
	r := verify(t, pack(t, files), "")
	if len(r.Findings) != 1 || r.Findings[0].Kind != evidence.BadSignature {
		t.Errorf("findings %+v, want bad_signature only", r.Findings)
	}
}

// TestRewrittenTaskDoesNotMatchTheCase: somebody who rewrites a whole task chain, and signs, is caught by the case's chain.
func TestRewrittenTaskDoesNotMatchTheCase(t *testing.T) {
	for name, keep := range map[string]int{"other entries": 3, "shorter": 2} {
		t.Run(name, func(t *testing.T) {
			in := exampleInput(t)
			var entries []evidence.Entry
			var head evidence.Head
			for e := range in.Entries {
				if e.Chain == evidence.TaskChain("t1") {
					if int(e.Seq) > keep {
						continue
					}
					e, head = mustAppend(t, head, draft(e.Chain, "batch_read", map[string]any{"records": 0}))
				}
				entries = append(entries, e)
			}
			in.Entries, in.Heads = entrySeq(entries), nil
			r := verify(t, writeBundle(t, in), publicKey(t, "acme", newSigner(1)))
			if len(r.Findings) == 0 || r.Findings[0].Kind != evidence.TaskHead || r.Findings[0].Seq != 3 {
				t.Errorf("findings %+v, want task_head at 3", r.Findings)
			}
		})
	}
	in := exampleInput(t)
	var entries []evidence.Entry
	for e := range in.Entries {
		if e.Chain != evidence.TaskChain("t1") {
			entries = append(entries, e)
		}
	}
	in.Entries, in.Heads = entrySeq(entries), nil
	if r := verify(t, writeBundle(t, in), ""); len(r.Findings) != 1 || r.Findings[0].Kind != evidence.Missing {
		t.Errorf("findings %+v, want the task missing", r.Findings)
	}
}

// TestEveryByteOfAnEntryCounts flips each byte of one whole line, and every seventh of one line per other chain.
func TestEveryByteOfAnEntryCounts(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	for _, file := range []string{fileCase, fileT1, fileT2} {
		whole := files[file]
		from := strings.IndexByte(whole, '\n') + 1
		step := 1
		if file != fileCase {
			step = 7 // the form of the lines is the same
		}
		for i := from; i <= from+strings.IndexByte(whole[from:], '\n'); i += step {
			bad := []byte(whole)
			bad[i] ^= 1
			files[file] = string(bad)
			if verify(t, pack(t, files), "").OK() {
				t.Errorf("%s: byte %d (%q) may be changed", file, i, whole[i])
			}
		}
		files[file] = whole
	}
}

// TestAnyMutationIsFound changes bytes and lines of any file of a bundle at random.
func TestAnyMutationIsFound(t *testing.T) {
	whole := unzip(t, writeBundle(t, exampleInput(t)))
	names := slices.Sorted(maps.Keys(whole))
	key := publicKey(t, "acme", newSigner(1))
	rapid.Check(t, func(rt *rapid.T) {
		files := maps.Clone(whole)
		name := rapid.SampledFrom(names).Draw(rt, "file")
		text := files[name]
		at := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
		to := rapid.IntRange(at, len(text)).Draw(rt, "to")
		l := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		from := rapid.IntRange(0, len(l)-1).Draw(rt, "line")
		switch rapid.SampledFrom([]string{"insert", "delete", "overwrite", "repeat line", "move line", "drop line", "foreign line"}).Draw(rt, "how") {
		case "insert":
			text = text[:at] + rapid.StringN(1, 8, 32).Draw(rt, "text") + text[at:]
		case "delete":
			text = text[:at] + text[to:]
		case "overwrite":
			text = text[:at] + string(rapid.SliceOfN(rapid.Byte(), to-at, to-at).Draw(rt, "bytes")) + text[to:]
		case "repeat line":
			text = strings.Join(slices.Insert(l, from, l[from]), "") + "\n"
		case "move line":
			moved := l[from]
			l = slices.Delete(l, from, from+1)
			text = strings.Join(slices.Insert(l, rapid.IntRange(0, len(l)).Draw(rt, "place"), moved), "") + "\n"
		case "drop line":
			text = strings.Join(slices.Delete(l, from, from+1), "") + "\n"
		case "foreign line":
			other := strings.SplitAfter(whole[rapid.SampledFrom(names).Draw(rt, "other file")], "\n")
			text = strings.Join(slices.Insert(l, from, rapid.SampledFrom(other).Draw(rt, "other line")), "") + "\n"
		}
		if text == files[name] {
			return
		}
		files[name] = text
		if verify(t, pack(t, files), key).OK() {
			rt.Fatalf("%s was changed, and nothing was found", name)
		}
	})
}

func TestSpellingOfTheSignatureIsFixed(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	// The last character before the padding carries bits that base64 ignores: another spelling of the same bytes.
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	whole := files["checkpoint"]
	at := strings.LastIndexByte(whole, '=') - 1
	again := whole[:at] + string(letters[strings.IndexByte(letters, whole[at])^1]) + whole[at+1:]
	decode := func(s string) []byte {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s[strings.LastIndexByte(s, ' ')+1:]))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if !bytes.Equal(decode(whole), decode(again)) {
		t.Fatal("the test does not spell the same signature")
	}
	files["checkpoint"] = again
	if r := verify(t, pack(t, files), ""); len(r.Findings) != 1 || r.Findings[0].Kind != evidence.Edited {
		t.Errorf("findings %+v, want edited", r.Findings)
	}
}

func TestCheckpointIsASignedNote(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	verifier, err := note.NewVerifier(strings.TrimSpace(files["key.pub"]))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(files["checkpoint"]), note.VerifierList(verifier))
	if err != nil || !strings.Contains(n.Text, "\ntask/t2 5 ") {
		t.Errorf("any reader of signed notes must open it: %v", err)
	}
}

func TestZipBombIsBounded(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "key.pub" {
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := w.Write(zeros); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	r := verify(t, buf.Bytes(), "")
	if !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Kind == evidence.TooLarge && f.File == "key.pub" }) {
		t.Errorf("findings %+v, want key.pub too large (the bomb has %d bytes)", r.Findings, buf.Len())
	}
}

func TestFindingsAreBounded(t *testing.T) {
	files := unzip(t, writeBundle(t, exampleInput(t)))
	files[fileT1] += strings.Repeat("x\n", 20_000)
	r := verify(t, pack(t, files), "")
	if len(r.Findings) != 10_000 || r.More < 10_000 {
		t.Errorf("%d findings are listed, %d more counted", len(r.Findings), r.More)
	}
	// A chain of holes is given up, not followed.
	files = unzip(t, writeBundle(t, exampleInput(t)))
	var holes strings.Builder
	for i := range int64(2_000) {
		e, _ := mustAppend(t, evidence.Head{Seq: 1 + 2*i, Hash: strings.Repeat("ab", 32)}, draft(evidence.TaskChain("t1"), "x", nil))
		fmt.Fprintf(&holes, "%s\n", evidence.Write(e).Item.Body)
	}
	files[fileT1] = holes.String()
	if r := verify(t, pack(t, files), ""); !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool { return f.Kind == evidence.TooLarge }) {
		t.Errorf("findings %+v, want too_large", r.Findings)
	}
}

type brokenAt struct{ err error }

func (b brokenAt) ReadAt([]byte, int64) (int, error) { return 0, b.err }

func TestVerifyErrors(t *testing.T) {
	broken := errors.New("disk gone")
	if _, err := evidence.VerifyBundle(brokenAt{broken}, 1000, evidence.VerifyOptions{}); !errors.Is(err, broken) {
		t.Errorf("a broken disk: %v", err)
	}
	if _, err := evidence.VerifyBundle(bytes.NewReader(nil), 0, evidence.VerifyOptions{Key: "x"}); !fault.Has(err, fault.Invalid) {
		t.Errorf("a bad key: %v", err)
	}
	for _, raw := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("PK\x05\x06"), 10)} {
		if r := verify(t, raw, ""); len(r.Findings) != 1 || r.Findings[0].Kind != evidence.Unreadable {
			t.Errorf("%d bytes that are no zip: %+v", len(raw), r.Findings)
		}
	}
	whole := writeBundle(t, exampleInput(t))
	for _, n := range []int{len(whole) / 2, len(whole) - 1} {
		if verify(t, whole[:n], "").OK() {
			t.Errorf("a bundle cut to %d bytes verifies", n)
		}
	}
}

func FuzzVerifyBundle(f *testing.F) {
	whole := writeBundle(f, exampleInput(f))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PK"))
	files := unzip(f, whole)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		one := maps.Clone(files)
		one[name] = ""
		f.Add(pack(f, one))
	}
	key := publicKey(f, "acme", newSigner(1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := verify(t, raw, key)
		if !r.OK() {
			return
		}
		// Whatever still verifies must say the same as the bundle that was signed.
		for name, text := range unzip(t, raw) {
			if files[name] != text {
				t.Errorf("%s differs from what was signed, and nothing was found", name)
			}
		}
	})
}
