package objects

import (
	"context"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/habeas-dsar/habeas/shared/awsfault"
)

// fileMark ends every key on versitygw. It sorts before every character of a name, so marked keys are in the order of the names.
const fileMark = "!"

// asFiles lets a client of versitygw do what S3 does. versitygw keeps objects as files of their keys, where "a" and "a/b" cannot both
// be and a directory is removed while somebody else writes into it; so keys get a mark,
// and the answer to the race a repetition.
func asFiles(o *s3.Options) {
	o.Retryer = retry.AddWithErrorCodes(o.Retryer, "ExistingObjectIsDirectory")
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("AsFiles",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				marked := reflect.New(reflect.ValueOf(in.Parameters).Elem().Type())
				marked.Elem().Set(reflect.ValueOf(in.Parameters).Elem())
				changeKeys(marked.Elem(), func(key string) string { return key + fileMark })
				in.Parameters = marked.Interface()
				out, meta, err := next.HandleInitialize(ctx, in)
				if d, ok := in.Parameters.(*s3.DeleteObjectInput); ok && d.VersionId != nil && awsfault.Code(err) == "InvalidArgument" {
					// A version that is gone; S3 says that it is deleted.
					return middleware.InitializeOutput{Result: &s3.DeleteObjectOutput{}}, meta, nil
				}
				if v := reflect.ValueOf(out.Result); err == nil && v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
					changeKeys(v.Elem(), func(key string) string { return strings.TrimSuffix(key, fileMark) })
				}
				return out, meta, err
			}), middleware.After)
	})
}

// changeKeys changes every key in an input or output: its own, those where a list goes on, and those of what it lists.
func changeKeys(v reflect.Value, change func(string) string) {
	for _, name := range []string{"Key", "StartAfter", "KeyMarker", "NextKeyMarker"} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() && f.Elem().String() != "" {
			f.Set(reflect.ValueOf(aws.String(change(f.Elem().String()))))
		}
	}
	for _, name := range []string{"Contents", "Versions", "DeleteMarkers", "Uploads"} {
		if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.Slice {
			for i := range f.Len() {
				changeKeys(f.Index(i), change)
			}
		}
	}
}
