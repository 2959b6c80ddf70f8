package keys

import (
	"bytes"
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// How many unwrapped keys a vault keeps in memory, about 2 KiB each.
const (
	cachedCases   = 2048
	cachedTenants = 256
)

// Vault gives out the keys of cases and tenants. Its rows, wrapped by the keeper:
//
//	table casekeys   pk T#<tenant>#C#<case>   sk KEYS   the two keys of a case
//	table registry   pk T#<tenant>            sk KEYS   index, evidence and session key of a tenant
//
// It is safe for use by several goroutines, and several processes may share a store. Tenant and case ids are 1 to 64
// characters of [A-Za-z0-9._-]; anything else is fault.Invalid.
type Vault struct {
	store   table.Store
	keeper  Keeper
	cases   *lru[Context, cachedCase]
	tenants *lru[string, *TenantKeys]
}

type cachedCase struct {
	row  []byte
	keys *CaseKeys
}

// NewVault returns a vault over store; neither store nor keeper may be nil.
func NewVault(store table.Store, keeper Keeper) *Vault {
	return &Vault{store, keeper, newLRU[Context, cachedCase](cachedCases), newLRU[string, *TenantKeys](cachedTenants)}
}

// NewCase makes the keys of a new case and the write that stores them, to be committed in the first transaction of the case.
// Nothing is stored before, and what was sealed is lost if that transaction does not happen. The write is conditional: a
// case that has keys already makes the transaction a fault.Conflict.
func (v *Vault) NewCase(ctx context.Context, tenant, caseID string) (*CaseKeys, table.Write, error) {
	if err := checkIDs(tenant, caseID); err != nil {
		return nil, table.Write{}, err
	}
	k, row, err := newCaseKeys(ctx, v.keeper, tenant, caseID)
	if err != nil {
		return nil, table.Write{}, fmt.Errorf("making case keys: %w", err)
	}
	v.cases.put(Context{Tenant: tenant, Case: caseID}, cachedCase{row, k})
	return k, table.Write{Op: table.Put, Item: table.Item{Key: caseKey(tenant, caseID), Body: row}, If: table.Absent}, nil
}

// Case returns the keys of a case, or fault.NotFound when it has none: never had, or shredded. Every call reads the row,
// strongly consistent, so that a case shredded by any process has no keys from then on; only the unwrapping is remembered.
func (v *Vault) Case(ctx context.Context, tenant, caseID string) (*CaseKeys, error) {
	if err := checkIDs(tenant, caseID); err != nil {
		return nil, err
	}
	name := Context{Tenant: tenant, Case: caseID}
	item, err := v.store.Get(ctx, caseKey(tenant, caseID))
	if fault.Has(err, fault.NotFound) {
		v.cases.drop(name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading case keys: %w", err)
	}
	if c, ok := v.cases.get(name); ok && bytes.Equal(c.row, item.Body) {
		return c.keys, nil
	}
	k, err := readCaseKeys(ctx, v.keeper, tenant, caseID, item.Body)
	if err != nil {
		return nil, fmt.Errorf("opening case keys: %w", err)
	}
	v.cases.put(name, cachedCase{bytes.Clone(item.Body), k})
	return k, nil
}

// Shred forgets the keys of a case and returns the write that destroys them; once it is committed, every copy of what was
// sealed under them is unreadable for good, except through a backup of table casekeys. Shredding twice is fine.
func (v *Vault) Shred(tenant, caseID string) table.Write {
	v.cases.drop(Context{Tenant: tenant, Case: caseID})
	return table.Write{Op: table.Delete, Item: table.Item{Key: caseKey(tenant, caseID)}, If: table.AnyVersion}
}

// Tenant returns the keys of a tenant, made and stored on first use. Of two processes that make them at once, one wins and
// both return its keys.
func (v *Vault) Tenant(ctx context.Context, tenant string) (*TenantKeys, error) {
	if err := checkIDs(tenant); err != nil {
		return nil, err
	}
	if k, ok := v.tenants.get(tenant); ok {
		return k, nil
	}
	key := table.Key{Table: table.Registry, PK: "T#" + tenant, SK: keysSK}
	item, err := v.store.Get(ctx, key)
	if fault.Has(err, fault.NotFound) {
		if err := v.createTenant(ctx, tenant, key); err != nil {
			return nil, err
		}
		// What is stored counts: somebody else may have been first.
		item, err = v.store.Get(ctx, key)
	}
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	k, err := readTenantKeys(ctx, v.keeper, tenant, item.Body)
	if err != nil {
		return nil, fmt.Errorf("opening tenant keys: %w", err)
	}
	v.tenants.put(tenant, k)
	return k, nil
}

func (v *Vault) createTenant(ctx context.Context, tenant string, key table.Key) error {
	row, err := newTenantRow(ctx, v.keeper, tenant)
	if err != nil {
		return fmt.Errorf("making tenant keys: %w", err)
	}
	err = v.store.Transact(ctx, table.Write{Op: table.Put, Item: table.Item{Key: key, Body: row}, If: table.Absent})
	if err != nil && !fault.Has(err, fault.Conflict) {
		return fmt.Errorf("storing tenant keys: %w", err)
	}
	return nil
}

const keysSK = "KEYS"

func caseKey(tenant, caseID string) table.Key {
	return table.Key{Table: table.CaseKeys, PK: "T#" + tenant + "#C#" + caseID, SK: keysSK}
}

// checkIDs keeps separators out of row keys, where they would let one tenant's name reach into another's.
func checkIDs(ids ...string) error {
	for _, id := range ids {
		if len(id) == 0 || len(id) > 64 {
			return fault.New(fault.Invalid, "a tenant or case id has 1 to 64 characters")
		}
		for _, r := range id {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
				return fault.New(fault.Invalid, "a tenant or case id has only letters, digits, dot, underscore and hyphen")
			}
		}
	}
	return nil
}
