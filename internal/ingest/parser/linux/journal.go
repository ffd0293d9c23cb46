package linux

import (
	"bytes"
	"strconv"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Journal is the format "journald": entries of the journal of systemd as
// journalctl -o json and its like write them. The message is read as that of a
// line of syslog. The id is __CURSOR, the time that of the sender, where it is
// said, or __REALTIME_TIMESTAMP. A message of bytes is text again.
func Journal() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "journald",
		Title: lang.T("systemd journal", "Journal de systemd"),
		Doc: lang.T("An entry of the journal as JSON (journalctl -o json). Its message is read as a line of syslog is.",
			"Una entrada del journal en JSON (journalctl -o json). Su mensaje se lee como una línea de syslog."),
	}, isJournal, addJournal)
}

func isJournal(r *parser.Reader) bool {
	return r.Get("MESSAGE") != nil && (r.Get("__REALTIME_TIMESTAMP") != nil || r.Get("_BOOT_ID") != nil || r.Get("SYSLOG_IDENTIFIER") != nil)
}

func addJournal(r *parser.Reader) {
	r.Time("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", "@timestamp", "time")
	r.ID("__CURSOR")
	r.Host("_HOSTNAME", "HOSTNAME", "hostname", "host")
	message := r.Text("MESSAGE")
	if v := r.Get("MESSAGE"); len(v) > 0 && v[0] == '[' {
		message = fromBytes(r, v)
	}
	r.Add(event.Message, message)
	r.AddText("host.os.type", "linux")
	program := r.First("SYSLOG_IDENTIFIER", "_COMM")
	if at := bytes.LastIndexByte(program, '/'); at >= 0 {
		program = program[at+1:]
	}
	h := Header{Program: string(program), Message: parser.String(message)}
	r.Add(event.ProcessName, program)
	to := objectNames{r}
	to.Int("process.pid", parser.String(r.First("_PID", "SYSLOG_PID")))
	r.Copy("process.executable", "_EXE")
	r.Copy("process.command_line", "_CMDLINE")
	r.Copy("service.name", "_SYSTEMD_UNIT")
	r.Out.Format = read(&h, to)
	if r.Out.Format == "linux" {
		r.Out.Format = "journald"
	}
}

// fromBytes is a message that is written as a list of bytes.
func fromBytes(r *parser.Reader, list []byte) []byte {
	var out []byte
	c := jsonline.Within(list)
	for v, ok := c.Element(); ok; v, ok = c.Element() {
		n, err := strconv.ParseUint(parser.String(r.TextOf(v)), 10, 8)
		if err != nil {
			return nil
		}
		out = append(out, byte(n))
	}
	return out
}

// objectNames adds names to an object.
type objectNames struct{ r *parser.Reader }

func (o objectNames) Add(name, text string) { o.r.AddText(name, text) }

func (o objectNames) Int(name, digits string) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		o.r.Put(name, strconv.AppendInt(nil, n, 10))
	}
}

func (o objectNames) From(address string) { o.r.From([]byte(address)) }
