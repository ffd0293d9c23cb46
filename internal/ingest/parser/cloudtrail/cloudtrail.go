// Package cloudtrail reads the records of AWS CloudTrail, as they stand in the
// list Records of its files and in its event streams.
//
// The id of an event is its eventID, its time eventTime. Added are event.action
// (eventName), event.provider (eventSource), event.outcome (a failure where there
// is an errorCode, or a sign-in to the console failed), user.name, user.id,
// source.ip or source.domain, cloud.provider, cloud.region, cloud.account.id,
// user_agent.original, error.code, error.message, and a message.
package cloudtrail

import (
	"bytes"
	"errors"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "cloudtrail".
func Format() parser.Format {
	f := parser.JSON(parser.Format{
		Name:  "cloudtrail",
		Title: lang.T("AWS CloudTrail", "AWS CloudTrail"),
		Doc: lang.T("One record of CloudTrail. A file of them, with the list Records, is taken apart where it is read.",
			"Un registro de CloudTrail. Un archivo, con la lista Records, se separa donde se lee."),
	}, known, add)
	record := f.Parse
	f.Parse = func(data []byte, env *parser.Env, out *parser.Out) error {
		if isFile(data) {
			return errors.New("a whole file of CloudTrail came as one record: send each member of its list Records")
		}
		return record(data, env, out)
	}
	return f
}

// isFile reports whether data begin as a file of records does.
func isFile(data []byte) bool {
	rest := bytes.TrimLeft(data, " \t\r\n")
	rest, ok := bytes.CutPrefix(rest, []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"Records"`))
}

func known(r *parser.Reader) bool {
	return r.Get("eventVersion") != nil && r.Get("eventSource") != nil && r.Get("eventName") != nil
}

func add(r *parser.Reader) {
	r.Time("eventTime")
	r.ID("eventID")
	user, code := userOf(r), r.Str("errorCode")
	r.Copy(event.Action, "eventName")
	r.Copy("event.provider", "eventSource")
	r.AddText(event.User, user)
	identity := r.Get("userIdentity")
	r.Put("user.id", said(parser.Within(identity, "principalId")))
	r.From(r.Text("sourceIPAddress"))
	r.AddText("cloud.provider", "aws")
	r.Copy("cloud.region", "awsRegion")
	r.Copy(event.CloudAcct, "recipientAccountId", "userIdentity.accountId")
	r.Copy("user_agent.original", "userAgent")
	r.Copy("error.code", "errorCode")
	r.Copy("error.message", "errorMessage")
	signedIn := r.Str("responseElements.ConsoleLogin")
	r.Outcome(code == "" && len(r.Text("errorMessage")) == 0 && signedIn != "Failure")
	by := ""
	if user != "" {
		by = "by"
	}
	r.Say(r.Str("eventName"), r.Str("eventSource"), by, user, code)
}

func said(v []byte) []byte {
	if !parser.Says(v) {
		return nil
	}
	return v
}

// userOf is whom a record is of: the user, the role that was taken, or the
// service.
func userOf(r *parser.Reader) string {
	identity := r.Get("userIdentity")
	text := func(path string) string { return parser.String(r.TextOf(parser.Within(identity, path))) }
	if text("type") == "Root" {
		return "root"
	}
	if name := text("userName"); name != "" {
		return name
	}
	arn := text("arn")
	if at := strings.Index(arn, "assumed-role/"); at >= 0 {
		return arn[at+len("assumed-role/"):]
	}
	if name := text("sessionContext.sessionIssuer.userName"); name != "" {
		return name
	}
	if at := strings.LastIndexByte(arn, '/'); at >= 0 {
		return arn[at+1:]
	}
	if by := text("invokedBy"); by != "" {
		return by
	}
	return text("accountId")
}
