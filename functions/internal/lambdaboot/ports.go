package lambdaboot

import (
	"context"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// The ports of the inventory. What a function does not name is not in its binary, and its role does not grant it: a main passes
// the Open of the package of infra/cloud that it wants, so that this package links none of them.

// store keeps objects, and hands some of them over.
type store interface {
	blobs.Store
	blobs.HandOver
}

// Objects opens the buckets, and through them what is handed over.
func Objects[S store](open func(*cloud.Cloud) (S, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
		objects, err := open(c)
		if err != nil {
			return err
		}
		p.Blobs, p.HandOver = objects, objects
		return nil
	}
}

// Proof adds to the evidence bucket what must outlive every restore.
func Proof[S store](open func(*cloud.Cloud) (S, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
		objects, err := open(c)
		if err != nil {
			return err
		}
		p.Shredding, p.Keep = cloud.Shredding(objects), cloud.Keep(objects)
		return nil
	}
}

// Engine starts, describes and stops executions, and answers task tokens.
func Engine(open func(*cloud.Cloud) (workflow.Engine, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
		p.Workflow, err = open(c)
		return err
	}
}

// Mail sends.
func Mail(open func(*cloud.Cloud) (mail.Sender, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
		p.Mail, err = open(c)
		return err
	}
}

// Bus takes events.
func Bus(open func(*cloud.Cloud) (func(ctx context.Context, e events.Event) error, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) (err error) {
		p.Publish, err = open(c)
		return err
	}
}

// Secrets reads what references refer to.
func Secrets[S resolver](open func(*cloud.Cloud) S) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
		p.Secret = open(c).Resolve
		return nil
	}
}

// Connectors opens systems of these kinds.
func Connectors(list ...connector.Factory) Port {
	return func(_ context.Context, _ *cloud.Cloud, p *parts.Ports) error {
		p.Connectors = list
		return nil
	}
}
