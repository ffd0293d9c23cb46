// Package windows reads the events of Windows as JSON, in the forms of the usual
// senders:
//
//   - flat, as NXLog's to_json writes them and the collections of OTRF have them:
//     Channel, EventID, Hostname, and the fields of EventData beside;
//   - of Winlogbeat and the Elastic Agent: winlog.channel, winlog.event_data;
//   - as the tools that turn EVTX into JSON write them (evtx_dump, Chainsaw, the
//     library of Velociraptor, and the plain translation of XML): System and
//     EventData, within Event or not.
//
// Sigma's rules know the fields of EventData by their plain names without spaces
// and those of System joined by a line. What has them elsewhere gets them beside:
// Channel, EventID, Provider_Name, Computer, CommandLine. What the sender wrote
// stays as it is.
//
// Added are host.name, event.code, event.provider, event.outcome (of audits),
// user.name, user.domain, source.ip, process.name, process.executable,
// process.command_line, process.parent.executable, process.parent.command_line,
// and message, the first line of the text that Windows shows. The id is host,
// channel, record number and time, where all of them are there.
package windows

import (
	"bytes"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Format is the format "windows".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "windows",
		Title: lang.T("Windows events", "Sucesos de Windows"),
		Doc: lang.T("Events of Windows as JSON: of NXLog, Winlogbeat, the Elastic Agent, and of tools that read EVTX.",
			"Sucesos de Windows en JSON: de NXLog, Winlogbeat, Elastic Agent y de las herramientas que leen EVTX."),
	}, known, add)
}

func known(r *parser.Reader) bool {
	return r.Get("EventID") != nil && (r.Get("Channel") != nil || r.Get("SourceName") != nil || r.Get("Provider_Name") != nil) ||
		r.Get("winlog.channel") != nil || r.Get("winlog.event_id") != nil || system(r) != nil
}

// system is the head of an event that is written as XML has it.
func system(r *parser.Reader) []byte {
	for _, name := range []string{"Event.System", "System"} {
		if v := r.Get(name); len(v) > 0 && v[0] == '{' {
			return v
		}
	}
	return nil
}

func add(r *parser.Reader) {
	if head := system(r); head != nil {
		fromHead(r, head)
		for _, body := range []string{"EventData", "UserData"} {
			for _, name := range []string{"Event." + body, body} {
				if v := r.Get(name); v != nil {
					fromBody(r, v, body == "UserData", 0)
				}
			}
		}
	} else if beat := r.Get("winlog"); len(beat) > 0 && beat[0] == '{' {
		fromBeat(r, beat)
	} else if r.Get("winlog.channel") != nil || r.Get("winlog.event_id") != nil {
		fromFlatBeat(r)
	}
	usual(r)
}

// fromBeat adds the plain names of what Winlogbeat wrote.
func fromBeat(r *parser.Reader, beat []byte) {
	for _, n := range [][2]string{{"Channel", "channel"}, {"EventID", "event_id"}, {"Provider_Name", "provider_name"}, {"Computer", "computer_name"}, {"EventRecordID", "record_id"}} {
		put(r, n[0], parser.Within(beat, n[1]))
	}
	for _, body := range []string{"event_data", "user_data"} {
		if v := parser.Within(beat, body); v != nil {
			fromBody(r, v, false, 0)
		}
	}
}

// fromFlatBeat is fromBeat of names with dots.
func fromFlatBeat(r *parser.Reader) {
	for _, n := range [][2]string{{"Channel", "winlog.channel"}, {"EventID", "winlog.event_id"}, {"Provider_Name", "winlog.provider_name"}, {"Computer", "winlog.computer_name"}, {"EventRecordID", "winlog.record_id"}} {
		put(r, n[0], r.Get(n[1]))
	}
	r.Each(func(key, v []byte) {
		if name, ok := bytes.CutPrefix(key, []byte("winlog.event_data.")); ok {
			put(r, plainName(name), v)
		}
	})
}

func put(r *parser.Reader, name string, v []byte) {
	if len(v) > 0 && v[0] != 'n' {
		r.Put(name, v)
	}
}

// fromHead adds the elements of System: their text under their name, their
// attributes under both, joined by a line.
func fromHead(r *parser.Reader, head []byte) {
	c := jsonline.Within(head)
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		name := string(key)
		if v[0] != '{' {
			put(r, name, v)
			continue
		}
		element(r, name, v)
	}
}

func element(r *parser.Reader, name string, v []byte) {
	c := jsonline.Within(v)
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		switch attribute := strings.TrimPrefix(string(key), "@"); attribute {
		case "#text", "Value", "":
			put(r, name, v)
		case "#attributes":
			if v[0] == '{' {
				element(r, name, v)
			}
		default:
			put(r, name+"_"+attribute, v)
		}
	}
}

// deepest is how deep the wrappings of UserData are followed.
const deepest = 4

// fromBody adds what a body says: fields by name, or the list Data of elements
// with a name and a text. The element that wraps UserData is left out.
func fromBody(r *parser.Reader, body []byte, wrapped bool, depth int) {
	if len(body) == 0 || depth > deepest {
		return
	}
	c := jsonline.Within(body)
	if body[0] == '[' {
		for v, ok := c.Element(); ok; v, ok = c.Element() {
			data(r, v)
		}
		return
	}
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		switch {
		case len(key) == 0 || key[0] == '@' || string(key) == "#attributes" || bytes.HasPrefix(key, []byte("xmlns")):
		case v[0] == '{' && wrapped:
			fromBody(r, v, false, depth+1)
		case string(key) == "Data" && (v[0] == '[' || v[0] == '{'):
			if v[0] == '{' {
				data(r, v)
			} else if named(v) {
				fromBody(r, v, false, depth+1)
			} else {
				put(r, "Data", v)
			}
		case v[0] == '{':
			put(r, plainName(key), parser.Within(v, "#text"))
		default:
			put(r, plainName(key), v)
		}
	}
}

// named reports whether a list is of elements that have names.
func named(list []byte) bool {
	c := jsonline.Within(list)
	v, ok := c.Element()
	return ok && v[0] == '{'
}

// data adds one element of Data.
func data(r *parser.Reader, v []byte) {
	if v[0] != '{' {
		return
	}
	name := r.TextOf(parser.Within(v, "Name"))
	for _, n := range []string{"@Name", "#attributes.Name"} {
		if name == nil {
			name = r.TextOf(parser.Within(v, n))
		}
	}
	text := parser.Within(v, "#text")
	if text == nil {
		text = parser.Within(v, "Value")
	}
	if len(name) > 0 {
		put(r, plainName(name), text)
	}
}

// plainName is the name of a field as rules write it.
func plainName(key []byte) string {
	return strings.ReplaceAll(string(key), " ", "")
}

var (
	nobody = map[string]bool{"": true, "-": true}
	users  = []string{"TargetUserName", "User", "SubjectUserName", "AccountName"}
	files  = []string{"Image", "NewProcessName", "ProcessName", "SourceImage"}
)

// usual adds the names of ECS to what has the plain names.
func usual(r *parser.Reader) {
	r.Time("@timestamp", "TimeCreated_SystemTime", "TimeCreated", "UtcTime", "EventTime", "timestamp")
	r.Host("Computer", "Hostname", "winlog.computer_name", "host")
	id := r.Str("EventID")
	r.AddText("event.code", id)
	r.Add("event.provider", first(r, "Provider_Name", "SourceName"))
	outcome(r, id)
	user := r.First(users...)
	if id == "4688" || nobody[parser.String(user)] {
		user = first(r, "SubjectUserName", "User", "TargetUserName")
	}
	if at := bytes.LastIndexByte(user, '\\'); at >= 0 {
		r.Add("user.domain", user[:at])
		user = user[at+1:]
	} else if field := domainOf(r, user); field != "" {
		r.Add("user.domain", first(r, field))
	}
	if !nobody[parser.String(user)] {
		r.Add(event.User, user)
	}
	if ip := first(r, "IpAddress", "SourceIp", "SourceAddress", "ClientAddress"); ip != nil {
		r.From(bytes.TrimPrefix(ip, []byte("::ffff:")))
	}
	if file := first(r, files...); file != nil {
		r.Add("process.executable", file)
		r.Add(event.ProcessName, file[bytes.LastIndexByte(file, '\\')+1:])
	}
	r.Copy("process.command_line", "CommandLine")
	r.Copy("process.parent.executable", "ParentImage", "ParentProcessName")
	r.Copy("process.parent.command_line", "ParentCommandLine")
	r.Add(event.Message, bytes.TrimSpace(r.FirstLine("Message", "message")))
	name(r)
}

// domainOf is the name of the field beside that of a user.
func domainOf(r *parser.Reader, user []byte) string {
	switch parser.String(user) {
	case "":
		return ""
	case r.Str("TargetUserName"):
		return "TargetDomainName"
	case r.Str("SubjectUserName"):
		return "SubjectDomainName"
	}
	return ""
}

func first(r *parser.Reader, names ...string) []byte {
	for _, name := range names {
		if text := r.Text(name); len(text) > 0 && string(text) != "-" {
			return text
		}
	}
	return nil
}

// outcome is that of an audit, which its keywords tell.
func outcome(r *parser.Reader, id string) {
	switch keywords := strings.ToLower(r.Str("Keywords")); {
	case strings.HasPrefix(keywords, "0x802") || keywords == "-9214364837600034816" || strings.Contains(keywords, "success"), r.Is("EventType", "AUDIT_SUCCESS"):
		r.Outcome(true)
	case strings.HasPrefix(keywords, "0x801") || keywords == "-9218868437227405312" || strings.Contains(keywords, "failure"), r.Is("EventType", "AUDIT_FAILURE"), id == "4625":
		r.Outcome(false)
	}
}

// name gives the event its id.
func name(r *parser.Reader) {
	channel, number := r.Str("Channel"), r.Str("EventRecordID")
	if number == "" {
		number = r.Str("RecordNumber")
	}
	if r.Out.Host != "" && channel != "" && number != "" && !r.Out.Time.IsZero() {
		r.Out.ID = r.Out.Host + "/" + channel + "/" + number + "/" + r.Out.Time.UTC().Format(time.RFC3339Nano)
	}
}
