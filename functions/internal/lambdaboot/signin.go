package lambdaboot

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/signin"
)

// SignIn opens where staff sign in elsewhere. It stands behind Secrets, which it uses.
func SignIn(open func(c *cloud.Cloud, resolve func(reference string) (redact.Text, error), now func() time.Time) (*signin.Place, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
		p.SignIn, err = open(c, p.Secret, p.Now)
		return err
	}
}
