package lambdaboot

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// The ports of the inventory; what a function does not name is not in its binary, and its role does not grant it.

// Objects opens the buckets, and through them what is handed over.
func Objects(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
	store, err := c.Objects()
	if err != nil {
		return err
	}
	p.Blobs, p.HandOver = store, store
	return nil
}

// Engine starts, describes and stops executions, and answers task tokens.
func Engine(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
	p.Workflow, err = c.Engine()
	return err
}

// Mail sends.
func Mail(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
	p.Mail, err = c.Sender()
	return err
}

// Bus takes events.
func Bus(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
	p.Publish, err = c.Publish()
	return err
}

// Secrets reads what references refer to.
func Secrets(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
	p.Secret = c.Secrets().Resolve
	return nil
}

// Proof adds to the evidence bucket what must outlive every restore.
func Proof(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
	store, err := c.Objects()
	if err != nil {
		return err
	}
	p.Shredding, p.Keep = cloud.Shredding(store), cloud.Keep(store)
	return nil
}

// Connectors opens systems of these kinds.
func Connectors(list ...connector.Factory) Port {
	return func(_ context.Context, _ *cloud.Cloud, p *parts.Ports) error {
		p.Connectors = list
		return nil
	}
}
