package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sealedSeq is the entry of the example's case chain that is sealed: the second task had ended once by then, and grew after.
const sealedSeq = 4

// sealExample puts the head of the example case at the given place of its chain into a log of other cases, and returns the
// receipt.
func sealExample(t testing.TB, l *evidence.Log, store table.Store, seq int64) evidence.Receipt {
	t.Helper()
	entries, _ := exampleChains(t, "acme", "case-1")
	head := evidence.Head{Seq: seq, Hash: entries[seq-1].Hash}
	size := grow(t, store, l, 0, 5)
	first, writes, err := l.Append(t.Context(), []evidence.Leaf{{Tenant: "acme", Case: "case-1", Head: head}}, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	grow(t, store, l, size+1, 3)
	r, err := l.Receipt(t.Context(), "case-1", "7K3QX-9M2DA", evidence.Seal{Head: head, Leaf: first})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealedInput(t testing.TB) evidence.BundleInput {
	t.Helper()
	store := openLedger(t)
	r := sealExample(t, newLog(t, store, "acme"), store, sealedSeq)
	in := exampleInput(t)
	in.Receipt = &r
	return in
}

// TestSealedBundleFormatIsFixed: like TestBundleFormatIsFixed, with a receipt.
func TestSealedBundleFormatIsFixed(t *testing.T) {
	files := unzip(t, writeBundle(t, sealedInput(t)))
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		got.WriteString("-- " + name + " --\n" + files[name])
	}
	const golden = "testdata/sealed.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the format changed (-golden +got):\n%s", diff)
	}
}

func TestSealedBundleVerifies(t *testing.T) {
	r := verify(t, writeBundle(t, sealedInput(t)), publicKey(t, "acme", newSigner(1)))
	if !r.OK() || r.Sealed == nil {
		t.Fatalf("%+v", r)
	}
	// Of 6 entries of the case 4 are sealed; of the tasks 3 of 3 and 4 of 5.
	if r.Sealed.Seq != 4 || r.Sealed.Leaf != 5 || r.Sealed.Size != 9 || r.Entries != 14 || r.Unsealed != 3 {
		t.Errorf("%d of %d entries are not sealed; %+v", r.Unsealed, r.Entries, r.Sealed)
	}
	for seq, unsealed := range map[int64]int64{1: 13, 2: 12, 3: 8, 4: 3, 5: 1, 6: 0} {
		store := openLedger(t)
		receipt := sealExample(t, newLog(t, store, "acme"), store, seq)
		in := exampleInput(t)
		in.Receipt = &receipt
		if r := verify(t, writeBundle(t, in), ""); !r.OK() || r.Unsealed != unsealed {
			t.Errorf("sealed up to %d: %d entries are not, want %d; %+v", seq, r.Unsealed, unsealed, r.Findings)
		}
	}
}

func TestReceiptObeysItsSchema(t *testing.T) {
	files := unzip(t, writeBundle(t, sealedInput(t)))
	for schema, name := range map[string]string{string(evidence.ReceiptSchema()): "receipt.json", string(evidence.BundleSchema()): "bundle.json"} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("x.json", doc); err != nil {
			t.Fatal(err)
		}
		compiled, err := c.Compile("x.json")
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(files[name]))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(instance); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		instance.(map[string]any)["extra"] = 1
		if compiled.Validate(instance) == nil {
			t.Errorf("the schema of %s takes an extra member", name)
		}
	}
	if text := files["receipt.txt"]; !strings.Contains(text, "7K3QX-9M2DA") || !strings.Contains(text, "leaf 5, counted from 0, of 9") {
		t.Errorf("the receipt for people says:\n%s", text)
	}
}

func TestWriteBundleSignsNoFalseReceipt(t *testing.T) {
	for name, change := range map[string]func(*evidence.Receipt){
		"another tenant":    func(r *evidence.Receipt) { r.Tenant = "globex" },
		"another case":      func(r *evidence.Receipt) { r.Case = "case-2" },
		"another reference": func(r *evidence.Receipt) { r.Reference = "X" },
		"another leaf":      func(r *evidence.Receipt) { r.Seal.Leaf++ },
		"another head":      func(r *evidence.Receipt) { r.Seal.Seq-- },
		"no proof":          func(r *evidence.Receipt) { r.Proof = nil },
		"no checkpoint":     func(r *evidence.Receipt) { r.Checkpoint = "" },
	} {
		in := sealedInput(t)
		change(in.Receipt)
		if err := evidence.WriteBundle(t.Context(), io.Discard, in); !fault.Has(err, fault.Internal) {
			t.Errorf("%s: %v, want internal", name, err)
		}
	}
	// The log has a head that the chain does not have: the ledger was rewritten behind it.
	store := openLedger(t)
	l := newLog(t, store, "acme")
	head := evidence.Head{Seq: 4, Hash: strings.Repeat("ab", 32)}
	_, writes, err := l.Append(t.Context(), []evidence.Leaf{{Tenant: "acme", Case: "case-1", Head: head}}, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	r, err := l.Receipt(t.Context(), "case-1", "7K3QX-9M2DA", evidence.Seal{Head: head})
	if err != nil {
		t.Fatal(err)
	}
	in := exampleInput(t)
	in.Receipt = &r
	if err := evidence.WriteBundle(t.Context(), io.Discard, in); !fault.Has(err, fault.Internal) {
		t.Errorf("a head that is not on the chain: %v, want internal", err)
	}
}

// forgeReceipt changes the receipt of a sealed bundle and signs everything again, as a controller who cheats could: he has the
// key, but not another log.
func forgeReceipt(t testing.TB, change func(r *evidence.Receipt)) map[string]string {
	t.Helper()
	files := unzip(t, writeBundle(t, sealedInput(t)))
	var r evidence.Receipt
	if err := json.Unmarshal([]byte(files["receipt.json"]), &r); err != nil {
		t.Fatal(err)
	}
	change(&r)
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	resign(t, files, "receipt.json", string(raw)+"\n")
	return files
}

// resign replaces a file of the receipt and signs bundle.json anew.
func resign(t testing.TB, files map[string]string, name, content string) {
	t.Helper()
	before := files["bundle.json"]
	files["bundle.json"] = strings.Replace(before, sha(files[name]), sha(content), 1)
	files[name] = content
	text, _, _ := strings.Cut(files["checkpoint"], "\n\n")
	files["checkpoint"] = signNote(t, "acme", 1, strings.Replace(text, sha(before), sha(files["bundle.json"]), 1)+"\n")
}

func TestVerifyNamesWhatIsWrongWithAReceipt(t *testing.T) {
	other := func(t *testing.T, tenant string, seed byte, size int64) string {
		text := fmt.Sprintf("habeas/%s\n%d\n%s\nsealed 2027-01-31T09:00:00.123Z\n", tenant, size, strings.Repeat("A", 43)+"=")
		return signNote(t, tenant, seed, text)
	}
	const receipt = "receipt.json"
	for name, tt := range map[string]struct {
		files func(t *testing.T) map[string]string
		want  evidence.Finding
	}{
		"proof forged": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Proof[1][7] ^= 1 })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"proof too short": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Proof = r.Proof[1:] })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"proof too long": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Proof = append(r.Proof, r.Proof[0]) })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"another leaf": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Seal.Leaf = 4 })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"leaf below zero": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Seal.Leaf = -1 })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"another entry": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Seal.Seq = 5 })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"another hash": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Seal.Hash = strings.Repeat("0", 64) })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"truncated log": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = other(t, "acme", 1, 5) })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"another log": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = other(t, "acme", 1, 9) })
		}, evidence.Finding{Kind: evidence.BadProof, File: receipt}},
		"checkpoint of another tenant": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = other(t, "globex", 1, 9) })
		}, evidence.Finding{Kind: evidence.BadCheckpoint, File: receipt}},
		"checkpoint of another key": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = other(t, "acme", 2, 9) })
		}, evidence.Finding{Kind: evidence.BadCheckpoint, File: receipt}},
		"checkpoint edited": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = strings.Replace(r.Checkpoint, "\n9\n", "\n8\n", 1) })
		}, evidence.Finding{Kind: evidence.BadCheckpoint, File: receipt}},
		"checkpoint of a bundle": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, exampleInput(t)))
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Checkpoint = files["checkpoint"] })
		}, evidence.Finding{Kind: evidence.BadCheckpoint, File: receipt}},
		"of another tenant": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Tenant = "globex" })
		}, evidence.Finding{Kind: evidence.Foreign, File: receipt}},
		"of another case": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.Case = "case-2" })
		}, evidence.Finding{Kind: evidence.Foreign, File: receipt}},
		"later version": {func(t *testing.T) map[string]string {
			return forgeReceipt(t, func(r *evidence.Receipt) { r.SchemaVersion = 2 })
		}, evidence.Finding{Kind: evidence.Unreadable, File: receipt}},
		"no JSON": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			resign(t, files, receipt, "{")
			return files
		}, evidence.Finding{Kind: evidence.Unreadable, File: receipt}},
		"text changed": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			files["receipt.txt"] += " "
			return files
		}, evidence.Finding{Kind: evidence.Edited, File: "receipt.txt"}},
		"receipt changed": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			files[receipt] += " "
			return files
		}, evidence.Finding{Kind: evidence.Edited, File: receipt}},
		"receipt gone": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			delete(files, receipt)
			return files
		}, evidence.Finding{Kind: evidence.Missing, File: receipt}},
		"text gone": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			delete(files, "receipt.txt")
			return files
		}, evidence.Finding{Kind: evidence.Missing, File: "receipt.txt"}},
		"receipt too many": {func(t *testing.T) map[string]string {
			files, sealed := unzip(t, writeBundle(t, exampleInput(t))), unzip(t, writeBundle(t, sealedInput(t)))
			files[receipt] = sealed[receipt]
			return files
		}, evidence.Finding{Kind: evidence.Foreign, File: receipt}},
		"one file only": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			files["bundle.json"] = strings.Replace(files["bundle.json"], "receipt.txt", receipt, 1)
			return files
		}, evidence.Finding{Kind: evidence.Unreadable, File: "bundle.json"}},
		"counts flattered": {func(t *testing.T) map[string]string {
			files := unzip(t, writeBundle(t, sealedInput(t)))
			files["bundle.json"] = strings.Replace(files["bundle.json"], `"unsealed": 3`, `"unsealed": 0`, 1)
			return files
		}, evidence.Finding{Kind: evidence.Edited, File: "bundle.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := verify(t, pack(t, tt.files(t)), publicKey(t, "acme", newSigner(1)))
			if !slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool {
				return f.Kind == tt.want.Kind && f.File == tt.want.File && f.Text != ""
			}) {
				t.Errorf("findings %+v\nwant %+v among them", r.Findings, tt.want)
			}
			if tt.want.File == receipt && tt.want.Kind != evidence.Edited && (r.Sealed != nil || r.Unsealed != r.Entries) {
				t.Errorf("%d of %d entries count as unsealed under a receipt that does not hold", r.Unsealed, r.Entries)
			}
		})
	}
}

// TestRewrittenHistoryDoesNotFitTheSeal: a controller who writes the whole history of a case anew, and signs it, cannot bring
// a receipt for it: the log has the old head. This is what the log is for.
func TestRewrittenHistoryDoesNotFitTheSeal(t *testing.T) {
	in := exampleInput(t)
	var entries []evidence.Entry
	heads := map[string]evidence.Head{}
	for e := range in.Entries {
		var facts any = e.Facts
		if e.Kind == "identity_verified" {
			facts = map[string]any{"level": "passport"}
		}
		d := draft(e.Chain, e.Kind, facts)
		d.At = e.At
		next, head := mustAppend(t, heads[e.Chain], d)
		entries, heads[e.Chain] = append(entries, next), head
	}
	in.Entries, in.Heads = entrySeq(entries), heads
	forged, sealed := unzip(t, writeBundle(t, in)), unzip(t, writeBundle(t, sealedInput(t)))
	// He takes the true receipt along.
	forged["receipt.json"], forged["receipt.txt"] = sealed["receipt.json"], sealed["receipt.txt"]
	before := forged["bundle.json"]
	own, _, _ := strings.Cut(before, ",\n  \"counts\"")
	_, counts, _ := strings.Cut(sealed["bundle.json"], ",\n  \"counts\"")
	forged["bundle.json"] = own + ",\n  \"counts\"" + counts
	text, _, _ := strings.Cut(forged["checkpoint"], "\n\n")
	forged["checkpoint"] = signNote(t, "acme", 1, strings.Replace(text, sha(before), sha(forged["bundle.json"]), 1)+"\n")
	r := verify(t, pack(t, forged), publicKey(t, "acme", newSigner(1)))
	if len(r.Findings) != 1 || r.Findings[0].Kind != evidence.SealedHead || r.Findings[0].Seq != sealedSeq || r.Sealed != nil {
		t.Errorf("findings %+v, want sealed_head only", r.Findings)
	}
}

// TestSince compares the log of a receipt with a checkpoint that an auditor kept.
func TestSince(t *testing.T) {
	store := openLedger(t)
	l := newLog(t, store, "acme")
	size := grow(t, store, l, 0, 2)
	old, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := exampleChains(t, "acme", "case-1")
	head := evidence.Head{Seq: sealedSeq, Hash: entries[sealedSeq-1].Hash}
	first, writes, err := l.Append(t.Context(), []evidence.Leaf{{Tenant: "acme", Case: "case-1", Head: head}}, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	same, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := l.Receipt(t.Context(), "case-1", "7K3QX-9M2DA", evidence.Seal{Head: head, Leaf: first})
	if err != nil {
		t.Fatal(err)
	}
	in := exampleInput(t)
	in.Receipt = &receipt
	raw := writeBundle(t, in)
	grow(t, store, l, size+1, 4)
	later, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	prove := func(from, to int64) ([]byte, error) {
		p, err := l.Consistency(t.Context(), from, to)
		if err != nil {
			return nil, err
		}
		return json.Marshal(p)
	}
	check := func(raw []byte, opts evidence.VerifyOptions) (evidence.Report, error) {
		return evidence.VerifyBundle(bytes.NewReader(raw), int64(len(raw)), opts)
	}
	for name, c := range map[string]evidence.Checkpoint{"older": old, "the same": same, "later": later} {
		r, err := check(raw, evidence.VerifyOptions{Since: c.Note, Prove: prove})
		if err != nil || !r.OK() || r.Since == nil || r.Since.Size != c.Size {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	forked := func(tenant string, seed byte, size int64) string {
		return signNote(t, tenant, seed, fmt.Sprintf("habeas/%s\n%d\n%s\nsealed 2027-01-31T09:00:00.123Z\n", tenant, size, strings.Repeat("A", 43)+"="))
	}
	for name, tt := range map[string]struct{ since, want string }{
		"another log, older":        {forked("acme", 1, 2), evidence.LogRewritten},
		"another log, as large":     {forked("acme", 1, 3), evidence.LogRewritten},
		"another log, later":        {forked("acme", 1, 7), evidence.LogRewritten},
		"of another tenant":         {forked("globex", 1, 2), evidence.BadCheckpoint},
		"of another key":            {forked("acme", 2, 2), evidence.BadCheckpoint},
		"no checkpoint":             {"x", evidence.BadCheckpoint},
		"the checkpoint of bundles": {unzip(t, raw)["checkpoint"], evidence.BadCheckpoint},
	} {
		r, err := check(raw, evidence.VerifyOptions{Since: tt.since, Prove: prove})
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != tt.want {
			t.Errorf("%s: %+v %v, want %s", name, r.Findings, err, tt.want)
		}
	}
	r, err := check(raw, evidence.VerifyOptions{Since: old.Note, Prove: func(int64, int64) ([]byte, error) { return []byte(`{"proof":[]}`), nil }})
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != evidence.LogRewritten {
		t.Errorf("an empty proof: %+v %v", r.Findings, err)
	}
	if r, err := check(writeBundle(t, exampleInput(t)), evidence.VerifyOptions{Since: old.Note, Prove: prove}); err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != evidence.Missing {
		t.Errorf("a bundle without receipt: %+v %v", r.Findings, err)
	}
	// What is not the fault of the bundle is an error.
	broken := errors.New("no connection")
	if _, err := check(raw, evidence.VerifyOptions{Since: old.Note, Prove: func(int64, int64) ([]byte, error) { return nil, broken }}); !errors.Is(err, broken) {
		t.Errorf("no proof to be had: %v", err)
	}
	for name, opts := range map[string]evidence.VerifyOptions{
		"nobody to ask": {Since: old.Note},
		"no JSON":       {Since: old.Note, Prove: func(int64, int64) ([]byte, error) { return []byte("x"), nil }},
	} {
		if _, err := check(raw, opts); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnyMutationOfASealedBundleIsFound changes bytes of any file.
func TestAnyMutationOfASealedBundleIsFound(t *testing.T) {
	whole := unzip(t, writeBundle(t, sealedInput(t)))
	names := slices.Sorted(maps.Keys(whole))
	key := publicKey(t, "acme", newSigner(1))
	rapid.Check(t, func(rt *rapid.T) {
		files := maps.Clone(whole)
		name := rapid.SampledFrom(names).Draw(rt, "file")
		text := files[name]
		at := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
		to := rapid.IntRange(at, min(len(text), at+40)).Draw(rt, "to")
		text = text[:at] + rapid.StringN(0, 8, 32).Draw(rt, "text") + text[to:]
		if text == files[name] {
			return
		}
		files[name] = text
		if verify(t, pack(t, files), key).OK() {
			rt.Fatalf("%s was changed, and nothing was found", name)
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	key := publicKey(f, "acme", newSigner(1))
	text := "habeas/acme\n3\n" + strings.Repeat("A", 43) + "=\nsealed 2027-01-31T09:00:00.123Z\n"
	f.Add(signNote(f, "acme", 1, text))
	f.Add(signNote(f, "globex", 1, strings.Replace(text, "acme", "globex", 1)))
	f.Add("\n\n— habeas/acme x\n")
	f.Fuzz(func(t *testing.T, signed string) {
		c, err := evidence.OpenCheckpoint(signed, key)
		if err == nil && (c.Size != 3 || !strings.HasPrefix(signed, text+"\n")) {
			t.Errorf("%q is taken, and was never signed", signed)
		}
	})
}

func FuzzVerifySealedBundle(f *testing.F) {
	whole := writeBundle(f, sealedInput(f))
	files := unzip(f, whole)
	f.Add(whole)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		one := maps.Clone(files)
		one[name] = ""
		f.Add(pack(f, one))
	}
	key := publicKey(f, "acme", newSigner(1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !verify(t, raw, key).OK() {
			return
		}
		for name, text := range unzip(t, raw) {
			if files[name] != text {
				t.Errorf("%s differs from what was signed, and nothing was found", name)
			}
		}
	})
}
