package audit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const template = `{"Resources": {
  "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": [
    {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::b/*"]]},
     "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}}]}},
  "F": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "habeas-x-Triage", "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    "Environment": {"Variables": {"HABEAS_PREFIX": "habeas-x"}}}}}}`

func TestGranted(t *testing.T) {
	got, err := Granted(read(t, template))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]Statement{"Triage": {{
		Sid: "Read", Effect: "Allow", Actions: []string{"s3:GetObject"}, Resources: []string{"arn:${AWS::Partition}:s3:::b/*"},
		Condition: map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"true"}}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGrantedOverlooksNothing: a grant that it could not read would be a grant that nobody audits.
func TestGrantedOverlooksNothing(t *testing.T) {
	for name, change := range map[string][2]string{
		"a role elsewhere":       {`["Role", "Arn"]`, `["Other", "Arn"]`},
		"a policy of others":     {`"Policies": [`, `"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"], "Policies": [`},
		"no policy":              {`"Policies": [`, `"Other": [`},
		"a role that is no role": {`"AWS::IAM::Role"`, `"AWS::IAM::User"`},
	} {
		changed := strings.Replace(template, change[0], change[1], 1)
		if changed == template {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Granted(read(t, changed)); err == nil {
			t.Errorf("%s was overlooked", name)
		}
	}
}

func TestText(t *testing.T) {
	r := Resource{Properties: map[string]any{
		"List": []any{map[string]any{"Name": "a"}, map[string]any{"Ref": "B"}}, "Number": 3.0, "True": true,
		"Import": map[string]any{"Fn::ImportValue": "stack:X"}, "Sub": map[string]any{"Fn::Sub": "a-${AWS::Region}"},
		"Att": map[string]any{"Fn::GetAtt": []any{"K", "Arn"}}, "Object": map[string]any{"a": 1.0, "b": "c"},
	}}
	for path, want := range map[string]string{
		"List.0.Name": "a", "List.1": "${B}", "List.2": "", "List.x": "", "None": "", "None.More": "", "Number": "3", "True": "true",
		"Import": "${import stack:X}", "Sub": "a-${AWS::Region}", "Att": "${K.Arn}", "Object": `{"a":1,"b":"c"}`, "Number.x": "",
	} {
		if got := r.Text(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestReadRefusesWhatIsNoTemplate(t *testing.T) {
	if _, err := Read([]byte("Resources:")); err == nil {
		t.Error("YAML was read as JSON")
	}
}

func read(t *testing.T, text string) Template {
	t.Helper()
	out, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
