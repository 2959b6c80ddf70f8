package stories

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func emptyTable(ctx context.Context, client *dynamodb.Client, name string) error {
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &name, AttributesToGet: []string{"pk", "sk"}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for items := page.Items; len(items) > 0; {
			n := min(25, len(items))
			var batch []dynamotypes.WriteRequest
			for _, i := range items[:n] {
				batch = append(batch, dynamotypes.WriteRequest{DeleteRequest: &dynamotypes.DeleteRequest{Key: map[string]dynamotypes.AttributeValue{"pk": i["pk"], "sk": i["sk"]}}})
			}
			if _, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamotypes.WriteRequest{name: batch}}); err != nil {
				return err
			}
			items = items[n:]
		}
	}
	return nil
}

func emptyBucket(ctx context.Context, client *s3.Client, name string) error {
	pages := s3.NewListObjectVersionsPaginator(client, &s3.ListObjectVersionsInput{Bucket: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var gone []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			gone = append(gone, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, v := range page.DeleteMarkers {
			gone = append(gone, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		if len(gone) == 0 {
			continue
		}
		if _, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &name, Delete: &s3types.Delete{Objects: gone}}); err != nil {
			return err
		}
	}
	return nil
}
