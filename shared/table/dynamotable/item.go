package dynamotable

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// The attributes of an item.
const (
	attrPK, attrSK   = "pk", "sk"
	attrIPK, attrISK = "ipk", "isk"
	attrBody         = "body"
	attrVersion      = "version"
	attrExpires      = "expires"
)

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// binary keeps an empty body: a nil one would be sent as no value at all.
func binary(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{}
	}
	return &types.AttributeValueMemberB{Value: b}
}

func keyOf(k table.Key) attributes { return attributes{attrPK: text(k.PK), attrSK: text(k.SK)} }

// content returns what a Put stores beside key and version.
func content(it *table.Item) attributes {
	a := attributes{attrBody: binary(it.Body)}
	if it.IPK != "" {
		a[attrIPK], a[attrISK] = text(it.IPK), text(it.ISK)
	}
	if !it.ExpiresAt.IsZero() {
		a[attrExpires] = number(table.StoredExpiry(it.ExpiresAt).Unix())
	}
	return a
}

// Decode returns the item that the attributes are, expired or not. Attributes that the store does not write are ignored; what is
// no item of the store is fault.Internal.
func Decode(name table.Name, a map[string]types.AttributeValue) (table.Item, error) {
	it := table.Item{Key: table.Key{Table: name}}
	var version, expires int64
	ok := stringIn(a[attrPK], &it.PK) && stringIn(a[attrSK], &it.SK) && numberIn(a[attrVersion], &version) && bytesIn(a[attrBody], &it.Body)
	if ok && a[attrIPK] != nil {
		ok = stringIn(a[attrIPK], &it.IPK) && stringIn(a[attrISK], &it.ISK)
	}
	if ok && a[attrExpires] != nil {
		ok = numberIn(a[attrExpires], &expires)
		it.ExpiresAt = time.Unix(expires, 0).UTC()
	}
	if !ok || it.PK == "" || it.SK == "" || version < 1 {
		return table.Item{}, fault.New(fault.Internal, "a row of the record store is not one of ours")
	}
	it.Version = version
	return it, nil
}

func stringIn(v types.AttributeValue, into *string) bool {
	s, ok := v.(*types.AttributeValueMemberS)
	if ok {
		*into = s.Value
	}
	return ok
}

func bytesIn(v types.AttributeValue, into *[]byte) bool {
	b, ok := v.(*types.AttributeValueMemberB)
	if ok {
		*into = b.Value
	}
	return ok
}

func numberIn(v types.AttributeValue, into *int64) bool {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	*into = i
	return err == nil
}
