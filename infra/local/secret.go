package local

import (
	"os"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Secret resolves a reference to a secret: env:NAME or file:PATH. Neither the value nor the path is ever quoted.
func Secret(reference string) (redact.Text, error) {
	scheme, rest, _ := strings.Cut(reference, ":")
	switch scheme {
	case "env":
		v, ok := os.LookupEnv(rest)
		if !ok {
			return redact.Text{}, fault.New(fault.Misconfigured, "an environment variable that a secret refers to is not set")
		}
		return redact.NewText(v), nil
	case "file":
		raw, err := os.ReadFile(rest)
		if err != nil {
			return redact.Text{}, fault.New(fault.Misconfigured, "a file that a secret refers to cannot be read")
		}
		return redact.NewText(strings.TrimRight(string(raw), "\r\n")), nil
	}
	return redact.Text{}, fault.New(fault.Misconfigured, "a secret is a reference: env:NAME or file:PATH")
}
