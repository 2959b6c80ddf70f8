package inventory

// Report is a rule by which something that Amazon SES reports about mail goes from the default event bus, the only one that SES
// knows, to the queue of the function that takes it. What SES says names addresses and subjects; the rule hands on a document of
// the same form that holds none of them, so that they reach no queue.
type Report struct {
	Name     string            // of the rule, behind the prefix
	Pattern  string            // event pattern, JSON
	Paths    map[string]string // input transformer: variables and where they are in the event
	Template string            // input transformer: the document
}

// ReportTypes are the types of events that the configuration set publishes.
func ReportTypes() []string { return []string{"SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "REJECT"} }

// Reports returns the rules for mail under a configuration set. Each variable of a rule is there in every event that its pattern
// matches. A plain complaint has no rule: who complains of a letter has it, and SES said so when it was delivered.
func Reports(configurationSet string) []Report {
	tags := `"mail":{"tags":{"ses:configuration-set":["` + configurationSet + `"],"habeas_tenant":[{"exists":true}],"habeas_message":[{"exists":true}]}}`
	pattern := func(detail string) string { return `{"source":["aws.ses"],"detail":{` + detail + `,` + tags + `}}` }
	paths := func(more ...string) map[string]string {
		all := map[string]string{
			"id": "$.id", "type": "$.detail.eventType", "tenant": "$.detail.mail.tags.habeas_tenant", "message": "$.detail.mail.tags.habeas_message",
		}
		for i := 0; i+1 < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	template := func(detail string) string {
		return `{"id":<id>,"source":"aws.ses","detail":{"eventType":<type>,` + detail + `"mail":{"tags":{"habeas_tenant":<tenant>,"habeas_message":<message>}}}}`
	}
	return []Report{
		{"mail-taken", pattern(`"eventType":["Send","Delivery","Reject"]`), paths(), template("")},
		{
			"mail-bounced", pattern(`"eventType":["Bounce"],"bounce":{"bounceType":[{"exists":true}],"bounceSubType":[{"exists":true}]}`),
			paths("kind", "$.detail.bounce.bounceType", "sub", "$.detail.bounce.bounceSubType"), template(`"bounce":{"bounceType":<kind>,"bounceSubType":<sub>},`),
		},
		{
			"mail-suppressed", pattern(`"eventType":["Complaint"],"complaint":{"complaintSubType":["OnAccountSuppressionList"]}`),
			paths(), template(`"complaint":{"complaintSubType":"OnAccountSuppressionList"},`),
		},
	}
}
