package disclosure

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Deny is a kind of value that a law keeps out of every package: the answer says that it is held (11 CCR 7024(d)).
type Deny struct {
	Kind  policy.SecretKind
	Basis string
}

// Held is how many values of a kind a collection holds that the package does not show.
type Held struct {
	System     int               `json:"s"` // index in Input.Systems
	Collection int               `json:"c"` // index in System.Collections
	Kind       policy.SecretKind `json:"k"`
	Values     int64             `json:"n"`
}

// Always lists the kinds that no package shows, whatever the law says of them. This is a rule of the product and not of a law: whoever
// holds such a value can pass for the person, and what is kept of it tells her nothing. A measurement of the body is hers to see (GDPR
// Art. 15) unless a law of the case says otherwise.
func Always() []policy.SecretKind {
	return []policy.SecretKind{policy.Password, policy.SecurityAnswer}
}

// heldPrefix begins the reason of a value that is held and not shown: {"$withheld":"held_account_number"}.
const heldPrefix = "held_"

// isHeld reports whether a reason is one of ours.
func isHeld(reason string) bool {
	kind, ok := strings.CutPrefix(reason, heldPrefix)
	return ok && slices.Contains(policy.SecretKinds(), policy.SecretKind(kind))
}

// secrets finds the values of one collection that are not shown. It is for one goroutine.
type secrets struct {
	names      map[string]policy.SecretKind
	deny       map[policy.SecretKind]bool
	categories map[string][]string
	known      map[string]policy.SecretKind // by path, as found before
	counts     map[policy.SecretKind]int64  // of the present record
	buffer     []byte
}

func newSecrets(names map[string]policy.SecretKind, deny []Deny, c *Collection) *secrets {
	s := &secrets{names: names, deny: map[policy.SecretKind]bool{}, categories: c.Fields, known: map[string]policy.SecretKind{}, counts: map[policy.SecretKind]int64{}}
	for _, d := range deny {
		s.deny[d.Kind] = true
	}
	for _, k := range Always() {
		s.deny[k] = true
	}
	return s
}

// hide puts the mark of a withheld value in the place of every value that is not shown, and reports whether there was one. counts says
// how many of which kind the record has.
func (s *secrets) hide(r *connector.Record) bool {
	clear(s.counts)
	for n := range r.Fields {
		f := &r.Fields[n]
		switch kind := s.kind(f.Name, f.Name); {
		case f.Value.IsEmpty() || f.Value.Type() == connector.TypeWithheld:
		case kind != "":
			f.Value = connector.Withheld(heldPrefix + string(kind))
			s.counts[kind]++
		case f.Value.Type() == connector.TypeJSON:
			f.Value = s.nested(f.Name, f.Value)
		}
	}
	return len(s.counts) > 0
}

// kind returns the kind of a field that is not shown, or "". What the data map says of the field decides; its name does where the data
// map says nothing, or nothing that tells such values from others.
func (s *secrets) kind(path, name string) policy.SecretKind {
	kind, ok := s.known[path]
	if !ok {
		list := s.categories[path]
		kind = byCategory(list)
		if kind == "" && vague(list) {
			kind = s.byName(name)
		}
		if !s.deny[kind] {
			kind = ""
		}
		s.known[path] = kind
	}
	return kind
}

// maxPaths bounds what is remembered of documents whose keys are data themselves.
const maxPaths = 4096

// nested is hide for the values inside a document.
func (s *secrets) nested(path string, v connector.Value) connector.Value {
	if len(s.known) > maxPaths {
		clear(s.known)
	}
	d := json.NewDecoder(strings.NewReader(v.RevealText()))
	d.UseNumber()
	before := s.total()
	out, err := s.value(s.buffer[:0], d, path)
	if s.buffer = out; err != nil || s.total() == before {
		return v
	}
	return connector.JSON(out)
}

func (s *secrets) total() (n int64) {
	for _, c := range s.counts {
		n += c
	}
	return n
}

// value copies the next value of d, without what is not shown.
func (s *secrets) value(dst []byte, d *json.Decoder, path string) ([]byte, error) {
	t, err := d.Token()
	if err != nil {
		return dst, err
	}
	switch t := t.(type) {
	case json.Delim:
		return s.container(append(dst, byte(t)), d, path, t == '{')
	case json.Number:
		return append(dst, t.String()...), nil
	case string:
		return connector.Text(t).AppendJSON(dst), nil
	case bool:
		return connector.Bool(t).AppendJSON(dst), nil
	default:
		return append(dst, "null"...), nil
	}
}

func (s *secrets) container(dst []byte, d *json.Decoder, path string, object bool) ([]byte, error) {
	for first := true; d.More(); first = false {
		if !first {
			dst = append(dst, ',')
		}
		at := path
		if object {
			key, err := d.Token()
			if err != nil {
				return dst, err
			}
			name, _ := key.(string) // the key of an object
			at = path + "." + name
			dst = append(connector.Text(name).AppendJSON(dst), ':')
			if kind := s.kind(at, name); kind != "" {
				var hidden json.RawMessage
				if err := d.Decode(&hidden); err != nil {
					return dst, err
				}
				dst = s.mark(dst, hidden, kind)
				continue
			}
		}
		var err error
		if dst, err = s.value(dst, d, at); err != nil {
			return dst, err
		}
	}
	end, err := d.Token()
	if err != nil {
		return dst, err
	}
	closing, _ := end.(json.Delim) // what follows the last element
	return append(dst, byte(closing)), nil
}

// mark puts the mark in the place of a value that holds something.
func (s *secrets) mark(dst []byte, hidden json.RawMessage, kind policy.SecretKind) []byte {
	switch string(hidden) {
	case "null", `""`, "[]", "{}":
		return append(dst, hidden...)
	}
	s.counts[kind]++
	return connector.Withheld(heldPrefix + string(kind)).AppendJSON(dst)
}

// byCategory returns the kind that the data categories (fideslang taxonomy, present and former names) stand for.
func byCategory(list []string) policy.SecretKind {
	for _, c := range list {
		for _, k := range categoryKinds() {
			if c == k.prefix || strings.HasPrefix(c, k.prefix+".") {
				return k.kind
			}
		}
	}
	return ""
}

type categoryKind struct {
	prefix string
	kind   policy.SecretKind
}

// categoryKinds lists what is narrower before what is wider.
func categoryKinds() []categoryKind {
	return []categoryKind{
		{"user.government_id", policy.GovernmentNumber},
		{"user.financial.account_number", policy.AccountNumber},
		{"user.financial.bank_account", policy.AccountNumber},
		{"user.financial.credit_card", policy.AccountNumber},
		{"user.financial.debit_card", policy.AccountNumber},
		{"user.payment.card", policy.AccountNumber},
		{"user.payment.account", policy.AccountNumber},
		{"user.health_and_medical.insurance_beneficiary_id", policy.HealthNumber},
		{"user.health_and_medical.record_id", policy.HealthNumber},
		{"user.authorizations.biometric", policy.Biometric},
		{"user.credentials.biometric_credentials", policy.Biometric},
		{"user.biometric", policy.Biometric},
		{"user.authorizations.security_question", policy.SecurityAnswer},
		{"user.authorizations.security_answer", policy.SecurityAnswer},
		{"user.authorizations", policy.Password},
		{"user.credentials", policy.Password},
	}
}

// vague reports whether the categories tell nothing about what sort of value it is.
func vague(list []string) bool {
	return !slices.ContainsFunc(list, func(c string) bool {
		switch c {
		case "user", "user.account", "user.content", "user.financial", "user.health_and_medical", "user.payment", "user.unique_id", "system", "system.operations":
			return false
		}
		return true
	})
}

// byName returns the kind that the name of a field speaks of: its last words, but for words that only say in which form the value is.
func (s *secrets) byName(name string) policy.SecretKind {
	words := split(name)
	if len(words) == 0 || slices.Contains([]string{"has", "is", "last", "needs", "no", "reset", "show", "use"}, words[0]) {
		return "" // "has_password", "last_password_change": facts about it
	}
	for len(words) > 1 && slices.Contains(forms(), words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	for n := range words {
		// The fingerprint of a browser or of a key is no part of the body.
		if kind, ok := s.names[strings.Join(words[n:], "_")]; ok && !slices.Contains([]string{"browser", "device", "key", "tls"}, words[max(0, n-1)]) {
			return kind
		}
	}
	return ""
}

// forms are the words behind a name that say in which form a value is kept.
func forms() []string {
	return []string{"bcrypt", "digest", "enc", "encrypted", "hash", "hashed", "last4", "md5", "plain", "salt", "sha1", "sha256", "text", "value"}
}

// split returns the words of a field's name in lower case: "passportNo", "passport-no" and "PASSPORT_NO" alike.
func split(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words, word = append(words, string(word)), nil
		}
	}
	letters := []rune(name)
	for n, r := range letters {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			continue
		case unicode.IsUpper(r) && n > 0 && (unicode.IsLower(letters[n-1]) || n+1 < len(letters) && unicode.IsLower(letters[n+1])):
			flush()
		}
		word = append(word, unicode.ToLower(r))
	}
	flush()
	return words
}

// secretNames are the last words of fields that hold such values, without forms. Behind a word, # stands for the word itself and with
// no, nr, num or number behind it; + for the latter alone; ? for id as well.
func secretNames() map[string]policy.SecretKind {
	out := map[string]policy.SecretKind{}
	for kind, list := range map[policy.SecretKind]string{
		policy.GovernmentNumber: "aadhaar# aadhar# bsn burgerservicenummer codice_fiscale cpf curp dni driver_licence# driver_license# drivers_licence# drivers_license# driving_licence# driving_license# " +
			"government? government_issued? id_card+ identity_card# itin national? national_identification# national_identity# national_insurance# nif nino passport# passport? pesel personalausweis# personalausweisnummer " +
			"personnummer social_insurance# social_security# ssn# steuer? steuernummer steueridentifikationsnummer tax? taxpayer? tax_identification#",
		policy.AccountNumber:  "bank_account# bankaccount# card+ card_cvc card_cvv card_pan ccn cc+ credit_card# creditcard# cvc cvc2 cvv cvv2 debit_card# iban primary_account+ routing+",
		policy.HealthNumber:   "health_insurance# health_insurance? insurance_policy+ krankenversichertennummer medicaid# medical_record+ medical_record? medicare# mrn nhs+ versichertennummer",
		policy.Password:       "access_token api_key mfa_secret otp_secret passcode passphrase passwd password passwort pwd recovery_code recovery_codes refresh_token secret_key totp_secret",
		policy.SecurityAnswer: "mother_maiden_name mothers_maiden_name secret_answer secret_question security_answer security_question security_question_answer",
		policy.Biometric:      "biometric biometric_template biometrics face_embedding face_template face_vector faceprint fingerprint fingerprint_template iris_scan iris_template palm_print retina_scan voice_print voiceprint",
	} {
		for n := range strings.FieldsSeq(list) {
			name := strings.TrimRight(n, "#+?")
			if n == name || strings.HasSuffix(n, "#") {
				out[name] = kind
			}
			if n == name {
				continue
			}
			for _, number := range []string{"no", "nr", "num", "number"} {
				out[name+"_"+number] = kind
			}
			if strings.HasSuffix(n, "?") {
				out[name+"_id"] = kind
			}
		}
	}
	return out
}
