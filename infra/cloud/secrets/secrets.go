// Package secrets reads what references refer to: secrets of Secrets Manager and, for those that open it by package parameters,
// parameters of Parameter Store, below the path of one stage and nowhere else.
package secrets

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Manager is what is used of a client of Secrets Manager.
type Manager interface {
	GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Parameter reads a parameter of Parameter Store, decrypted, by its name without the first slash; its errors have fault classes. One
// that is no text is "".
type Parameter = func(ctx context.Context, name string) (string, error)

const (
	secretLife   = 5 * time.Minute  // so long a rotated secret may still be the old one
	secretWithin = 15 * time.Second // bound of one look-up
)

// secretName is what a secret or a parameter may be called here; an ARN, a version or a label is none.
var secretName = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.+=@-]+)+$`)

// Store resolves references to secrets and remembers each for five minutes. Safe for use by several goroutines.
type Store struct {
	secrets   Manager
	parameter Parameter
	path      string // "habeas/<stage>/"
	now       func() time.Time

	mu   sync.Mutex
	seen map[string]heldSecret // by reference without field
}

type heldSecret struct {
	value redact.Text
	until time.Time
}

// Open returns the store of an installation, without parameters: whoever needs none does not link their service.
func Open(c *cloud.Cloud) *Store { return With(c, nil) }

// With returns the store of an installation, with parameters.
func With(c *cloud.Cloud, parameter Parameter) *Store {
	return New(manager{secretsmanager.NewFromConfig(c.Config).GetSecretValue}, parameter, "habeas/"+c.Stage, time.Now)
}

type manager struct {
	get cloud.Operation[secretsmanager.GetSecretValueInput, secretsmanager.Options, secretsmanager.GetSecretValueOutput]
}

func (m manager) GetSecretValue(
	ctx context.Context, in *secretsmanager.GetSecretValueInput, o ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	return m.get(ctx, in, o...)
}

// New returns a resolver for what lies below path ("habeas/<stage>") in Secrets Manager, and below "/" and path in Parameter
// Store. Roles are granted no more than that; here it keeps a registered system from reading what another stage owns. now is the
// machine's clock, because secrets are rotated in real time. Without parameter a reference to one is fault.Misconfigured.
func New(sm Manager, parameter Parameter, path string, now func() time.Time) *Store {
	return &Store{secrets: sm, parameter: parameter, path: strings.Trim(path, "/") + "/", now: now, seen: map[string]heldSecret{}}
}

// Resolve returns the secret of a reference:
//
//	secretsmanager:habeas/<stage>/NAME         the text of a secret
//	secretsmanager:habeas/<stage>/NAME#FIELD   a text or number in a secret that is a JSON object
//	ssm:/habeas/<stage>/NAME                   a parameter, decrypted
//
// Line breaks at its end are cut off. A reference to anything else, or to nothing, is fault.Misconfigured; a service that cannot
// answer is fault.Unavailable or fault.Throttled. Neither the reference nor the value is ever quoted.
func (s *Store) Resolve(reference string) (redact.Text, error) {
	scheme, rest, _ := strings.Cut(reference, ":")
	var name, field string
	switch scheme {
	case "secretsmanager":
		name, field, _ = strings.Cut(rest, "#")
		if strings.Contains(rest, "#") && field == "" {
			return redact.Text{}, fault.New(fault.Misconfigured, "a reference to a secret names no field behind its #")
		}
	case "ssm":
		if s.parameter == nil {
			return redact.Text{}, fault.New(fault.Misconfigured, "a secret that is referred to here is in Secrets Manager: secretsmanager:NAME")
		}
		if name = strings.TrimPrefix(rest, "/"); name == rest {
			return redact.Text{}, fault.New(fault.Misconfigured, "a reference to a parameter begins with ssm:/")
		}
	case "env", "file":
		return redact.Text{}, fault.New(fault.Misconfigured,
			"env: and file: belong to an installation on one machine; on AWS a secret is secretsmanager:NAME, secretsmanager:NAME#FIELD or ssm:/NAME")
	default:
		return redact.Text{}, fault.New(fault.Misconfigured, "a secret is a reference: secretsmanager:NAME, secretsmanager:NAME#FIELD or ssm:/NAME")
	}
	if len(s.path) < 2 || !strings.HasPrefix(name, s.path) || !secretName.MatchString(name) || strings.Contains(name, "/../") {
		return redact.Text{}, fault.New(fault.Misconfigured, "a reference to a secret leads out of the path of this stage, which is habeas/<stage>/")
	}
	value, err := s.held(scheme, name)
	if err != nil || field == "" {
		return value, err
	}
	return fieldOf(value, field)
}

// held returns a secret as a whole.
func (s *Store) held(scheme, name string) (redact.Text, error) {
	key := scheme + ":" + name
	s.mu.Lock()
	h, ok := s.seen[key]
	s.mu.Unlock()
	if ok && s.now().Before(h.until) {
		return h.value, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), secretWithin)
	defer cancel()
	read := s.secret
	if scheme == "ssm" {
		read = s.parameter
	}
	text, err := read(ctx, name)
	if err != nil {
		return redact.Text{}, err
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return redact.Text{}, fault.New(fault.Misconfigured, "a secret that is referred to is empty, or is no text")
	}
	h = heldSecret{redact.NewText(text), s.now().Add(secretLife)}
	s.mu.Lock()
	s.seen[key] = h
	s.mu.Unlock()
	return h.value, nil
}

func (s *Store) secret(ctx context.Context, name string) (string, error) {
	out, err := s.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", awsfault.Wrap(err, "reading a secret that is referred to")
	}
	return aws.ToString(out.SecretString), nil
}

// fieldOf returns a field of a secret that is a JSON object.
func fieldOf(secret redact.Text, field string) (redact.Text, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(secret.Reveal()), &object) != nil {
		return redact.Text{}, fault.New(fault.Misconfigured, "a secret whose field is referred to is no JSON object")
	}
	var text string
	var number json.Number
	raw, ok := object[field]
	switch {
	case !ok:
		return redact.Text{}, fault.New(fault.Misconfigured, "a secret has no such field as is referred to")
	case json.Unmarshal(raw, &text) == nil && text != "":
		return redact.NewText(text), nil
	case json.Unmarshal(raw, &number) == nil && number != "":
		return redact.NewText(number.String()), nil
	}
	return redact.Text{}, fault.New(fault.Misconfigured, "a field of a secret that is referred to is neither a text nor a number, or is empty")
}
