// Package stream reads items of the record store from the stream of their table, as Lambda hands it over. It stands apart from the
// store because only the functions behind a stream need the events of Lambda.
package stream

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// Decode returns the item of the table that an image (NewImage, OldImage) of a record shows, expired or not. What is no item of the
// store, such as the missing new image of a removal, is fault.Internal.
func Decode(name table.Name, image map[string]events.DynamoDBAttributeValue) (table.Item, error) {
	attributes := make(map[string]types.AttributeValue, len(image))
	for attribute, value := range image {
		switch value.DataType() { // the store writes no other types, and a value of another one is none
		case events.DataTypeString:
			attributes[attribute] = &types.AttributeValueMemberS{Value: value.String()}
		case events.DataTypeNumber:
			attributes[attribute] = &types.AttributeValueMemberN{Value: value.Number()}
		case events.DataTypeBinary:
			attributes[attribute] = &types.AttributeValueMemberB{Value: value.Binary()}
		default:
			attributes[attribute] = &types.AttributeValueMemberNULL{Value: true}
		}
	}
	return dynamotable.Decode(name, attributes)
}
