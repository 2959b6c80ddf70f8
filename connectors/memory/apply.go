package memory

import (
	"context"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// ApplyErasure implements connector.Eraser.
func (c *Connector) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.apply(ctx, batch)
}

// VerifyErasure implements connector.Eraser.
func (c *Connector) VerifyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.verify(ctx, batch)
}

// ApplyCorrection implements connector.Corrector.
func (c *Connector) ApplyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.apply(ctx, batch)
}

// VerifyCorrection implements connector.Corrector.
func (c *Connector) VerifyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.verify(ctx, batch)
}

// ApplyRestriction implements connector.Restrictor.
func (c *Connector) ApplyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.apply(ctx, batch)
}

// VerifyRestriction implements connector.Restrictor.
func (c *Connector) VerifyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.verify(ctx, batch)
}

func (c *Connector) apply(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	at := Point{Op: "apply", Collection: batch[0].Collection}
	if err := c.ready(ctx, at); err != nil {
		return nil, err
	}
	effects := make([]connector.Effect, 0, len(batch))
	for i := range batch {
		e, err := c.system.change(&batch[i])
		if err != nil {
			return effects, err
		}
		effects = append(effects, e)
	}
	at.Done = true
	if err := c.ready(ctx, at); err != nil {
		return nil, err
	}
	return effects, nil
}

// change carries out one change. Records are replaced, never written to: readers hold on to them.
func (s *System) change(ch *connector.Change) (connector.Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(ch.Collection)
	key := connector.AppendKey(nil, ch.Key)
	rec := t.get(key)
	if e := ch.Settle(rec); e != connector.EffectNot {
		return e, nil
	}
	if ch.Action == connector.ActDelete {
		t.remove(key)
		return connector.EffectDone, nil
	}
	rec = rec.Clone()
	for _, f := range ch.Fields {
		if strings.Contains(f.Name, ".") {
			return 0, fault.New(fault.Misconfigured, "a memory system cannot change the nested field "+f.Name)
		}
		for i := range rec.Fields {
			if rec.Fields[i].Name == f.Name {
				rec.Fields[i].Value = f.Value
			}
		}
	}
	i, _ := t.find(key)
	t.rows[i].rec = rec
	t.version++
	return connector.EffectDone, nil
}

func (c *Connector) verify(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	if err := c.ready(ctx, Point{Op: "rows", Collection: batch[0].Collection}); err != nil {
		return nil, err
	}
	c.system.mu.RLock()
	defer c.system.mu.RUnlock()
	effects := make([]connector.Effect, len(batch))
	for i := range batch {
		var rec *connector.Record
		if t := c.system.collections[batch[i].Collection]; t != nil {
			rec = t.get(connector.AppendKey(nil, batch[i].Key))
		}
		effects[i] = batch[i].Compare(rec)
	}
	return effects, nil
}
