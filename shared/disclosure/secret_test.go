package disclosure_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// canary is in every value that must not be shown.
const canary = "SECRET-7f3a"

// secretive is a shop that holds every kind of value that can be used against a person, in fields with and without data categories, and
// inside documents.
func secretive() disclosure.System {
	s := system("shop", append(lines("customer",
		`{"id":41,"email":"ada@example.com","passportNo":"`+canary+`1","password_hash":"`+canary+`2","has_password":true,"last_password_change":"2025-01-01","blood":"A+","note":"my `+`passport is blue"}`,
		`{"id":42,"email":"ada@example.com","passportNo":null,"password_hash":"","has_password":false,"last_password_change":null,"blood":null,"note":null}`),
		lines("payment",
			`{"id":"p1","acct":"`+canary+`3","payment_card_id":"pay_1","card_number":"`+canary+`4","wallet":{"provider":"example","card":{"number":"`+canary+`-kept-in-a-document","iban":"`+canary+`5"},"tokens":[{"access_token":"`+canary+`6"},{"access_token":null}]}}`,
			`{"id":"p2","acct":null,"payment_card_id":"pay_2","card_number":"`+canary+`7","wallet":{"provider":"example","balance":1.50}}`)...)...)
	s.Collections[0].Fields = map[string][]string{"email": {"user.contact.email"}, "blood": {"user.health_and_medical"}, "note": {"user.content"}}
	s.Collections[1].Fields = map[string][]string{"acct": {"user.financial.bank_account"}, "wallet.card.number": {"user.financial.credit_card"}}
	return s
}

func california() []disclosure.Deny {
	var out []disclosure.Deny
	for _, k := range policy.SecretKinds() {
		out = append(out, disclosure.Deny{Kind: k, Basis: "11 CCR 7024(d)"})
	}
	return out
}

// TestWhatMayNotBeShownIsSaidToBeHeld: under a law with a list of such values none of them is in any file, and each is counted.
func TestWhatMayNotBeShownIsSaidToBeHeld(t *testing.T) {
	t.Parallel()
	in := input(secretive())
	in.Deny = append(california(), disclosure.Deny{Kind: policy.AccountNumber, Basis: "Another law, s. 1"})
	_, z := assembled(t, in)
	noCanary(t, z)
	m := manifestOf(t, z)
	both := []string{"11 CCR 7024(d)", "Another law, s. 1"}
	want := [][]disclosure.ManifestHeld{
		{{Kind: policy.GovernmentNumber, Values: 1, Basis: both[:1]}, {Kind: policy.Password, Values: 1, Basis: both[:1]}},
		{{Kind: policy.AccountNumber, Values: 5, Basis: both}, {Kind: policy.Password, Values: 1, Basis: both[:1]}},
	}
	for k, c := range m.Systems[0].Collections {
		if diff := cmp.Diff(want[k], c.Held); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Name, diff)
		}
	}
	index := string(content(t, z, "index.html"))
	for _, words := range []string{"Held, and not shown", "Official identity numbers in shop, customer: one value.", "Numbers of bank accounts and payment cards in shop, payment: 5 values.", "11 CCR 7024(d); Another law, s. 1", "[held, not shown]"} {
		if !strings.Contains(index, words) {
			t.Errorf("index.html does not say %q", words)
		}
	}
	// What is no such value stays as it was read, to the digit.
	customer, payment := string(content(t, z, "data/shop/customer.json")), string(content(t, z, "data/shop/payment.json"))
	for _, kept := range []string{`"passportNo":{"$withheld":"held_government_number"}`, `"has_password":true`, `"last_password_change":"2025-01-01"`, `"blood":"A+"`, `"passportNo":null`, `"password_hash":""`, `passport is blue`} {
		if !strings.Contains(customer, kept) {
			t.Errorf("customer.json lacks %s:\n%s", kept, customer)
		}
	}
	for _, kept := range []string{`"payment_card_id":"pay_1"`, `"balance":1.50`, `"card":{"number":{"$withheld":"held_account_number"}`, `{"access_token":null}`, `"provider":"example"`} {
		if !strings.Contains(payment, kept) {
			t.Errorf("payment.json lacks %s:\n%s", kept, payment)
		}
	}
	if got := strings.Count(string(content(t, z, "data/shop/payment.csv")), "held_account_number") + strings.Count(string(content(t, z, "data/shop/payment.csv")), "[held, not shown]"); got != 5 {
		t.Errorf("payment.csv marks %d values", got)
	}
	for _, path := range []string{"data/shop/customer.json", "data/shop/payment.json", "manifest.json"} {
		golden := filepath.Join("testdata", "held", filepath.Base(path))
		got := content(t, z, path)
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s is not the golden one (%v):\n%s", path, err, got)
		}
	}
	validate(t, content(t, z, "manifest.json"))
}

func noCanary(t *testing.T, z *zip.Reader) {
	t.Helper()
	for _, f := range z.File {
		if bytes.Contains(content(t, z, f.Name), []byte(canary)) {
			t.Errorf("%s shows what it must not", f.Name)
		}
	}
}

// TestLawsWithoutAListShowAllButOurOwnKinds: the GDPR gives a person the number of her passport, and nobody a password.
func TestLawsWithoutAListShowAllButOurOwnKinds(t *testing.T) {
	t.Parallel()
	_, z := assembled(t, input(secretive()))
	customer, payment := string(content(t, z, "data/shop/customer.json")), string(content(t, z, "data/shop/payment.json"))
	for n, shown := range map[int]bool{1: true, 2: false} {
		if got := strings.Contains(customer, fmt.Sprint(canary, n)); got != shown {
			t.Errorf("value %d is shown: %t", n, got)
		}
	}
	for n, shown := range map[int]bool{3: true, 4: true, 5: true, 6: false, 7: true} {
		if got := strings.Contains(payment, fmt.Sprint(canary, n)); got != shown {
			t.Errorf("value %d is shown: %t", n, got)
		}
	}
	for _, c := range manifestOf(t, z).Systems[0].Collections {
		if len(c.Held) != 1 || c.Held[0].Kind != policy.Password || len(c.Held[0].Basis) != 0 {
			t.Errorf("%s: %+v", c.Name, c.Held)
		}
	}
	if !strings.Contains(string(content(t, z, "index.html")), "our own rule") {
		t.Error("index.html does not say whose rule it is")
	}
	validate(t, content(t, z, "manifest.json"))
}

// TestHeldOverVolumes: the counts do not depend on how many volumes there are, nor on how often the first records are read.
func TestHeldOverVolumes(t *testing.T) {
	t.Parallel()
	var records []disclosure.Record
	for n := range 4000 {
		records = append(records, lines("login", fmt.Sprintf(`{"id":%d,"ssn":"%s%d","filler":"%x%x"}`, n, canary, n, sha256.Sum256(fmt.Append(nil, n)), sha256.Sum256(fmt.Append(nil, -n))))...)
	}
	in := input(system("shop", records...))
	in.Deny = california()
	put := stored{}
	if _, err := assembler(t, disclosure.Options{VolumeBytes: smallVolume}).Assemble(t.Context(), in, put.put); err != nil {
		t.Fatal(err)
	}
	for _, b := range put {
		noCanary(t, unzip(t, b))
	}
	m := manifestOf(t, unzip(t, put[len(put)]))
	if held := m.Systems[0].Collections[0].Held; len(put) < 2 || len(held) != 1 || held[0].Values != 4000 {
		t.Errorf("%d volumes hold %+v", len(put), held)
	}
}

// TestNamesOfFields: what the detector takes for a value that is not shown, and what it leaves alone.
func TestNamesOfFields(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]policy.SecretKind{
		"ssn": policy.GovernmentNumber, "SSN": policy.GovernmentNumber, "customer_ssn": policy.GovernmentNumber, "ssn_last4": policy.GovernmentNumber, "socialSecurityNumber": policy.GovernmentNumber,
		"passport_no": policy.GovernmentNumber, "PassportNumber": policy.GovernmentNumber, "drivers-license-number": policy.GovernmentNumber, "tax_id": policy.GovernmentNumber, "national_id": policy.GovernmentNumber,
		"iban": policy.AccountNumber, "bankAccountNumber": policy.AccountNumber, "card_number": policy.AccountNumber, "credit_card": policy.AccountNumber, "cvv": policy.AccountNumber,
		"medical_record_number": policy.HealthNumber, "nhs_number": policy.HealthNumber,
		"password": policy.Password, "hashedPassword": policy.Password, "password_hash": policy.Password, "passwordSalt": policy.Password, "totp_secret": policy.Password,
		"security_answer": policy.SecurityAnswer, "mothers_maiden_name": policy.SecurityAnswer, "face_embedding": policy.Biometric, "fingerprint": policy.Biometric,
		"": "", "passport_valid": "", "passport_country": "", "password_changed_at": "", "has_password": "", "reset_password_sent": "", "device_fingerprint": "", "key_fingerprint": "", "payment_card_id": "",
		"tax": "", "tax_rate": "", "card_type": "", "nationality": "", "insurance": "", "cardinal_number": "", "order_number": "", "phone_number": "", "discard": "", "pin_code": "", "passenger": "", "name": "",
	} {
		in := input(system("shop", lines("t", fmt.Sprintf(`{"x":1,%q:"%s"}`, name, canary))...))
		in.Deny = california()
		_, z := assembled(t, in)
		held := manifestOf(t, z).Systems[0].Collections[0].Held
		if want == "" && len(held) > 0 || want != "" && (len(held) != 1 || held[0].Kind != want) {
			t.Errorf("%q: %+v, want %q", name, held, want)
		}
	}
}

// TestCategoriesOnly: the answer to a request that was not proved in full names what is held and shows no value.
func TestCategoriesOnly(t *testing.T) {
	t.Parallel()
	s := secretive()
	s.Collections[0].Categories, s.Collections[1].Categories = []string{"user.contact.email", "user.government_id"}, []string{"user.financial"}
	s.Records = nil // nothing is read
	in := input(s, archive(attachment("letter.pdf", []byte(canary))))
	in.CategoriesOnly = true
	in.Systems[1].Attachments[0].Open = nil
	in.Systems[1].Attachments = nil
	r, z := assembled(t, in)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"index.html", "manifest.json"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	noCanary(t, z)
	m := manifestOf(t, z)
	if m.Scope != "categories" || r.Records != 4 || m.Systems[0].Collections[0].Records != 2 || len(m.Systems[0].Collections[0].Files) != 0 || !slices.Equal(m.Systems[0].Collections[1].Categories, []string{"user.financial"}) {
		t.Errorf("%d records: %+v", r.Records, m)
	}
	validate(t, content(t, z, "manifest.json"))
	index := string(content(t, z, "index.html"))
	for _, words := range []string{"It does not show the data itself", "Kinds of data: e-mail address, official identity numbers.", "privacy@fernweh.example.com and name the reference"} {
		if !strings.Contains(index, words) {
			t.Errorf("index.html does not say %q", words)
		}
	}
	if strings.Contains(index, "ada@example.com") || strings.Contains(index, `<a href="data/`) {
		t.Error("index.html shows data")
	}
	in = input(disclosure.System{Name: "shop", Outcome: dsar.NothingHeld})
	in.CategoriesOnly = true
	if _, z := assembled(t, in); manifestOf(t, z).Scope != "categories" {
		t.Error("nothing held")
	}
}
