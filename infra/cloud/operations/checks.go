package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/table"
)

// DoctorTenant is the tenant of synthetic cases. It has no systems, and stays.
const DoctorTenant = "doctor"

// CheckRecords writes a row, reads it back, is refused with an old version, and removes it.
func (in *Installation) CheckRecords(ctx context.Context) error {
	key := table.Key{Table: table.Registry, PK: "STAGE", SK: "DOCTOR#" + uuid.NewString()}
	put := table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: key, Body: []byte("{}")}}
	if err := in.Records.Transact(ctx, put); err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	_, err := in.Records.Get(ctx, key)
	if err != nil {
		err = fmt.Errorf("reading a record back: %w", err)
	} else if again := in.Records.Transact(ctx, put); !fault.Has(again, fault.Conflict) {
		err = fault.New(fault.Internal, "a condition of a write is not kept")
	}
	gone := in.Records.Transact(ctx, table.Write{Op: table.Delete, If: table.AnyVersion, Item: table.Item{Key: key}})
	return errors.Join(err, gone)
}

// CheckKeys wraps a secret, unwraps it, and is refused in the name of another case.
func (in *Installation) CheckKeys(ctx context.Context) error {
	right := keys.Context{Tenant: DoctorTenant, Case: uuid.NewString(), Purpose: "record"}
	wrapped, err := in.Keeper.Wrap(ctx, right, redact.NewBytes([]byte("synthetic")))
	if err != nil {
		return fmt.Errorf("wrapping a key: %w", err)
	}
	plain, err := in.Keeper.Unwrap(ctx, right, wrapped)
	if err != nil {
		return fmt.Errorf("unwrapping a key: %w", err)
	}
	if string(plain.Reveal()) != "synthetic" {
		return fault.New(fault.Internal, "a key is not what was wrapped")
	}
	wrong := right
	wrong.Case = uuid.NewString()
	if _, err := in.Keeper.Unwrap(ctx, wrong, wrapped); !fault.Has(err, fault.Invalid) {
		return fault.New(fault.Internal, "a key can be unwrapped in the name of another case")
	}
	return nil
}

// CheckObjects puts an object, reads it, deletes it, and looks whether it is gone.
func (in *Installation) CheckObjects(ctx context.Context) error {
	for _, kind := range []string{"package", "raw"} {
		name := kind + "/" + DoctorTenant + "/" + uuid.NewString() + "/check"
		if _, err := in.Objects.Put(ctx, name, strings.NewReader("synthetic")); err != nil {
			return fmt.Errorf("putting an object: %w", err)
		}
		body, err := in.readObject(ctx, name)
		if err == nil && !bytes.Equal(body, []byte("synthetic")) {
			err = fault.New(fault.Internal, "an object is not what was put")
		}
		if gone := in.Objects.Delete(ctx, name); gone != nil {
			return errors.Join(err, fmt.Errorf("deleting an object: %w", gone))
		}
		if _, left := in.readObject(ctx, name); err == nil && !fault.Has(left, fault.NotFound) {
			err = fault.New(fault.Internal, "an object is there after it was deleted")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *Installation) readObject(ctx context.Context, name string) ([]byte, error) {
	r, _, err := in.Objects.Open(ctx, name, 0)
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	body, err := io.ReadAll(r)
	return body, errors.Join(err, r.Close())
}

// CheckLock looks whether the evidence bucket keeps what it is given, in compliance mode. Nothing is put there: it would stay.
func (in *Installation) CheckLock(ctx context.Context) error {
	client := s3.NewFromConfig(in.Cloud.Config, func(o *s3.Options) { o.UsePathStyle = in.Cloud.Config.BaseEndpoint != nil })
	out, err := client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: aws.String(in.Cloud.Buckets["evidence"])})
	if err != nil {
		return awsfault.Wrap(err, "asking for the lock of the evidence bucket")
	}
	lock := out.ObjectLockConfiguration
	switch {
	case lock == nil || lock.ObjectLockEnabled != s3types.ObjectLockEnabledEnabled || lock.Rule == nil || lock.Rule.DefaultRetention == nil:
		return fault.New(fault.Misconfigured, "the evidence bucket has no lock")
	case lock.Rule.DefaultRetention.Mode != s3types.ObjectLockRetentionModeCompliance:
		return fault.New(fault.Misconfigured, "the lock of the evidence bucket can be lifted: its mode is not compliance")
	case int(aws.ToInt32(lock.Rule.DefaultRetention.Days)) != in.Stage.EvidenceDays:
		return fault.New(fault.Misconfigured, "the evidence bucket does not lock for as long as the stage says")
	}
	return nil
}

// Visit is a synthetic person's visit: a tenant and a member of staff of that tenant alone, whose token ends with it.
type Visit struct {
	Token string
	email string
	in    *Installation
}

// Admit lets the synthetic person in. The tenant stays; End takes the rest away.
func (in *Installation) Admit(ctx context.Context) (*Visit, error) {
	domain := in.Cloud.MailDomain
	_, err := in.Set.Registry.Tenant(ctx, DoctorTenant)
	if fault.Has(err, fault.NotFound) {
		err = in.Set.Registry.PutTenant(ctx, registry.Tenant{
			Name: DoctorTenant, Title: "Doctor", Controller: "No controller: synthetic cases of this installation", Contact: "doctor@" + domain,
			From: "Habeas doctor <doctor@" + domain + ">", Zone: "UTC", Locale: "en",
		})
	}
	if err != nil {
		return nil, fmt.Errorf("making the tenant of the doctor: %w", err)
	}
	v := &Visit{in: in, email: "doctor@" + domain}
	m, err := in.Set.Registry.StaffByEmail(ctx, v.email)
	if fault.Has(err, fault.NotFound) {
		accounts := local.Accounts{Registry: in.Set.Registry, Sessions: in.Set.Sessions, Now: in.Now}
		if _, _, err = accounts.Add(ctx, DoctorTenant, v.email, []registry.Role{registry.Handler, registry.Auditor}, ""); err == nil {
			m, err = in.Set.Registry.StaffByEmail(ctx, v.email)
		}
	}
	if err == nil && m.Tenant != DoctorTenant {
		err = fault.New(fault.Conflict, "the address of the doctor is that of another account")
	}
	if err == nil {
		err = in.Set.Registry.ChangeStaff(ctx, m.ID, func(m *registry.Staff) { m.Disabled = false })
	}
	if err == nil {
		v.Token, err = in.Set.Sessions.New(ctx, session.Grant{Kind: session.API, StaffID: m.ID, Tenant: DoctorTenant, Name: "doctor"})
	}
	if err != nil {
		return nil, fmt.Errorf("making the account of the doctor: %w", err)
	}
	return v, nil
}

// Letters is nil when every letter of the case has left; fault.Unavailable while one is under way, fault.Misconfigured when one was
// refused. A case that wrote none is fault.Internal.
func (v *Visit) Letters(ctx context.Context, caseID string) error {
	list, _, err := v.in.Set.Cases.Letters(ctx, DoctorTenant, caseID, 50)
	if err != nil {
		return fmt.Errorf("reading letters: %w", err)
	}
	if len(list) == 0 {
		return fault.New(fault.Internal, "the case wrote no letter")
	}
	for _, m := range list {
		switch m.State {
		case "", mail.Claimed:
			return fault.New(fault.Unavailable, "a letter is under way")
		case mail.Failed, mail.Unknown, mail.Bounced:
			return fault.New(fault.Misconfigured, "a letter is "+string(m.State))
		case mail.Sent:
		}
	}
	return nil
}

// Kept is nil when nothing of the case is promised and not done: the mail service, the engine and the bus took what it had for them.
func (v *Visit) Kept(ctx context.Context, caseID string) error {
	for shard := range uint32(casefile.OutboxShards) {
		for cursor := ""; ; {
			rows, next, err := v.in.Set.Cases.Outbox(ctx, shard, counted, cursor)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.Tenant == DoctorTenant && r.CaseID == caseID {
					return fault.New(fault.Unavailable, "a promise of kind "+string(r.Kind)+" waits")
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return nil
}

// Sealed is nil when the bundle of the case verifies with nothing unsealed, and the checkpoint that seals it is in the evidence bucket.
func (v *Visit) Sealed(ctx context.Context, caseID string) error {
	var b bytes.Buffer
	if err := v.in.Set.Cases.WriteBundle(ctx, &b, DoctorTenant, caseID); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	report, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("verifying the bundle: %w", err)
	case !report.OK():
		return fault.New(fault.Internal, "the bundle does not verify")
	case report.Unsealed > 0:
		return fault.New(fault.Unavailable, "evidence is not sealed yet")
	}
	page, err := v.in.Objects.List(ctx, "evidence/"+DoctorTenant+"/checkpoints/", "", 1)
	if err == nil && len(page.Objects) == 0 {
		err = fault.New(fault.Unavailable, "no checkpoint is in the evidence bucket")
	}
	return err
}

// Dispose takes the case out of the house.
func (v *Visit) Dispose(ctx context.Context, caseID string, status dsar.Status, closedAt time.Time) error {
	return v.in.Dispose(ctx, DoctorTenant, caseID, status, closedAt)
}

// Dispose takes a closed case out of the house before its retention ends: what was about the person goes, its keys are destroyed, and
// evidence and certificate stay, as of every case.
func (in *Installation) Dispose(ctx context.Context, tenant, caseID string, status dsar.Status, closedAt time.Time) error {
	t := keys.Tombstone{Tenant: tenant, ID: caseID, At: in.Now().UTC(), Status: string(status), ClosedAt: closedAt}
	if err := in.Set.Again(ctx, t); err != nil {
		return fmt.Errorf("disposing of a case: %w", err)
	}
	_, err := in.Set.Vault.Fingerprint(ctx, tenant, caseID)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		err = fault.New(fault.Internal, "the keys of a case are still there")
	}
	return err
}

// End closes the account and ends its token.
func (v *Visit) End(ctx context.Context) error {
	err := v.in.Set.Sessions.End(ctx, session.API, v.Token)
	m, serr := v.in.Set.Registry.StaffByEmail(ctx, v.email)
	if serr == nil {
		serr = v.in.Set.Registry.ChangeStaff(ctx, m.ID, func(m *registry.Staff) { m.Disabled = true })
	}
	return errors.Join(err, serr)
}
