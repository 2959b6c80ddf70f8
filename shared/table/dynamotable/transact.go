package dynamotable

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Two transactions that meet cancel one another, and the SDK does not repeat what was cancelled. It is worth a few tries: the other
// one is over within milliseconds.
const (
	attempts   = 6
	firstPause = 10 * time.Millisecond
	lastPause  = 200 * time.Millisecond
)

// Codes of the reasons for which DynamoDB cancels a transaction.
const (
	reasonCondition  = "ConditionalCheckFailed"
	reasonConflict   = "TransactionConflict"
	reasonDuplicate  = "DuplicateItem"
	reasonThroughput = "ProvisionedThroughputExceeded"
	reasonThrottling = "ThrottlingError"
	reasonCollection = "ItemCollectionSizeLimitExceeded"
	reasonValidation = "ValidationError"
)

// Transact implements table.Store. The request token is one per call, whoever repeats: an attempt that was carried out but not
// answered is answered by the next one, and nothing is written twice.
func (s *Store) Transact(ctx context.Context, writes ...table.Write) error {
	if err := table.Validate(writes...); err != nil {
		return fmt.Errorf("writing items: %w", err)
	}
	in := &dynamodb.TransactWriteItemsInput{
		ClientRequestToken: aws.String(rand.Text()), ReturnConsumedCapacity: s.counting(),
		TransactItems: make([]types.TransactWriteItem, len(writes)),
	}
	now := s.now().Unix()
	for i := range writes {
		in.TransactItems[i] = s.write(&writes[i], now)
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := s.usable(ctx); err != nil {
			return fmt.Errorf("writing items: %w", err)
		}
		out, err := s.client.TransactWriteItems(ctx, in)
		if err == nil {
			s.wrote(out.ConsumedCapacity)
			return nil
		}
		repeat, err := cancelled(err)
		if !repeat || attempt == attempts || !wait(ctx, pause/2+mathrand.N(pause)) {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// wait returns false when the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// cancelled classifies the failure of a transaction and reports whether repeating it at once makes sense. A condition that does not
// hold outweighs everything else: no repetition helps.
func cancelled(err error) (repeat bool, classified error) {
	e, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return false, classify(err, "writing items")
	}
	codes := make([]string, len(e.CancellationReasons))
	for i := range e.CancellationReasons {
		codes[i] = aws.ToString(e.CancellationReasons[i].Code)
	}
	has := func(code ...string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(code, c) })
	}
	switch {
	case has(reasonCondition, reasonDuplicate):
		return false, fault.New(fault.Conflict, "writing items: an item was changed in the meantime")
	case has(reasonValidation):
		return false, fault.New(fault.Invalid, "writing items: the record store does not take an item")
	case has(reasonCollection):
		return false, fault.New(fault.Invalid, "writing items: a partition of the record store is full")
	case has(reasonConflict):
		return true, fault.New(fault.Conflict, "writing items: others are changing the same items")
	case has(reasonThroughput, reasonThrottling):
		return true, fault.New(fault.Unavailable, "writing items: too much is written at once")
	default:
		return false, fault.New(fault.Conflict, "writing items: the transaction was cancelled")
	}
}

// write returns what DynamoDB is to do for one write.
func (s *Store) write(w *table.Write, now int64) types.TransactWriteItem {
	c := conditionOf(w.If, now)
	switch {
	case w.Op == table.Put && w.If == table.AnyVersion:
		return types.TransactWriteItem{Update: s.overwrite(&w.Item)}
	case w.Op == table.Put:
		item := content(&w.Item)
		item[attrPK], item[attrSK], item[attrVersion] = text(w.Item.PK), text(w.Item.SK), number(w.If+1)
		return types.TransactWriteItem{Put: &types.Put{
			TableName: s.table(w.Item.Table), Item: item,
			ConditionExpression: c.expression, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		}}
	case w.Op == table.Delete:
		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.table(w.Item.Table), Key: keyOf(w.Item.Key),
			ConditionExpression: c.expression, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		}}
	default:
		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: s.table(w.Item.Table), Key: keyOf(w.Item.Key),
			ConditionExpression: c.expression, ExpressionAttributeNames: c.names, ExpressionAttributeValues: c.values,
		}}
	}
}

// condition is a condition expression and what stands for its names and values.
type condition struct {
	expression *string
	names      map[string]string
	values     attributes
}

// conditionOf returns the condition of a write. An expired item is absent, whether or not DynamoDB has removed it yet.
func conditionOf(want, now int64) condition {
	switch want {
	case table.AnyVersion:
		return condition{}
	case table.Absent:
		return condition{
			expression: aws.String("attribute_not_exists(#pk) OR #expires <= :now"),
			names:      map[string]string{"#pk": attrPK, "#expires": attrExpires},
			values:     attributes{":now": number(now)},
		}
	default:
		return condition{
			expression: aws.String("#version = :version AND (attribute_not_exists(#expires) OR #expires > :now)"),
			names:      map[string]string{"#version": attrVersion, "#expires": attrExpires},
			values:     attributes{":version": number(want), ":now": number(now)},
		}
	}
}

// overwrite returns the update that leaves nothing of what was there but its version, raised by one.
func (s *Store) overwrite(it *table.Item) *types.Update {
	u := &types.Update{
		TableName: s.table(it.Table), Key: keyOf(it.Key),
		ExpressionAttributeNames: map[string]string{"#version": attrVersion}, ExpressionAttributeValues: attributes{":one": number(1)},
	}
	set, remove := "", ""
	stored := content(it)
	for _, name := range []string{attrBody, attrIPK, attrISK, attrExpires} {
		u.ExpressionAttributeNames["#"+name] = name
		if v, ok := stored[name]; ok {
			u.ExpressionAttributeValues[":"+name] = v
			set += comma(set, " SET ") + "#" + name + " = :" + name
		} else {
			remove += comma(remove, " REMOVE ") + "#" + name
		}
	}
	u.UpdateExpression = aws.String("ADD #version :one" + set + remove)
	return u
}

// comma returns what comes before the next part of a clause.
func comma(clause, keyword string) string {
	if clause == "" {
		return keyword
	}
	return ", "
}
